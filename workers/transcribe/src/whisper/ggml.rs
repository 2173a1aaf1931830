//! Whisper on whisper.cpp, for models that come only as ggml files.

use std::{
    ffi::c_void,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use medley_models::Models;
use medley_step::StepError;
use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters,
    WhisperError, WhisperState,
};

use super::{DecodingOptions, DecodingResult, LanguageProbs, LoadOptions, Recognizer, Token, files};
use crate::{
    error::{RecognizerError, model_corrupt},
    speech::{SAMPLE_RATE_HZ, span::Span},
};

/// Address space for aligning one window (whisper.cpp aborts when it is too little); only what is used is touched.
const ALIGNMENT_BYTES: usize = 512 << 20;
/// Whisper stops at anything shorter than 0.1 s; silence at the end also keeps it from trailing off.
const MIN_SAMPLES: usize = 16_000;

/// From this probability on, the language of a window is taken for that of all its stretches.
const MIN_SURE_PROB: f32 = 0.95;

/// A loaded Whisper model. Every decode makes a state of its own, so windows do not influence each other and may run
/// side by side.
pub(super) struct GgmlWhisper {
    context: WhisperContext,
}

impl GgmlWhisper {
    /// # Errors
    /// `model_missing`, `model_corrupt`.
    pub(super) fn load(models: &Models, name: &str, options: LoadOptions) -> Result<Self, StepError> {
        whisper_rs::install_logging_hooks();
        let model = format!("whisper-{name}");
        let path = models.file(&model, files(name, true)?[0])?;
        let mode = if options.align { preset(name) } else { DtwMode::None };
        let context = open(&path, mode).map_err(|error| model_corrupt(&model, format!("{error:?}")))?;
        Ok(Self { context })
    }

    fn prompt(&self, text: &str) -> Result<Vec<i32>, RecognizerError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        // A token has at least one byte, so this buffer is always large enough.
        let tokens = self.context.tokenize(text, text.len() + 8).map_err(RecognizerError::Ggml)?;
        let keep = usize::try_from(self.context.n_text_ctx()).unwrap_or(0) / 2 - 1;
        Ok(tokens[tokens.len().saturating_sub(keep)..].to_vec())
    }
}

impl Recognizer for GgmlWhisper {
    fn decode(
        &self,
        windows: &[Vec<f32>],
        options: &DecodingOptions<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<DecodingResult>, RecognizerError> {
        windows.iter().map(|audio| self.decode_one(audio, options, stop)).collect()
    }

    /// Each stretch costs a run of the encoder here, so a window that is clearly in one language stands for its stretches.
    fn languages(
        &self,
        audio: &[f32],
        stretches: &[Span],
        stop: &AtomicBool,
    ) -> Result<Vec<LanguageProbs>, RecognizerError> {
        let whole = self.languages_of(audio, stop)?;
        if stretches.len() < 3 || whole.iter().any(|(_, prob)| *prob >= MIN_SURE_PROB) {
            return Ok(vec![whole; stretches.len()]);
        }
        let at = |s: f64| ((s * f64::from(SAMPLE_RATE_HZ)) as usize).min(audio.len());
        stretches.iter().map(|one| self.languages_of(&audio[at(one.start_s)..at(one.end_s)], stop)).collect()
    }
}

impl GgmlWhisper {
    fn languages_of(&self, audio: &[f32], stop: &AtomicBool) -> Result<LanguageProbs, RecognizerError> {
        let mut state = self.context.create_state().map_err(RecognizerError::Ggml)?;
        let padded = padded(audio);
        let done = state.pcm_to_mel(padded.as_deref().unwrap_or(audio), 1).and_then(|()| state.lang_detect(0, 1));
        let (_, probs) = checked(done, stop)?;
        let named = |(id, prob): (usize, f32)| Some((whisper_rs::get_lang_str(i32::try_from(id).ok()?)?, prob));
        Ok(probs.into_iter().enumerate().filter_map(named).collect())
    }

    fn decode_one(
        &self,
        audio: &[f32],
        options: &DecodingOptions<'_>,
        stop: &AtomicBool,
    ) -> Result<DecodingResult, RecognizerError> {
        let mut state = self.context.create_state().map_err(RecognizerError::Ggml)?;
        let prompt = self.prompt(options.prompt)?;
        let mut params = FullParams::new(if options.beam_size > 1 && options.temperature == 0.0 {
            SamplingStrategy::BeamSearch { beam_size: i32::from(options.beam_size), patience: -1.0 }
        } else {
            SamplingStrategy::Greedy { best_of: 1 }
        });
        params.set_n_threads(1);
        params.set_language(Some(options.language));
        params.set_translate(options.translate);
        params.set_tokens(&prompt);
        params.set_no_context(true);
        params.set_suppress_nst(true);
        // Timestamp tokens lose sentences on packed windows; and after one the alignment may be left with less sound
        // than its filter is wide, at which whisper.cpp aborts the process.
        params.set_no_timestamps(true);
        params.set_temperature(options.temperature);
        params.set_temperature_inc(0.0);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        // SAFETY: `is_stopped` reads an AtomicBool behind its pointer; `stop` outlives the call of `full` below.
        unsafe {
            params.set_abort_callback(Some(is_stopped));
            params.set_abort_callback_user_data(std::ptr::from_ref(stop).cast_mut().cast());
        }
        let padded = padded(audio);
        let audio = padded.as_deref().unwrap_or(audio);
        checked(state.full(params, audio), stop)?;
        Ok(self.result(&state))
    }

    fn result(&self, state: &WhisperState) -> DecodingResult {
        let end_of_text = self.context.token_eot();
        let mut result = DecodingResult::default();
        for segment in state.as_iter() {
            result.no_speech_prob = f64::from(segment.no_speech_probability());
            for n in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(n) else { continue };
                let data = token.token_data();
                if data.id < end_of_text {
                    result.tokens.push(Token {
                        bytes: token.to_bytes().map(<[u8]>::to_vec).unwrap_or_default(),
                        logprob: f64::from(data.plog),
                        end_s: (data.t_dtw >= 0).then(|| data.t_dtw as f64 / 100.0),
                    });
                }
            }
        }
        result
    }
}

fn open(path: &Path, mode: DtwMode<'_>) -> Result<WhisperContext, WhisperError> {
    let mut parameters = WhisperContextParameters::default();
    parameters.dtw_parameters(DtwParameters { mode, dtw_mem_size: ALIGNMENT_BYTES });
    WhisperContext::new_with_params(path, parameters)
}

/// The attention heads that follow the sound, as OpenAI published them for each model.
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

fn checked<T>(done: Result<T, WhisperError>, stop: &AtomicBool) -> Result<T, RecognizerError> {
    if stop.load(Ordering::Relaxed) { Err(RecognizerError::Stopped) } else { done.map_err(RecognizerError::Ggml) }
}

/// # Safety
/// `stop` points to an `AtomicBool`.
unsafe extern "C" fn is_stopped(stop: *mut c_void) -> bool {
    // SAFETY: set together with this function, in `decode_one`.
    unsafe { &*stop.cast::<AtomicBool>() }.load(Ordering::Relaxed)
}
