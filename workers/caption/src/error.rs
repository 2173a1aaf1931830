use std::{path::PathBuf, sync::Arc};

use medley_media::MediaError;
use medley_models::ModelError;
use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};
use medley_vision::{VisionError, text::TextError};

use crate::RowError;

/// What goes wrong while images are looked at. Of an image itself: [`CaptionError::Media`]; everything else is the
/// machine's or the params' and concerns the whole batch.
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
    /// The host said stop.
    #[error("stopped")]
    Stopped(#[source] Box<StepError>),
    /// A graph does not keep the contract of its kind.
    #[error("the model {model} does not keep its contract: {what}")]
    Contract { model: String, what: String },
    /// A vocabulary that was given with a model, or by its registry, is another file.
    #[error("the vocabulary {} cannot be used: {what}", path.display())]
    Vocabulary { path: PathBuf, what: &'static str },
    #[error("the model {model} could not be run")]
    Run {
        model: String,
        #[source]
        source: ort::Error,
    },
    /// The batch that the image was in failed.
    #[error("{0}")]
    Batch(#[source] Arc<CaptionError>),
    /// An image that was asked for alone.
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
    /// Whether a graph that works failed at what it was shown: then others of a batch may well be looked at.
    pub(crate) fn is_of_what_was_shown(&self) -> bool {
        match self {
            Self::Media(_) | Self::Run { .. } => true,
            Self::Vision(error) => matches!(error, VisionError::Run { .. }),
            Self::Text(error) => matches!(error, TextError::Inference(_)),
            Self::Batch(error) => error.is_of_what_was_shown(),
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
            Self::Stopped(error) => *error,
            Self::Contract { .. } | Self::Vocabulary { .. } => {
                StepError::permanent(ErrorCode::MODEL_CORRUPT, self.to_string())
            }
            Self::Run { .. } | Self::Batch(_) => StepError::internal(self.to_string()).because(self),
            Self::Image(error) => StepError::permanent(error.code, error.message),
            Self::Output(error) => error.into(),
            Self::Params(_) | Self::Labels { .. } => {
                StepError::permanent(ErrorCode::PARAMS_INVALID, self.to_string()).because(self)
            }
        }
    }
}
