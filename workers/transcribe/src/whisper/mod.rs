//! Whisper, by two engines behind one trait, [`Recognizer`].

mod align;
#[cfg(feature = "whisper-cpp")]
mod ggml;
mod languages;
mod onnx;
mod tokens;
mod vocabulary;

pub(crate) use languages::LANGUAGES;
pub(crate) use tokens::{DecodedWord, words};

use std::sync::{Arc, atomic::AtomicBool};

use medley_models::{Models, Registry};
use medley_step::StepError;

use crate::{error::RecognizerError, speech::span::Span};

/// Turns a window's audio into tokens. Tests implement it without a model.
pub(crate) trait Recognizer: Send + Sync {
    /// How many windows are best given at once.
    fn at_once(&self) -> usize {
        1
    }

    /// Decodes windows of up to 30 s of 16 kHz audio, each from fresh state, on the calling thread. Ends early when `stop` is
    /// set.
    fn decode(
        &self,
        windows: &[Vec<f32>],
        options: &DecodingOptions<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<DecodingResult>, RecognizerError>;

    /// The probabilities of languages in stretches of up to 30 s of audio; stretches are in seconds of that audio.
    fn languages(
        &self,
        audio: &[f32],
        stretches: &[Span],
        stop: &AtomicBool,
    ) -> Result<Vec<LanguageProbs>, RecognizerError>;

    /// [`Recognizer::decode`] for the windows that `filter` accepts by the languages of their stretches; `None` for the others.
    fn decode_filtered(
        &self,
        windows: &[LanguageQuery],
        options: &DecodingOptions<'_>,
        filter: &mut LanguageFilter<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<Option<DecodingResult>>, RecognizerError> {
        let mut results = Vec::with_capacity(windows.len());
        for (n, window) in windows.iter().enumerate() {
            let probs = self.languages(&window.audio, &window.stretches, stop)?;
            let one = std::slice::from_ref(&window.audio);
            results.push(if filter(n, probs)? { self.decode(one, options, stop)?.pop() } else { None });
        }
        Ok(results)
    }
}

/// The probability of each language, by ISO 639-1 code.
pub(crate) type LanguageProbs = Vec<(&'static str, f32)>;

/// Whether to decode a window: called with its index and the probabilities of its stretches' languages.
pub(crate) type LanguageFilter<'a> = dyn FnMut(usize, Vec<LanguageProbs>) -> Result<bool, RecognizerError> + 'a;

/// A window's audio and the stretches whose languages are wanted, in seconds of that audio.
pub(crate) struct LanguageQuery {
    pub(crate) audio: Vec<f32>,
    pub(crate) stretches: Vec<Span>,
}

/// How to decode a window, named as in OpenAI's `decoding.py`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecodingOptions<'a> {
    pub(crate) language: &'a str,
    pub(crate) translate: bool,
    pub(crate) prompt: &'a str,
    pub(crate) beam_size: u8,
    pub(crate) temperature: f32,
}

/// The result of one window.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct DecodingResult {
    pub(crate) tokens: Vec<Token>,
    /// Probability that there is no speech at all.
    pub(crate) no_speech_prob: f64,
}

impl DecodingResult {
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
    /// When the token ended, in seconds of the audio, by the model's attention.
    pub(crate) end_s: Option<f64>,
}

/// Loads `whisper-<name>`: on ONNX Runtime where the registry has its graphs, else in whisper.cpp.
///
/// # Errors
/// `model_missing`, `model_corrupt`.
pub(crate) fn load(models: &Models, name: &str, options: LoadOptions) -> Result<Arc<dyn Recognizer>, StepError> {
    if files(name, options.whisper_cpp)?.contains(&onnx::DECODER) {
        Ok(Arc::new(onnx::OnnxWhisper::load(models, name, options)?))
    } else {
        load_ggml(models, name, options)
    }
}

#[cfg(feature = "whisper-cpp")]
fn load_ggml(models: &Models, name: &str, options: LoadOptions) -> Result<Arc<dyn Recognizer>, StepError> {
    Ok(Arc::new(ggml::GgmlWhisper::load(models, name, options)?))
}

#[cfg(not(feature = "whisper-cpp"))]
fn load_ggml(_models: &Models, name: &str, _options: LoadOptions) -> Result<Arc<dyn Recognizer>, StepError> {
    let why =
        format!("cannot load whisper-{name}: this build has no whisper.cpp; use tiny.en or base, or another build");
    Err(StepError::permanent(medley_proto::ErrorCode::TOOL_MISSING, why))
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
    let file = ggml.clone().find(|name| *name == "ggml-q8_0.bin").or_else(|| ggml.next());
    Ok(vec![file.ok_or_else(|| StepError::internal(format!("the registry names no weights of {model}")))?])
}

/// What to load of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoadOptions {
    /// Find the time of every token (alignment heads).
    pub(crate) align: bool,
    /// Decode in whisper.cpp, whatever graphs there are.
    pub(crate) whisper_cpp: bool,
    /// How many windows are decoded side by side.
    pub(crate) parallel: usize,
}
