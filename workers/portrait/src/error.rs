use medley_media::MediaError;
use medley_models::ModelError;
use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};
use medley_vision::VisionError;

/// What goes wrong with a portrait. Each sentence names the input and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum PortraitError {
    #[error("{name}: no face was found; use a photo that shows one face from the front, well lit and not covered")]
    NoFace { name: String },
    #[error(
        "{name}: there is no face number {wanted}, only {found}; use --face 1 to --face {found}, 1 being the largest"
    )]
    NoSuchFace { name: String, wanted: u32, found: usize },
    #[error(
        "{name}: the face is too small, its eyes are {eyes_px:.0} px apart; use a photo in which they are at least {min_px:.0} px apart"
    )]
    FaceTooSmall { name: String, eyes_px: f64, min_px: f64 },
    #[error(
        "{name}: the face is turned {degrees:.0} degrees {way}; use a photo that is turned at most {max:.0} degrees"
    )]
    FaceTurned { name: String, degrees: f64, way: &'static str, max: f64 },
    #[error("{name} cannot be spoken: {what}")]
    Script { name: String, what: String },
    #[error("no installed font has the letter '{letter}'; install the package {package}")]
    NoFont { letter: char, package: &'static str },
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error("wav2lip cannot run this model: {0}; use one of Wav2Lip's published contract")]
    Wav2Lip(String),
    #[error("wav2lip failed while running")]
    Network(#[from] ort::Error),
    #[error(transparent)]
    Models(#[from] ModelError),
    #[error("{0}")]
    Params(String),
    #[error("a file of an earlier step cannot be read")]
    Intermediate(#[from] std::io::Error),
    #[error(transparent)]
    Vision(#[from] VisionError),
}

impl PortraitError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoFace { .. } | Self::NoSuchFace { .. } => ErrorCode::new("no_face"),
            Self::FaceTooSmall { .. } => ErrorCode::new("face_too_small"),
            Self::FaceTurned { .. } => ErrorCode::new("face_turned"),
            Self::Script { .. } => ErrorCode::new("script_invalid"),
            Self::NoFont { .. } => ErrorCode::TOOL_MISSING,
            Self::Wav2Lip(_) | Self::Params(_) => ErrorCode::PARAMS_INVALID,
            Self::Media(error) => error.code(),
            Self::Network(_) | Self::Models(_) | Self::Intermediate(_) | Self::Vision(_) => ErrorCode::INTERNAL,
        }
    }
}

impl Retryable for PortraitError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Intermediate(error) => error.into(),
            Self::Vision(error) => error.into_step_error(),
            Self::Media(error) => error.into_step_error(),
            Self::Models(error) => error.into_step_error(),
            error => StepError::permanent(error.code(), error.to_string()).because(error),
        }
    }
}
