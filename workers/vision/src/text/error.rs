use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// Reading text failed.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error("a text model failed")]
    Inference(#[from] ort::Error),
    /// A model file that is not the network it should be.
    #[error("a text model is not what it should be: {0}")]
    Contract(&'static str),
    /// Cancelled, interrupted, or a model that is missing.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl Retryable for TextError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Step(step) => step,
            Self::Contract(_) => StepError::permanent(
                ErrorCode::MODEL_CORRUPT,
                "a text model is not what it should be: run 'medley models verify'",
            )
            .because(self),
            Self::Inference(_) => StepError::internal("a text model failed on this picture").because(self),
        }
    }
}
