//! Subtitles: sentences cut into cues that fit two lines.

use std::io::{self, Write};

use medley_proto::{SentenceTime, WordTime};

use crate::han::is_han;

/// A cue's width, in columns: a Chinese character takes two.
const COLUMNS: usize = 84;

/// A text and the time it is shown.
#[derive(Debug, Clone, PartialEq)]
struct Cue {
    start_s: f64,
    end_s: f64,
    text: String,
}

/// Writes the cues of sentences; `number` counts them from 1 over the whole file. `words` are those of the sentences,
/// in order.
pub(crate) fn write(
    out: &mut impl Write,
    number: &mut u64,
    sentences: &[SentenceTime],
    words: &[WordTime],
) -> io::Result<()> {
    let mut rest = words;
    for sentence in sentences {
        let count = rest.iter().take_while(|word| word.start_s < sentence.end_s).count();
        let (own, later) = rest.split_at(count);
        rest = later;
        for cue in cues(sentence, own) {
            *number += 1;
            writeln!(out, "{number}\n{} --> {}\n{}\n", stamp(cue.start_s), stamp(cue.end_s), broken(&cue.text))?;
        }
    }
    Ok(())
}

fn cues(sentence: &SentenceTime, words: &[WordTime]) -> Vec<Cue> {
    let text = &sentence.text;
    let mut cues: Vec<Cue> = Vec::new();
    let (mut at, mut begin) = (0, 0);
    for word in words {
        let Some(offset) = text[at..].find(word.text.as_str()) else { continue };
        let place = at + offset;
        at = place + word.text.len();
        let full = columns(&text[begin..at]) > COLUMNS;
        match cues.last_mut() {
            Some(cue) if !full => cue.end_s = word.end_s,
            last => {
                if let Some(cue) = last {
                    cue.text = text[begin..place].trim().into();
                    begin = place;
                }
                cues.push(Cue { start_s: word.start_s, end_s: word.end_s, text: String::new() });
            }
        }
    }
    match cues.last_mut() {
        Some(cue) => {
            cue.text = text[begin..].trim().into();
            cue.end_s = cue.end_s.max(sentence.end_s);
        }
        None => cues.push(Cue { start_s: sentence.start_s, end_s: sentence.end_s, text: text.trim().into() }),
    }
    cues
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| if is_han(c) || ('\u{3000}'..'\u{FF60}').contains(&c) { 2 } else { 1 }).sum()
}

/// In two lines of about equal length when it is wider than half a cue.
fn broken(text: &str) -> String {
    let width = columns(text);
    if width <= COLUMNS / 2 {
        return text.replace('\n', " ");
    }
    let breaks = text.char_indices().filter(|(at, c)| {
        *at > 0
            && (*c == ' '
                || (is_han(*c) && text[..*at].ends_with(|p| is_han(p) || matches!(p, '，' | '、' | '；' | '：'))))
    });
    let middle = breaks.min_by_key(|(at, _)| columns(&text[..*at]).abs_diff(width / 2));
    match middle {
        Some((at, _)) => format!("{}\n{}", text[..at].trim(), text[at..].trim()),
        None => text.to_owned(),
    }
}

fn stamp(s: f64) -> String {
    let ms = (s * 1_000.0).round() as u64;
    format!("{:02}:{:02}:{:02},{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_become_several_cues_that_lose_nothing() {
        let text = "word, ".repeat(40).trim().to_owned();
        let words: Vec<WordTime> = (0..40)
            .map(|n| WordTime { start_s: f64::from(n), end_s: f64::from(n) + 0.9, text: "word".into() })
            .collect();
        let sentence = SentenceTime { start_s: 0.0, end_s: 40.0, text: text.clone(), language: "en".into() };
        let cues = cues(&sentence, &words);
        assert!(cues.iter().all(|cue| columns(&cue.text) <= COLUMNS + 2));
        assert_eq!(cues.iter().map(|cue| cue.text.as_str()).collect::<Vec<_>>().join(" "), text);
        assert!(cues.windows(2).all(|pair| pair[0].end_s <= pair[1].start_s));
        let mut out = Vec::new();
        write(&mut out, &mut 0, &[sentence], &words).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("1\n00:00:00,000 --> 00:00:"));
    }
}
