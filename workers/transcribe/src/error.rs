use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// Nobody speaks in the input.
pub(crate) const NO_SPEECH: ErrorCode = ErrorCode::new("no_speech");

/// What goes wrong while windows are decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecognizerError {
    /// `stop` was set.
    #[error("decoding was stopped")]
    Stopped,
    #[cfg(feature = "whisper-cpp")]
    #[error("cannot decode with whisper.cpp: {0:?}")]
    Ggml(whisper_rs::WhisperError),
    #[error("cannot run Whisper's graphs")]
    Ort(#[from] ort::Error),
    #[error("cannot read the table of Whisper's tokens")]
    Table(#[from] std::io::Error),
    #[error("{0} of the model is not what the registry's converter makes")]
    Contract(&'static str),
}

impl Retryable for RecognizerError {
    fn into_step_error(self) -> StepError {
        let message = "cannot decode speech; run the job again, and report it if it fails again";
        match self {
            Self::Stopped => StepError::Interrupted,
            // Most often memory ran out, and another try may find more.
            _ => StepError::transient(ErrorCode::INTERNAL, message).because(self),
        }
    }
}

/// What goes wrong in voice activity detection.
#[derive(Debug, thiserror::Error)]
#[error("cannot run the voice detector")]
pub(crate) struct VadError(#[from] ort::Error);

impl Retryable for VadError {
    fn into_step_error(self) -> StepError {
        StepError::transient(ErrorCode::INTERNAL, "cannot find speech; run the job again").because(self)
    }
}

/// The weights of a model that are there and cannot be used.
pub(crate) fn model_corrupt(model: &str, cause: impl std::fmt::Display) -> StepError {
    let message = format!("cannot load the weights of {model}; run `medley models pull {model}` again");
    StepError::permanent(ErrorCode::MODEL_CORRUPT, message).because(cause.to_string())
}
