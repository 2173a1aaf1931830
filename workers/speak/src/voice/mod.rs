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

use crate::{SpeakError, phonemes::Symbol};

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
