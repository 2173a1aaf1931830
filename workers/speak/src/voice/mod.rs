//! Voices: from phonemes to sound, with the time of each phoneme.

mod baker;
mod hibari;
mod kokoro;
mod piper;
mod vocoder;

use std::ops::Range;

pub(crate) use baker::Baker;
pub(crate) use hibari::Hibari;
pub(crate) use kokoro::Kokoro;
pub(crate) use piper::Piper;

use crate::{
    SpeakError,
    language::Language,
    phonemes::chinese::{BETWEEN_SYLLABLES, BETWEEN_WORDS},
};

/// One symbol of a voice's alphabet: a phoneme, a mark of punctuation, a boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) text: String,
    /// The word that it belongs to, by its number in the sentence; none for pauses.
    pub(crate) word: Option<usize>,
    /// The language of a phoneme; a mark is the same in both.
    pub(crate) language: Language,
}

impl Symbol {
    pub(crate) fn mark(text: &str) -> Self {
        Self { text: text.into(), word: None, language: Language::En }
    }

    pub(crate) fn of(text: impl Into<String>, word: usize) -> Self {
        Self { text: text.into(), word: Some(word), language: Language::En }
    }

    /// An initial, or a final with its tone.
    pub(crate) fn chinese(text: impl Into<String>, word: usize) -> Self {
        Self { text: text.into(), word: Some(word), language: Language::Zh }
    }

    /// Whether it separates words or syllables and is no pause.
    pub(crate) fn is_seam(&self) -> bool {
        self.word.is_none() && matches!(self.text.as_str(), " " | BETWEEN_SYLLABLES | BETWEEN_WORDS)
    }
}

/// Pace and pitch, relative to the voice's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prosody {
    /// 1 is the voice's own pace, 2 twice as fast.
    pub(crate) rate: f32,
    /// 1 is the voice's own pitch.
    pub(crate) pitch: f32,
}

impl Default for Prosody {
    fn default() -> Self {
        Self { rate: 1.0, pitch: 1.0 }
    }
}

/// A phrase as a voice spoke it.
#[derive(Debug)]
pub(crate) struct Spoken {
    /// Mono, −1 to 1.
    pub(crate) pcm: Vec<f32>,
    pub(crate) rate_hz: u32,
    /// Samples of `pcm`, one range for each symbol, in order; empty for a symbol that the voice does not know.
    pub(crate) spans: Vec<Range<usize>>,
}

/// A voice speaks one phrase at a time. The same phrase with the same prosody gives the same samples.
pub(crate) trait Voice: Send + Sync {
    /// The longest phrase. The caller cuts longer ones.
    const MAX_SYMBOLS: usize;
    /// A longer phrase is cut at a mark of punctuation where it has one.
    const GOOD_SYMBOLS: usize = Self::MAX_SYMBOLS;

    /// How many of [`Voice::MAX_SYMBOLS`] a symbol takes.
    fn size(&self, _symbol: &Symbol) -> usize {
        1
    }

    fn speak(&self, phrase: &[Symbol], prosody: Prosody) -> Result<Spoken, SpeakError>;
}

/// The spans of symbols whose durations (in frames) follow each other, the first starting at sample `start`.
fn spans(start: usize, durations: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    durations
        .scan(start, |at, samples| {
            let from = *at;
            *at += samples;
            Some(from..*at)
        })
        .collect()
}

/// The beginning of a phrase, for messages.
fn shown(phrase: &[Symbol]) -> String {
    phrase.iter().map(|symbol| symbol.text.as_str()).take(80).collect()
}
