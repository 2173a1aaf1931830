use std::path::PathBuf;

use medley_clip::ClipError;
use medley_media::MediaError;
use medley_models::ModelError;
use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};
use medley_vision::{VisionError, text::TextError};

use crate::RowError;

/// Why images cannot be analyzed. [`CaptionError::Media`] is about one image; everything else is about the machine or the
/// params, and concerns the whole batch.
#[derive(Debug, thiserror::Error)]
pub enum CaptionError {
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Vision(#[from] VisionError),
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The host asked the step to stop.
    #[error("stopped")]
    Stopped(#[source] Box<StepError>),
    /// A graph is not the one that this code was written for.
    #[error("the model {model} does not keep its contract: {what}")]
    Contract { model: String, what: String },
    #[error("the model {model} could not be run")]
    Run {
        model: String,
        #[source]
        source: ort::Error,
    },
    /// One image that was asked for by itself cannot be read.
    #[error("{}", .0.message)]
    Image(RowError),
    #[error("the vectors could not be written: check the disk")]
    Output(#[source] std::io::Error),
    #[error("{0}")]
    Params(String),
    #[error("the label file {path} cannot be read: check the path")]
    Labels {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl CaptionError {
    /// Whether a decoder or a sound model failed on this image: other images may well succeed.
    pub(crate) fn is_about_the_image(&self) -> bool {
        match self {
            Self::Media(_) | Self::Run { .. } => true,
            Self::Vision(error) => matches!(error, VisionError::Run { .. }),
            Self::Text(error) => matches!(error, TextError::Inference(_)),
            Self::Clip(error) => error.is_about_the_input(),
            _ => false,
        }
    }
}

impl Retryable for CaptionError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Media(error) => error.into_step_error(),
            Self::Model(error) => error.into_step_error(),
            Self::Vision(error) => error.into_step_error(),
            Self::Text(error) => error.into_step_error(),
            Self::Clip(error) => error.into_step_error(),
            Self::Stopped(error) => *error,
            Self::Contract { .. } => StepError::permanent(ErrorCode::MODEL_CORRUPT, self.to_string()),
            Self::Run { .. } => StepError::internal(self.to_string()).because(self),
            Self::Image(error) => StepError::permanent(error.code, error.message),
            Self::Output(error) => error.into(),
            Self::Params(_) | Self::Labels { .. } => {
                StepError::permanent(ErrorCode::PARAMS_INVALID, self.to_string()).because(self)
            }
        }
    }
}
