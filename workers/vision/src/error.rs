use medley_models::ModelError;
use medley_step::{Retryable, StepError};

/// What goes wrong while looking at a picture. A picture itself is never at fault: it was decoded before.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// The model is missing or cannot be opened; its own sentence says what to do.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// ONNX Runtime failed on a graph that it had loaded.
    #[error("the model {model} could not be run")]
    Run {
        model: &'static str,
        #[source]
        source: ort::Error,
    },
    /// The graph is not the one that this code was written for.
    #[error("the model {model} does not give {what}")]
    Contract { model: &'static str, what: String },
    /// The canonical face model cannot be read.
    #[error("the canonical face model is damaged: {0}")]
    Canonical(&'static str),
}

impl Retryable for VisionError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Model(error) => error.into_step_error(),
            error => StepError::internal(error.to_string()).because(error),
        }
    }
}
