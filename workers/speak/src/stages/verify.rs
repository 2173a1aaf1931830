//! The stage `verify`: compares a transcript of the speech with the text that was spoken.

use std::ops::Range;

use medley_proto::{SpeechTiming, Transcript, Word};
use medley_step::{StepContext, StepError};

use crate::{
    language::{Language, main_language},
    normalization::PieceKind,
    phonemes::chinese::Segmenter,
    pronunciation::SpokenText,
    speaker::spoken_runs,
    step::{Misheard, Quality, ReadBack, SpeakOutput},
};

/// A sentence with a higher error rate is listed.
pub(super) const MAX_ERROR_RATE: f64 = 0.2;
/// A word belongs to a sentence when its middle is at most this far outside of it.
const SLACK_S: f64 = 0.25;

/// Inputs: the join step's output, `transcript.json`, then the join step's artifacts, which are handed on.
pub(crate) fn run(cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
    let joined: SpeakOutput = cx.input_json(0)?;
    let SpeakOutput::Join(mut joined) = joined else {
        return Err(StepError::internal("the join step's output is not the first input"));
    };
    let transcript: Transcript = cx.input_json(1)?;
    let place = cx.inputs().iter().position(|input| input.name == "timing.json");
    let timing: SpeechTiming = cx.input_json(place.ok_or_else(|| StepError::internal("there is no timing.json"))?)?;

    let listener = Listener::new(&transcript);
    let mut read_back = ReadBack::default();
    for (number, sentence) in (0..).zip(&timing.sentences) {
        cx.checkpoint()?;
        let Heard { text: heard, wrong, all } = listener.compare(&sentence.text, sentence.start_s..sentence.end_s);
        (read_back.wrong, read_back.all) = (read_back.wrong + wrong, read_back.all + all);
        let error_rate = rate(wrong, all);
        if error_rate > MAX_ERROR_RATE {
            let (start_s, text) = (sentence.start_s, sentence.text.clone());
            read_back.misheard.push(Misheard { number, start_s, text, heard, wrong, error_rate });
        }
    }
    tell(&read_back, &mut joined.quality, cx)?;
    joined.read_back = Some(read_back);
    for (n, input) in cx.inputs().iter().enumerate().skip(2) {
        cx.hand_on(n, &input.name)?;
    }
    Ok(SpeakOutput::Join(joined))
}

/// Leaves `read-back.json` and the quality of the speech.
pub(super) fn tell(read_back: &ReadBack, quality: &mut Quality, cx: &StepContext<'_>) -> Result<(), StepError> {
    quality.insert("read_back_error_rate".into(), rate(read_back.wrong, read_back.all).into());
    quality.insert("read_back_misheard".into(), read_back.misheard.len().into());
    quality.iter().for_each(|(key, value)| cx.quality(key, value.clone()));
    cx.publish("read-back.json", "application/json", &serde_json::to_vec_pretty(&read_back.misheard)?)
}

/// What was heard of a sentence, and how many of its units were wrong, of all.
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) wrong: u64,
    pub(super) all: u64,
}

/// Compares stretches of a transcript with what was to be said.
pub(super) struct Listener<'t> {
    segmenter: Segmenter,
    words: Vec<&'t Word>,
}

impl<'t> Listener<'t> {
    pub(super) fn new(transcript: &'t Transcript) -> Self {
        let words = transcript.segments.iter().flat_map(|segment| &segment.words).collect();
        Self { segmenter: Segmenter::new(), words }
    }

    pub(super) fn compare(&self, text: &str, time_s: Range<f64>) -> Heard {
        let heard = between(&self.words, time_s.start - SLACK_S..time_s.end + SLACK_S);
        let wanted = tokens(&self.segmenter, text);
        let wrong = errors(&wanted, &tokens(&self.segmenter, &heard));
        Heard { text: heard, wrong: wrong as u64, all: wanted.len() as u64 }
    }
}

/// The words whose middle lies in this time.
fn between(words: &[&Word], time_s: Range<f64>) -> String {
    let first = words.partition_point(|word| (word.start_s + word.end_s) / 2.0 < time_s.start);
    let inside = words[first..].iter().take_while(|word| (word.start_s + word.end_s) / 2.0 <= time_s.end);
    let mut text = String::new();
    for word in inside {
        let spaced = text.ends_with(|c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation());
        if spaced && word.text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

/// The units of comparison: English words and Chinese syllables without tones, both normalised.
fn tokens(segmenter: &Segmenter, text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for run in spoken_runs(&SpokenText::new(text, &[]), main_language(text)) {
        for piece in run.pieces {
            let (PieceKind::Say(said) | PieceKind::Phonemes(said)) = piece.kind else { continue };
            match run.language {
                Language::En => {
                    let words = said.split(|c: char| !(c.is_alphanumeric() || c == '\''));
                    tokens.extend(words.filter(|word| !word.is_empty()).map(str::to_lowercase));
                }
                Language::Zh => {
                    let words = segmenter.words(&said);
                    tokens.extend(words.into_iter().flat_map(|word| word.syllables).map(|syllable| syllable.pinyin));
                }
            }
        }
    }
    tokens
}

/// Levenshtein distance.
fn errors(wanted: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (n, want) in wanted.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], n + 1);
        for (m, got) in heard.iter().enumerate() {
            let cost = (diagonal + usize::from(want != got)).min(row[m] + 1).min(row[m + 1] + 1);
            diagonal = std::mem::replace(&mut row[m + 1], cost);
        }
    }
    row[heard.len()]
}

pub(super) fn rate(errors: u64, all: u64) -> f64 {
    (errors as f64 / all.max(1) as f64 * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_differently_and_said_alike_is_no_error() {
        let segmenter = Segmenter::new();
        let count = |a: &str, b: &str| errors(&tokens(&segmenter, a), &tokens(&segmenter, b));
        assert_eq!(count("It rose by 12.5%.", "it rose by twelve point five percent"), 0);
        assert_eq!(count("他在2004年来北京", "她在二零零四年来北京。"), 0);
        assert_eq!(count("我用Python写程序", "我用 python 写程序"), 0);
        assert_eq!(count("one two three", "one three"), 1);
        assert_eq!(count("", "a b"), 2);
    }

    #[test]
    fn words_are_taken_by_their_time() {
        let word = |start_s: f64, text: &str| Word {
            start_s,
            end_s: start_s + 0.4,
            text: text.into(),
            prob: 1.0,
            ..Word::default()
        };
        let words = [word(0.0, "one"), word(0.5, "two"), word(2.0, "你"), word(2.5, "好")];
        let all: Vec<&Word> = words.iter().collect();
        assert_eq!(between(&all, 0.0..1.0), "one two");
        assert_eq!(between(&all, 1.9..3.0), "你好");
    }
}
