use std::{
    ffi::c_void,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use medley_models::{Models, Registry, SessionOptions};
use medley_proto::ErrorCode;
use medley_step::StepError;
use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters,
    WhisperError, WhisperState,
};

use super::{
    Attempt, Heard, Recognizer, RecognizerError, Token,
    align::{Aligner, Sequence},
    encoder,
};

/// Address space for aligning one window (whisper.cpp aborts when it is too little); only what is used is touched.
const ALIGNMENT_BYTES: usize = 512 << 20;
/// Whisper stops at anything shorter than 0.1 s; silence at the end also keeps it from trailing off.
const MIN_SAMPLES: usize = 16_000;

/// A loaded Whisper model. Every decode makes a state of its own, so windows do not influence each other and may run
/// side by side.
pub(crate) struct Whisper {
    context: WhisperContext,
    encoder: Option<medley_models::Session>,
    /// Without it whisper.cpp aligns.
    aligner: Option<Aligner>,
}

/// Which of a model's abilities to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// Find the time of every token.
    pub(crate) align: bool,
    /// Run the encoder on ONNX Runtime where its file is there.
    pub(crate) fast_encoder: bool,
    /// How many windows are decoded side by side.
    pub(crate) parallel: usize,
}

impl Whisper {
    /// Loads `whisper-<name>`: its weights and, when the cache has them, its encoder and its aligner.
    ///
    /// # Errors
    /// `model_missing`, `model_corrupt`.
    pub(crate) fn load(models: &Models, name: &str, can: Abilities) -> Result<Self, StepError> {
        whisper_rs::install_logging_hooks();
        let model = format!("whisper-{name}");
        let path = models.file(&model, weights(&model)?)?;
        let options = SessionOptions { threads: 1, parallel: can.parallel };
        let session = |file: &str| {
            let session = models.session(&model, file, options);
            session.inspect_err(|error| tracing::warn!(%error, "whisper.cpp does it instead of {file}")).ok()
        };
        let encoder = if can.fast_encoder { session("encoder.onnx") } else { None };
        let aligner = if can.align && encoder.is_some() { session("aligner.onnx") } else { None };
        let embeddings = aligner.and_then(|session| Some((session, models.file(&model, "embeddings.f16").ok()?)));
        let corrupt = |cause: String| {
            let message = format!("the weights of {model} cannot be loaded; run `medley models pull {model}` again");
            StepError::permanent(ErrorCode::MODEL_CORRUPT, message).because(cause)
        };
        let mode = if can.align && embeddings.is_none() { preset(name) } else { DtwMode::None };
        let context = open(&path, mode).map_err(|error| corrupt(format!("{error:?}")))?;
        let state = usize::try_from(context.model_n_text_state()).unwrap_or(0);
        let aligner = embeddings.map(|(session, table)| Aligner::new(session, &table, state)).transpose()?;
        Ok(Self { context, encoder, aligner })
    }

    fn state(&self, keep_encoded: bool) -> Result<(WhisperState, encoder::Left), RecognizerError> {
        let left = if keep_encoded { encoder::Left::keeping() } else { encoder::Left::default() };
        let make = || self.context.create_state();
        let state = match &self.encoder {
            Some(session) => {
                let width = usize::try_from(self.context.model_n_audio_state()).unwrap_or(0);
                encoder::with_encoder(session.clone(), width, left.clone(), make)
            }
            None => make(),
        };
        Ok((state.map_err(RecognizerError::Whisper)?, left))
    }

    fn prompt(&self, text: &str) -> Result<Vec<i32>, RecognizerError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        // A token is at least a byte: with this room the call cannot run short, which it would report as a count.
        let tokens = self.context.tokenize(text, text.len() + 8).map_err(RecognizerError::Whisper)?;
        let keep = usize::try_from(self.context.n_text_ctx()).unwrap_or(0) / 2 - 1;
        Ok(tokens[tokens.len().saturating_sub(keep)..].to_vec())
    }
}

impl Recognizer for Whisper {
    fn hear(&self, audio: &[f32], how: &Attempt<'_>, stop: &AtomicBool) -> Result<Heard, RecognizerError> {
        let (mut state, left) = self.state(self.aligner.is_some())?;
        let prompt = self.prompt(how.prompt)?;
        let mut params = FullParams::new(if how.beam_size > 1 && how.temperature == 0.0 {
            SamplingStrategy::BeamSearch { beam_size: i32::from(how.beam_size), patience: -1.0 }
        } else {
            SamplingStrategy::Greedy { best_of: 1 }
        });
        params.set_n_threads(1);
        params.set_language(Some(how.language));
        params.set_translate(how.translate);
        params.set_tokens(&prompt);
        params.set_no_context(true);
        params.set_suppress_nst(true);
        // Timestamp tokens lose sentences on packed windows; and after one the alignment may be left with less sound
        // than its filter is wide, at which whisper.cpp aborts the process.
        params.set_no_timestamps(true);
        params.set_temperature(how.temperature);
        params.set_temperature_inc(0.0);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        // SAFETY: `asked_to_stop` reads an AtomicBool behind its pointer; `stop` outlives the call of `full` below.
        unsafe {
            params.set_abort_callback(Some(asked_to_stop));
            params.set_abort_callback_user_data(std::ptr::from_ref(stop).cast_mut().cast());
        }
        let padded = padded(audio);
        let audio = padded.as_deref().unwrap_or(audio);
        let done = state.full(params, audio);
        checked(done, &left, stop)?;
        let (mut heard, ids) = self.heard(&state);
        // Its memory is the aligner's now.
        drop(state);
        if let Some(aligner) = &self.aligner {
            let ends = aligner.ends_s(&left.encoded(), audio.len(), &self.sequence(&ids, how));
            for (token, end_s) in heard.tokens.iter_mut().zip(ends.map_err(RecognizerError::Aligner)?) {
                token.end_s = Some(end_s);
            }
        }
        Ok(heard)
    }

    fn languages(&self, audio: &[f32], stop: &AtomicBool) -> Result<Vec<(&'static str, f32)>, RecognizerError> {
        let (mut state, left) = self.state(false)?;
        let padded = padded(audio);
        let done = state.pcm_to_mel(padded.as_deref().unwrap_or(audio), 1).and_then(|()| state.lang_detect(0, 1));
        let (_, probs) = checked(done, &left, stop)?;
        let named = |(id, prob): (usize, f32)| Some((whisper_rs::get_lang_str(i32::try_from(id).ok()?)?, prob));
        Ok(probs.into_iter().enumerate().filter_map(named).collect())
    }
}

impl Whisper {
    /// What was heard, and the model's numbers of its tokens.
    fn heard(&self, state: &WhisperState) -> (Heard, Vec<i32>) {
        let end_of_text = self.context.token_eot();
        let mut ids = Vec::new();
        let mut heard = Heard::default();
        for segment in state.as_iter() {
            heard.no_speech_prob = f64::from(segment.no_speech_probability());
            for n in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(n) else { continue };
                let data = token.token_data();
                if data.id < end_of_text {
                    ids.push(data.id);
                    heard.tokens.push(Token {
                        bytes: token.to_bytes().map(<[u8]>::to_vec).unwrap_or_default(),
                        logprob: f64::from(data.plog),
                        end_s: (data.t_dtw >= 0).then(|| data.t_dtw as f64 / 100.0),
                    });
                }
            }
        }
        (heard, ids)
    }

    /// All tokens of a decode, for the aligner.
    fn sequence(&self, text: &[i32], how: &Attempt<'_>) -> Sequence {
        let mut tokens = vec![self.context.token_sot()];
        if self.context.is_multilingual() {
            tokens.extend(whisper_rs::get_lang_id(how.language).map(|id| self.context.token_lang(id)));
            tokens.push(if how.translate { self.context.token_translate() } else { self.context.token_transcribe() });
        }
        let before = tokens.len();
        tokens.push(self.context.token_not());
        tokens.extend_from_slice(text);
        tokens.push(self.context.token_eot());
        Sequence { tokens, before }
    }
}

/// The name of a model's weights: 8-bit ones where they are made, else as they are published.
pub(crate) fn weights(model: &str) -> Result<&'static str, StepError> {
    let files = &Registry::built_in().model(model)?.files;
    let ggml = || files.iter().map(|file| file.name.as_str()).filter(|name| name.starts_with("ggml-"));
    let found = ggml().find(|name| *name == "ggml-q8_0.bin").or_else(|| ggml().next());
    found.ok_or_else(|| StepError::internal(format!("the registry names no weights of {model}")))
}

fn open(path: &Path, mode: DtwMode<'_>) -> Result<WhisperContext, WhisperError> {
    let mut parameters = WhisperContextParameters::default();
    parameters.dtw_parameters(DtwParameters { mode, dtw_mem_size: ALIGNMENT_BYTES });
    WhisperContext::new_with_params(path, parameters)
}

/// The attention heads that follow the sound, found by the makers of each model.
fn preset(name: &str) -> DtwMode<'static> {
    let model_preset = match name {
        "tiny.en" => DtwModelPreset::TinyEn,
        "tiny" => DtwModelPreset::Tiny,
        "base.en" => DtwModelPreset::BaseEn,
        "base" => DtwModelPreset::Base,
        "small.en" => DtwModelPreset::SmallEn,
        "small" => DtwModelPreset::Small,
        "medium.en" => DtwModelPreset::MediumEn,
        "medium" => DtwModelPreset::Medium,
        "large-v1" => DtwModelPreset::LargeV1,
        "large-v2" => DtwModelPreset::LargeV2,
        "large-v3" => DtwModelPreset::LargeV3,
        name if name.starts_with("large-v3-turbo") => DtwModelPreset::LargeV3Turbo,
        _ => return DtwMode::TopMost { n_top: 2 },
    };
    DtwMode::ModelPreset { model_preset }
}

fn padded(audio: &[f32]) -> Option<Vec<f32>> {
    (audio.len() < MIN_SAMPLES).then(|| {
        let mut padded = audio.to_vec();
        padded.resize(MIN_SAMPLES, 0.0);
        padded
    })
}

fn checked<T>(done: Result<T, WhisperError>, left: &encoder::Left, stop: &AtomicBool) -> Result<T, RecognizerError> {
    match (left.failure(), done) {
        _ if stop.load(Ordering::Relaxed) => Err(RecognizerError::Stopped),
        (Some(message), _) => Err(RecognizerError::Encoder(message)),
        (None, done) => done.map_err(RecognizerError::Whisper),
    }
}

/// # Safety
/// `stop` points to an `AtomicBool`.
unsafe extern "C" fn asked_to_stop(stop: *mut c_void) -> bool {
    // SAFETY: set together with this function, in `hear`.
    unsafe { &*stop.cast::<AtomicBool>() }.load(Ordering::Relaxed)
}
