use medley_media::MediaError;
use medley_models::ModelError;
use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};
use medley_vision::VisionError;

/// The errors of this kind.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The picture is so narrow that a map of it would be too large.
    #[error(
        "{name} is {width}×{height} px: a map with a short side of {resolution} px would be too long; crop it, or ask for a smaller resolution"
    )]
    TooLong { name: String, width: u32, height: u32, resolution: u32 },
    /// No depth network is installed, and depth from landmarks needs people.
    #[error(
        "{name} shows no people to take depth from, and no depth network is there: run `medley models pull --unpinned depth-anything-v2-small`"
    )]
    NoDepth { name: String },
    /// The picture is too narrow for a stereo pair.
    #[error("{name} is {width} px wide, too narrow for two pictures side by side: leave `--stereo` out")]
    NoPair { name: String, width: u32 },
    /// A network in the config does not keep its contract.
    #[error("the network {file} does not keep its contract: {what}")]
    Contract { file: String, what: String },
    #[error("OpenCV failed")]
    OpenCv(#[from] opencv::Error),
    #[error("ONNX Runtime failed")]
    Ort(#[from] ort::Error),
}

impl ControlError {
    /// The code of [`Self::NoDepth`].
    pub const NO_DEPTH: ErrorCode = ErrorCode::new("no_depth");
}

impl Retryable for ControlError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Media(error) => error.into_step_error(),
            Self::Model(error) => error.into_step_error(),
            Self::Vision(error) => error.into_step_error(),
            Self::TooLong { .. } => StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, self.to_string()),
            Self::NoDepth { .. } => StepError::permanent(Self::NO_DEPTH, self.to_string()),
            Self::NoPair { .. } => StepError::permanent(ErrorCode::MEDIA_UNSUPPORTED, self.to_string()),
            Self::Contract { .. } => StepError::permanent(ErrorCode::MODEL_CORRUPT, self.to_string()),
            Self::OpenCv(_) | Self::Ort(_) => StepError::internal(self.to_string()).because(self),
        }
    }
}
