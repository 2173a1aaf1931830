//! Whisper: the engine behind [`Recognizer`].

mod align;
mod encoder;
mod model;
mod tokens;

pub(crate) use model::{Abilities, Whisper, weights};
pub(crate) use tokens::{HeardWord, words};

use std::sync::atomic::AtomicBool;

use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// What turns a window's audio into tokens. The engine behind it can be another one; the tests' is no model at all.
pub(crate) trait Recognizer: Sync {
    /// Decodes up to 30 s of 16 kHz audio from fresh state, on the calling thread. Ends early when `stop` is set.
    fn hear(&self, audio: &[f32], how: &Attempt<'_>, stop: &AtomicBool) -> Result<Heard, RecognizerError>;

    /// The probability of each language, by ISO 639-1 code, for up to 30 s of audio.
    fn languages(&self, audio: &[f32], stop: &AtomicBool) -> Result<Vec<(&'static str, f32)>, RecognizerError>;
}

/// How to decode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) language: &'a str,
    pub(crate) translate: bool,
    pub(crate) prompt: &'a str,
    pub(crate) beam_size: u8,
    pub(crate) temperature: f32,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Heard {
    pub(crate) tokens: Vec<Token>,
    /// Probability that there is no speech at all.
    pub(crate) no_speech_prob: f64,
}

impl Heard {
    /// Mean natural-log probability of the tokens.
    pub(crate) fn avg_logprob(&self) -> f64 {
        let sum: f64 = self.tokens.iter().map(|token| token.logprob).sum();
        if self.tokens.is_empty() { 0.0 } else { sum / self.tokens.len() as f64 }
    }

    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.tokens.iter().flat_map(|token| token.bytes.iter().copied()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// A piece of UTF-8, which may begin or end inside a character.
    pub(crate) bytes: Vec<u8>,
    pub(crate) logprob: f64,
    /// When the token was spoken to its end, in seconds of the audio, as the model's attention has it.
    pub(crate) end_s: Option<f64>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RecognizerError {
    /// `stop` was set.
    #[error("decoding was stopped")]
    Stopped,
    #[error("Whisper could not decode ({0:?})")]
    Whisper(whisper_rs::WhisperError),
    #[error("Whisper's encoder failed: {0}")]
    Encoder(String),
    #[error("words could not be aligned with the sound: {0}")]
    Aligner(String),
}

impl Retryable for RecognizerError {
    fn into_step_error(self) -> StepError {
        let message = "speech could not be decoded; run the job again, and report it if it stays so";
        match self {
            Self::Stopped => StepError::Interrupted,
            // Mostly memory that was not to be had.
            _ => StepError::transient(ErrorCode::INTERNAL, message).because(self),
        }
    }
}
