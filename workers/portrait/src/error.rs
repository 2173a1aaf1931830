use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// What goes wrong with a portrait. The sentences name what was seen and what to do about it; the picture's name is
/// put in front by whoever knows it.
#[derive(Debug, thiserror::Error)]
pub enum PortraitError {
    #[error("the canonical face model cannot be used: {0}")]
    Geometry(String),
    #[error("a file of an earlier step cannot be read")]
    Intermediate(#[from] std::io::Error),
}

impl Retryable for PortraitError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Geometry(_) => StepError::permanent(ErrorCode::MODEL_CORRUPT, self.to_string()),
            Self::Intermediate(error) => error.into(),
        }
    }
}
