//! Whisper: the engine behind [`Recognizer`].

mod align;
mod ggml;
mod onnx;
mod tokens;
mod vocabulary;

pub(crate) use tokens::{HeardWord, words};

use std::sync::{Arc, atomic::AtomicBool};

use medley_models::{Models, Registry};
use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

use crate::speech::regions::Span;

/// What turns a window's audio into tokens. The engine behind it can be another one; the tests' is no model at all.
pub(crate) trait Recognizer: Send + Sync {
    /// How many windows it likes to be given at once.
    fn at_once(&self) -> usize {
        1
    }

    /// Decodes windows of up to 30 s of 16 kHz audio, each from fresh state, on the calling thread. Ends early when `stop` is
    /// set.
    fn hear(&self, windows: &[Vec<f32>], how: &Attempt<'_>, stop: &AtomicBool) -> Result<Vec<Heard>, RecognizerError>;

    /// The odds of languages in stretches of up to 30 s of audio, given in seconds of it.
    fn languages(&self, audio: &[f32], stretches: &[Span], stop: &AtomicBool) -> Result<Vec<Odds>, RecognizerError>;

    /// [`Recognizer::hear`] for those windows that are in the language of `how`, as `fits` finds by the odds of a window's
    /// stretches; none for the others.
    fn hear_fitting(
        &self,
        windows: &[Questioned],
        how: &Attempt<'_>,
        fits: &mut Fits<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<Option<Heard>>, RecognizerError> {
        let mut heard = Vec::with_capacity(windows.len());
        for (n, window) in windows.iter().enumerate() {
            let odds = self.languages(&window.audio, &window.stretches, stop)?;
            let one = std::slice::from_ref(&window.audio);
            heard.push(if fits(n, odds)? { self.hear(one, how, stop)?.pop() } else { None });
        }
        Ok(heard)
    }
}

/// The probability of each language, by ISO 639-1 code.
pub(crate) type Odds = Vec<(&'static str, f32)>;

/// Whether a window, by its place in a list, is in one's language, by the odds of its stretches.
pub(crate) type Fits<'a> = dyn FnMut(usize, Vec<Odds>) -> Result<bool, RecognizerError> + 'a;

/// A window's audio and the stretches of it whose language is asked for, in seconds of it.
pub(crate) struct Questioned {
    pub(crate) audio: Vec<f32>,
    pub(crate) stretches: Vec<Span>,
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

/// Loads `whisper-<name>`: on ONNX Runtime where the registry has its graphs, else in whisper.cpp.
///
/// # Errors
/// `model_missing`, `model_corrupt`.
pub(crate) fn load(models: &Models, name: &str, can: Abilities) -> Result<Arc<dyn Recognizer>, StepError> {
    if files(name, can.whisper_cpp)?.contains(&onnx::DECODER) {
        Ok(Arc::new(onnx::OnnxWhisper::load(models, name, can)?))
    } else {
        Ok(Arc::new(ggml::GgmlWhisper::load(models, name, can)?))
    }
}

/// The files of a model that [`load`] loads.
pub(crate) fn files(name: &str, whisper_cpp: bool) -> Result<Vec<&'static str>, StepError> {
    let model = format!("whisper-{name}");
    let known = &Registry::built_in().model(&model)?.files;
    if !whisper_cpp && known.iter().any(|file| file.name == onnx::DECODER) {
        return Ok(onnx::FILES.to_vec());
    }
    let mut ggml = known.iter().map(|file| file.name.as_str()).filter(|name| name.starts_with("ggml-"));
    // 8-bit weights where they are made, else as they are published.
    let found = ggml.clone().find(|name| *name == "ggml-q8_0.bin").or_else(|| ggml.next());
    Ok(vec![found.ok_or_else(|| StepError::internal(format!("the registry names no weights of {model}")))?])
}

/// What to load of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// Find the time of every token.
    pub(crate) align: bool,
    /// Decode in whisper.cpp, whatever graphs there are.
    pub(crate) whisper_cpp: bool,
    /// How many windows are decoded side by side.
    pub(crate) parallel: usize,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RecognizerError {
    /// `stop` was set.
    #[error("decoding was stopped")]
    Stopped,
    #[error("Whisper could not decode ({0:?})")]
    Ggml(whisper_rs::WhisperError),
    #[error("Whisper's graphs could not be run")]
    Ort(#[from] ort::Error),
    #[error("the table of Whisper's tokens could not be read")]
    Table(#[from] std::io::Error),
    #[error("{0} of the model is not what the registry's converter makes")]
    Contract(&'static str),
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

fn corrupt(model: &str, cause: impl std::fmt::Display) -> StepError {
    let message = format!("the weights of {model} cannot be loaded; run `medley models pull {model}` again");
    StepError::permanent(ErrorCode::MODEL_CORRUPT, message).because(cause.to_string())
}
