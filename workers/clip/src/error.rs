use std::{path::PathBuf, sync::Arc};

use medley_models::ModelError;
use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// Why a CLIP model cannot be opened or run. None of these is the fault of one image.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// A file of the model is missing or cannot be opened; its own sentence says what to do.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A graph does not keep the contract of its family.
    #[error("the model {model} does not keep its contract: {what}")]
    Contract { model: String, what: String },
    /// The file given as vocabulary is not one of its family.
    #[error("the vocabulary {} cannot be used: {what}", path.display())]
    Vocabulary { path: PathBuf, what: &'static str },
    /// ONNX Runtime failed on a graph that it had loaded.
    #[error("the model {model} could not be run")]
    Run {
        model: String,
        #[source]
        source: ort::Error,
    },
    /// The run of the whole batch that the image was part of failed.
    #[error("{0}")]
    Batch(#[source] Arc<ClipError>),
    /// The model is not known, or a folder lacks its files.
    #[error("{0}")]
    Params(String),
}

impl ClipError {
    /// Whether a sound model failed on this input: the next input may well succeed.
    pub fn is_about_the_input(&self) -> bool {
        match self {
            Self::Run { .. } => true,
            Self::Batch(error) => error.is_about_the_input(),
            Self::Model(_) | Self::Contract { .. } | Self::Vocabulary { .. } | Self::Params(_) => false,
        }
    }
}

impl Retryable for ClipError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Model(error) => error.into_step_error(),
            Self::Contract { .. } | Self::Vocabulary { .. } => {
                StepError::permanent(ErrorCode::MODEL_CORRUPT, self.to_string())
            }
            Self::Run { .. } | Self::Batch(_) => StepError::internal(self.to_string()).because(self),
            Self::Params(_) => StepError::permanent(ErrorCode::PARAMS_INVALID, self.to_string()).because(self),
        }
    }
}
