//! Subtitles: cues that can be read in the time they are shown, broken where the sentence allows it.
//!
//! The limits are those of the BBC's and Netflix's guides: two lines of 42 characters (16 in Chinese), 17 characters
//! a second, 5/6 of a second to 7 seconds.

use std::fmt::Write as _;

use crate::{
    step::TimedWord,
    text::{
        chars::{ends_phrase, final_mark, is_sentence_end},
        sentences::Sentence,
    },
};

/// What a subtitle may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) line_chars: usize,
    pub(crate) lines: usize,
}

const CHARS_PER_S: f64 = 17.0;
const MIN_SHOWN_S: f64 = 5.0 / 6.0;
const MAX_SHOWN_S: f64 = 7.0;
/// Between two cues, so that the eye sees the change.
const GAP_S: f64 = 0.04;
/// How late a cue may come so that the one before it can be read.
const LAG_S: f64 = 0.8;
/// A pause that no cue is shown across.
const PAUSE_S: f64 = 1.0;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cue {
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) lines: Vec<String>,
}

impl Cue {
    fn chars(&self) -> usize {
        self.lines.iter().map(|line| line.chars().count()).sum()
    }

    /// Can be read at 17 characters a second.
    pub(crate) fn is_readable(&self) -> bool {
        self.chars() as f64 / (self.end_s - self.start_s) <= CHARS_PER_S + 0.5
    }
}

/// A word, and how bad it would be to break after it.
struct Unit {
    word: TimedWord,
    chars: usize,
    break_cost: f64,
}

/// The cues of a whole file of `duration_s`; a sentence's are within the limits that `limits` gives for it.
pub(crate) fn cues(sentences: &[Sentence], limits: impl Fn(&Sentence) -> Limits, duration_s: f64) -> Vec<Cue> {
    let mut cues = Vec::new();
    for alike in sentences.chunk_by(|a, b| limits(a) == limits(b)) {
        let limits = limits(&alike[0]);
        let units = units(alike.iter().flat_map(|sentence| &sentence.words), limits.line_chars);
        let mut from = 0;
        for to in 1..=units.len() {
            let pause = |n: usize| units[n].word.start_s - units[n - 1].word.end_s;
            if to == units.len() || pause(to) >= PAUSE_S {
                block(&units[from..to], limits, &mut cues);
                from = to;
            }
        }
    }
    show(&mut cues, duration_s);
    cues
}

/// Words, those that are longer than a line cut into pieces.
fn units<'a>(words: impl Iterator<Item = &'a TimedWord>, line_chars: usize) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for word in words {
        let text: Vec<char> = word.text.chars().collect();
        if text.len() <= line_chars {
            units.push(Unit { chars: text.len(), break_cost: break_cost(&word.text), word: word.clone() });
            continue;
        }
        let part = (word.end_s - word.start_s) / text.len() as f64;
        for (n, piece) in text.chunks(line_chars).enumerate() {
            let start_s = word.start_s + part * (n * line_chars) as f64;
            let end_s = start_s + part * piece.len() as f64;
            let text: String = piece.iter().collect();
            let break_cost = break_cost(&text);
            units.push(Unit {
                chars: piece.len(),
                break_cost,
                word: TimedWord { start_s, end_s, text, ..word.clone() },
            });
        }
    }
    crate::text::phrases::glue(
        &mut units.iter_mut().map(|unit| (&unit.word.text, &mut unit.break_cost)).collect::<Vec<_>>(),
    );
    units
}

/// Words that belong to what follows them.
const LEANING: [&str; 44] = [
    "a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "with", "from", "and", "or", "but", "nor", "as", "if",
    "that", "which", "who", "is", "are", "was", "were", "be", "been", "has", "have", "had", "will", "would", "can",
    "could", "not", "no", "my", "your", "his", "her", "its", "our", "their", "very",
];

fn break_cost(word: &str) -> f64 {
    let bare = word.trim().to_lowercase();
    if is_sentence_end(word) {
        0.0
    } else if final_mark(word).is_some_and(ends_phrase) {
        0.35
    } else if LEANING.contains(&bare.as_str()) {
        1.8
    } else {
        1.0
    }
}

/// Shares out the words of a block without pauses among cues: the cheapest way by dynamic programming.
fn block(units: &[Unit], limits: Limits, cues: &mut Vec<Cue>) {
    let n = units.len();
    let mut costs = vec![f64::INFINITY; n + 1];
    let mut cuts = vec![0; n + 1];
    costs[0] = 0.0;
    for from in 0..n {
        for to in from + 1..=n {
            let Some(cost) = cue_cost(&units[from..to], units.get(to), limits) else { break };
            if costs[from] + cost < costs[to] {
                costs[to] = costs[from] + cost;
                cuts[to] = from;
            }
        }
    }
    let mut borders = vec![n];
    while let Some(last) = borders.last().copied().filter(|last| *last > 0) {
        borders.push(cuts[last]);
    }
    borders.reverse();
    for pair in borders.windows(2) {
        let units = &units[pair[0]..pair[1]];
        cues.push(Cue {
            start_s: units[0].word.start_s,
            end_s: units[units.len() - 1].word.end_s,
            lines: lines(units, limits).unwrap_or_default(),
        });
    }
}

/// How good these words are as a cue; nothing when they do not fit.
fn cue_cost(units: &[Unit], next: Option<&Unit>, limits: Limits) -> Option<f64> {
    lines(units, limits)?;
    let last = units.last()?;
    let first = units.first()?;
    let spoken_s = last.word.end_s - first.word.start_s;
    if spoken_s > MAX_SHOWN_S && units.len() > 1 {
        return None;
    }
    let shown_s = next.map_or(MAX_SHOWN_S, |next| next.word.start_s - first.word.start_s);
    let chars: usize = units.iter().map(|unit| unit.chars).sum();
    let inner_ends = units[..units.len() - 1].iter().filter(|unit| unit.break_cost == 0.0).count();
    let too_short = (MIN_SHOWN_S - shown_s).max(0.0) * 2.0;
    let too_fast = (chars as f64 / CHARS_PER_S - shown_s).clamp(0.0, 3.0);
    let few = if chars * 6 < limits.line_chars * limits.lines { 0.4 } else { 0.0 };
    let end = if next.is_some() { last.break_cost } else { 0.0 };
    Some(0.5 + end + 0.25 * inner_ends as f64 + too_short + too_fast + few)
}

/// Breaks words into lines: one if it is enough, else two that are alike, the break where it costs least.
fn lines(units: &[Unit], limits: Limits) -> Option<Vec<String>> {
    let text = |units: &[Unit]| {
        let text: String = units.iter().map(|unit| unit.word.text.as_str()).collect();
        text.trim().to_owned()
    };
    // Cheap before exact: the trimmed text is at most one character shorter.
    let chars: usize = units.iter().map(|unit| unit.chars).sum();
    if chars > limits.line_chars * limits.lines + 2 {
        return None;
    }
    let whole = text(units);
    if whole.chars().count() <= limits.line_chars {
        return Some(vec![whole]);
    }
    if limits.lines < 2 {
        return None;
    }
    let mut best: Option<(f64, usize)> = None;
    let mut before = 0;
    for at in 1..units.len() {
        before += units[at - 1].chars;
        if before > limits.line_chars + 1 || chars - before > limits.line_chars + 1 {
            continue;
        }
        let uneven = before.abs_diff(chars - before) as f64 / limits.line_chars as f64;
        let cost = units[at - 1].break_cost + uneven;
        let fits = |units: &[Unit]| text(units).chars().count() <= limits.line_chars;
        if best.is_none_or(|(cheapest, _)| cost < cheapest) && fits(&units[..at]) && fits(&units[at..]) {
            best = Some((cost, at));
        }
    }
    best.map(|(_, at)| vec![text(&units[..at]), text(&units[at..])])
}

/// Sets when each cue is shown: from its first word on, as long as it takes to read, never with the next.
fn show(cues: &mut [Cue], duration_s: f64) {
    let mut free_s = 0.0_f64;
    for n in 0..cues.len() {
        let next_s = cues.get(n + 1).map_or(duration_s.max(cues[n].end_s), |next| next.start_s + LAG_S - GAP_S);
        let cue = &mut cues[n];
        cue.start_s = cue.start_s.max(free_s);
        let needed_s = (cue.chars() as f64 / CHARS_PER_S).max(MIN_SHOWN_S);
        let until_s = cue.end_s.max(cue.start_s + needed_s).min(cue.start_s + MAX_SHOWN_S);
        cue.end_s = until_s.min(next_s);
        // Only when words fall on one another: a cue is never shown for no time at all.
        cue.end_s = cue.end_s.max(cue.start_s + GAP_S);
        free_s = cue.end_s + GAP_S;
    }
}

/// SubRip. The format has no escapes: what players would take for a time line, a tag or a style gets an invisible joiner.
pub(crate) fn srt(cues: &[Cue]) -> String {
    const JOINER: &str = "\u{2060}";
    let mut out = String::new();
    for (n, cue) in cues.iter().enumerate() {
        let (start, end) = (stamp(cue.start_s, ','), stamp(cue.end_s, ','));
        let mut text = written(cue).replace("-->", &format!("--{JOINER}>")).replace("{\\", &format!("{{{JOINER}\\"));
        let tags: Vec<usize> = text
            .match_indices('<')
            .filter(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!')))
            .map(|(at, _)| at + 1)
            .collect();
        tags.into_iter().rev().for_each(|at| text.insert_str(at, JOINER));
        let _ = write!(out, "{}\n{start} --> {end}\n{text}\n\n", n + 1);
    }
    out
}

/// WebVTT.
pub(crate) fn vtt(cues: &[Cue]) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for cue in cues {
        let (start, end) = (stamp(cue.start_s, '.'), stamp(cue.end_s, '.'));
        let text = written(cue).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "{start} --> {end}\n{text}\n\n");
    }
    out
}

/// A cue's lines, none of them empty: an empty line would end it.
fn written(cue: &Cue) -> String {
    let one_line = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    cue.lines.iter().map(one_line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn stamp(at_s: f64, point: char) -> String {
    let ms = (at_s.max(0.0) * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}{point}{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LATIN: Limits = Limits { line_chars: 42, lines: 2 };

    fn sentence(words: &[(&str, f64, f64)]) -> Sentence {
        let word = |(text, start_s, end_s): &(&str, f64, f64)| TimedWord {
            start_s: *start_s,
            end_s: *end_s,
            text: (*text).into(),
            logprob: 0.0,
        };
        Sentence { words: words.iter().map(word).collect(), ..Sentence::default() }
    }

    fn spoken(text: &str, word_s: f64) -> Sentence {
        let words: Vec<String> = text.split(' ').map(|word| format!(" {word}")).collect();
        let timed: Vec<(&str, f64, f64)> = words
            .iter()
            .enumerate()
            .map(|(n, word)| (word.as_str(), n as f64 * word_s, (n + 1) as f64 * word_s))
            .collect();
        sentence(&timed)
    }

    #[test]
    fn a_long_sentence_breaks_at_its_phrases() {
        let text = "If the reader will excuse me, I will say nothing of my antecedents, nor of the circumstances \
                    which led me to leave my native country.";
        let found = cues(&[spoken(text, 0.35)], |_| LATIN, 60.0);
        let lines: Vec<Vec<&str>> = found.iter().map(|cue| cue.lines.iter().map(String::as_str).collect()).collect();
        assert_eq!(
            lines,
            [
                vec!["If the reader will excuse me,", "I will say nothing of my antecedents,"],
                vec!["nor of the circumstances which led", "me to leave my native country."],
            ]
        );
    }

    #[test]
    fn files_have_the_shape_that_players_read() {
        let cue = Cue { start_s: 3_661.5, end_s: 3_663.045_6, lines: vec!["a < b".into(), "& c".into()] };
        assert_eq!(srt(std::slice::from_ref(&cue)), "1\n01:01:01,500 --> 01:01:03,046\na < b\n& c\n\n");
        assert_eq!(vtt(&[cue]), "WEBVTT\n\n01:01:01.500 --> 01:01:03.046\na &lt; b\n&amp; c\n\n");
    }

    #[test]
    fn what_is_said_is_no_markup() {
        let lines = vec!["a --> b <i>c</i>".into(), "{\\an8} \n & <3".into()];
        let cue = [Cue { start_s: 0.0, end_s: 1.0, lines }];
        let srt = srt(&cue);
        assert_eq!(
            (srt.matches("-->").count(), srt.matches("<i>").count(), srt.matches("{\\").count()),
            (1, 0, 0),
            "{srt}"
        );
        let bare = srt.replace('\u{2060}', "");
        assert_eq!(bare, "1\n00:00:00,000 --> 00:00:01,000\na --> b <i>c</i>\n{\\an8} & <3\n\n");
        let text = "a --&gt; b &lt;i&gt;c&lt;/i&gt;\n{\\an8} &amp; &lt;3\n\n";
        assert_eq!(vtt(&cue), format!("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}"));
    }

    proptest! {
        /// Whatever is said, however fast: no word is lost, lines and durations keep their limits, nothing overlaps,
        /// and where speech is slow enough everything can be read.
        #[test]
        fn limits_hold(
            words in prop::collection::vec(("[a-z]{1,14}[,.]?|[a-z]{60}", 0.06..0.9_f64, 0.0..1.6_f64), 1..150),
            chinese in any::<bool>(),
        ) {
            let limits = if chinese { Limits { line_chars: 16, lines: 2 } } else { LATIN };
            let mut at = 0.0;
            let timed: Vec<(String, f64, f64)> = words.iter().map(|(text, len, pause)| {
                let start = at + if *pause > 0.8 { *pause } else { 0.0 };
                at = start + len;
                (format!(" {text}"), start, at)
            }).collect();
            let refs: Vec<(&str, f64, f64)> = timed.iter().map(|(t, a, b)| (t.as_str(), *a, *b)).collect();
            let found = cues(&[sentence(&refs)], |_| limits, at + 1.0);
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            let shown: String = found.iter().flat_map(|cue| cue.lines.iter().map(|l| bare(l))).collect();
            let said: String = timed.iter().map(|(text, ..)| bare(text)).collect();
            prop_assert_eq!(shown, said);
            let mut last = 0.0;
            for cue in &found {
                prop_assert!((1..=2).contains(&cue.lines.len()));
                prop_assert!(cue.lines.iter().all(|line| !line.is_empty() && line.chars().count() <= limits.line_chars));
                prop_assert!(cue.start_s >= last && cue.end_s > cue.start_s);
                prop_assert!(cue.end_s - cue.start_s <= MAX_SHOWN_S + 1e-9);
                prop_assert!(cue.end_s <= at + 1.0 + 1e-9);
                last = cue.end_s;
            }
            let slow = timed.iter().all(|(text, a, b)| text.chars().count() as f64 / (b - a) < 12.0);
            prop_assert!(!slow || found.iter().all(Cue::is_readable));
        }
    }
}
