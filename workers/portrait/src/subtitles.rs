//! Subtitles of synthetic speech: its sentences cut into lines that can be read.

use medley_proto::{SentenceTime, SpeechTiming};
use serde::{Deserialize, Serialize};

use crate::draw::is_wide;

/// A text and when it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cue {
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) text: String,
}

/// Two lines of 42 letters, where an ideograph counts for two and a half.
const MAX_LETTERS: f64 = 84.0;
const IDEOGRAPH: f64 = 2.5;

/// A cue that is seen for less time cannot be read.
const MIN_CUE_S: f64 = 1.0;
/// Cues with a longer pause between them are not put together.
const MAX_PAUSE_S: f64 = 1.0;

/// The cues of a speech; times inside a sentence are its words' where they can be told apart, else by length.
pub(crate) fn cues(timing: &SpeechTiming) -> Vec<Cue> {
    let cut = timing.sentences.iter().flat_map(|sentence| of_sentence(sentence, timing)).collect();
    let mut cues = together(cut);
    hold(&mut cues, timing.duration_s);
    cues
}

/// Puts a cue that is too short to be read together with the one before or after it, where both fit.
fn together(mut cues: Vec<Cue>) -> Vec<Cue> {
    let mut i = 0;
    while i < cues.len() {
        let fits = |a: &Cue, b: &Cue| {
            (b.start_s - a.end_s < MAX_PAUSE_S).then(|| size(&a.text) + size(&b.text)).filter(|&n| n <= MAX_LETTERS)
        };
        let before = if i > 0 { fits(&cues[i - 1], &cues[i]) } else { None };
        let after = cues.get(i + 1).and_then(|next| fits(&cues[i], next));
        let short = cues[i].end_s - cues[i].start_s < MIN_CUE_S;
        let first = match (before, after) {
            _ if !short => None,
            (Some(before), after) if after.is_none_or(|after| before <= after) => Some(i - 1),
            (_, after) => after.map(|_| i),
        };
        match first {
            None => i += 1,
            Some(first) => {
                let second = cues.remove(first + 1);
                let text = &mut cues[first].text;
                if !text.ends_with(is_wide) || !second.text.starts_with(is_wide) {
                    text.push(' ');
                }
                text.push_str(&second.text);
                cues[first].end_s = second.end_s;
                i = first;
            }
        }
    }
    cues
}

/// Holds what is still too short into the pause behind it; the last one to the end of the sound.
fn hold(cues: &mut [Cue], duration_s: f64) {
    for i in 0..cues.len() {
        let until_s = cues.get(i + 1).map_or(duration_s, |next| next.start_s);
        let cue = &mut cues[i];
        cue.end_s = cue.end_s.max((cue.start_s + MIN_CUE_S).min(until_s));
    }
}

fn of_sentence(sentence: &SentenceTime, timing: &SpeechTiming) -> Vec<Cue> {
    let pieces = pieces(&sentence.text);
    let total = size(&sentence.text).max(1e-9);
    let inside = |time: f64| time >= sentence.start_s - 1e-6 && time < sentence.end_s;
    let starts: Vec<f64> = timing.words.iter().map(|word| word.start_s).filter(|&time| inside(time)).collect();
    let spoken: usize = pieces.iter().map(|piece| piece.split_whitespace().count()).sum();
    let (mut said, mut words) = (0.0, 0);
    let mut cues: Vec<Cue> = pieces
        .iter()
        .map(|piece| {
            let by_length = sentence.start_s + (sentence.end_s - sentence.start_s) * said / total;
            let start_s = if starts.len() == spoken { starts.get(words).copied() } else { None };
            said += size(piece);
            words += piece.split_whitespace().count();
            Cue { start_s: start_s.unwrap_or(by_length), end_s: sentence.end_s, text: piece.trim().to_owned() }
        })
        .collect();
    for i in 1..cues.len() {
        cues[i - 1].end_s = cues[i].start_s;
    }
    cues
}

fn size(text: &str) -> f64 {
    text.chars().map(|c| if is_wide(c) { IDEOGRAPH } else { 1.0 }).sum()
}

/// Cuts a sentence into as few even pieces as fit, after commas where they are near.
fn pieces(text: &str) -> Vec<String> {
    let total = size(text);
    let count = (total / MAX_LETTERS).ceil().max(1.0);
    let wanted = total / count;
    let (mut pieces, mut piece, mut filled) = (Vec::new(), String::new(), 0.0);
    for c in text.chars() {
        piece.push(c);
        filled += size(c.encode_utf8(&mut [0; 4]));
        let breath = matches!(c, ',' | ';' | ':' | '，' | '；' | '：' | '、');
        let gap = c.is_whitespace() || (is_wide(c) && !breath);
        if (breath && filled >= 0.7 * wanted) || (gap && filled >= wanted) {
            pieces.push(std::mem::take(&mut piece));
            filled = 0.0;
        }
    }
    match pieces.last_mut() {
        // Punctuation and a word or two never stand alone.
        Some(last) if size(piece.trim()) < 8.0 => last.push_str(&piece),
        _ if piece.trim().is_empty() => {}
        _ => pieces.push(piece),
    }
    pieces
}

/// SubRip, the last cue held a moment.
pub(crate) fn srt(cues: &[Cue]) -> String {
    let mut text = String::new();
    for (i, cue) in cues.iter().enumerate() {
        let (start, end) = (clock(cue.start_s, ','), clock(cue.end_s, ','));
        text.push_str(&format!("{}\n{start} --> {end}\n{}\n\n", i + 1, cue.text));
    }
    text
}

/// WebVTT.
pub(crate) fn vtt(cues: &[Cue]) -> String {
    let mut text = String::from("WEBVTT\n\n");
    for cue in cues {
        let escaped = cue.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text.push_str(&format!("{} --> {}\n{escaped}\n\n", clock(cue.start_s, '.'), clock(cue.end_s, '.')));
    }
    text
}

fn clock(time_s: f64, point: char) -> String {
    let ms = (time_s.max(0.0) * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}{point}{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str, start_s: f64, end_s: f64) -> SentenceTime {
        SentenceTime { start_s, end_s, text: text.into(), language: "en".into() }
    }

    #[test]
    fn long_sentences_become_pieces_that_can_be_read_and_lose_nothing() {
        let english = "The prime minister said on Monday that a new bridge will open before the end of May, \
                       although heavy rain has damaged a part of the old road beside the river.";
        let chinese = "总理星期一表示，新的大桥将在五月底之前开放，尽管连日的大雨冲毁了河边旧路的一段，当地居民仍然期待着通车的那一天。";
        for text in [english, chinese] {
            let timing = SpeechTiming { sentences: vec![sentence(text, 1.0, 11.0)], ..SpeechTiming::default() };
            let cues = cues(&timing);
            assert!(cues.len() >= 2 && cues.iter().all(|cue| size(&cue.text) <= 1.3 * MAX_LETTERS), "{cues:?}");
            let joined: String = cues.iter().flat_map(|cue| cue.text.chars()).filter(|c| !c.is_whitespace()).collect();
            assert_eq!(joined, text.chars().filter(|c| !c.is_whitespace()).collect::<String>());
            assert!(cues.windows(2).all(|w| w[0].end_s == w[1].start_s && w[0].start_s < w[0].end_s));
            assert_eq!((cues[0].start_s, cues[cues.len() - 1].end_s), (1.0, 11.0));
        }
    }

    #[test]
    fn no_cue_is_too_short_to_be_read() {
        let long = "The council of the old town has decided on Monday that the new bridge will be open before May.";
        let spoken =
            [("Yes.", 0.0, 0.5), ("No.", 0.8, 1.2), ("好的。", 1.5, 1.9), (long, 2.1, 8.0), ("Why?", 8.2, 8.6)];
        let sentences = spoken.map(|(text, start_s, end_s)| sentence(text, start_s, end_s)).to_vec();
        let timing = SpeechTiming { sentences, duration_s: 9.1, ..SpeechTiming::default() };
        let cues = cues(&timing);
        assert_eq!(cues[0].text, "Yes. No. 好的。", "{cues:?}");
        assert!(cues.iter().all(|cue| size(&cue.text) <= 1.3 * MAX_LETTERS), "{cues:?}");
        assert!(cues.windows(2).all(|w| w[0].end_s <= w[1].start_s), "{cues:?}");
        assert!(cues.iter().all(|cue| cue.end_s - cue.start_s >= 0.84), "{cues:?}");
        assert!(cues[cues.len() - 1].text.ends_with("Why?") && cues[cues.len() - 1].end_s <= 9.1);

        let alone = SpeechTiming { sentences: vec![sentence("Yes.", 0.0, 0.5)], duration_s: 4.0, ..timing };
        let alone = super::cues(&alone);
        assert_eq!((alone[0].start_s, alone[0].end_s), (0.0, 1.0), "held into the silence behind it");
    }

    #[test]
    fn formats_are_as_players_read_them() {
        let cues = [Cue { start_s: 3661.5, end_s: 3662.0, text: "a < b".into() }];
        assert_eq!(srt(&cues), "1\n01:01:01,500 --> 01:01:02,000\na < b\n\n");
        assert_eq!(vtt(&cues), "WEBVTT\n\n01:01:01.500 --> 01:01:02.000\na &lt; b\n\n");
    }
}
