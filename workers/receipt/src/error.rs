use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// What goes wrong while a receipt is read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    #[error("{input}: no text was found; take the picture closer and in better light")]
    NoText { input: String },
    #[error("{input}: the PDF is closed with a password; open it first")]
    PasswordProtected {
        input: String,
        #[source]
        source: PopplerError,
    },
    #[error("{input}: the PDF is damaged")]
    Damaged {
        input: String,
        #[source]
        source: PopplerError,
    },
    #[error("{input}: the PDF has no pages")]
    NoPages { input: String },
    #[error(transparent)]
    Poppler(#[from] PopplerError),
    #[error("cannot read a drawn page")]
    DrawnPage(#[source] image::ImageError),
    #[error("cannot write the overlay")]
    Overlay(#[source] image::ImageError),
}

impl Retryable for ReceiptError {
    fn into_step_error(self) -> StepError {
        let message = self.to_string();
        match self {
            Self::NoText { .. } | Self::NoPages { .. } => StepError::permanent(ErrorCode::MEDIA_EMPTY, message),
            Self::PasswordProtected { source, .. } | Self::Damaged { source, .. } => {
                StepError::permanent(ErrorCode::MEDIA_UNDECODABLE, message).because(source)
            }
            Self::Poppler(error) => error.into_step_error(),
            Self::DrawnPage(error) | Self::Overlay(error) => StepError::internal(message).because(error),
        }
    }
}

/// The errors of a program of Poppler.
#[derive(Debug, thiserror::Error)]
pub enum PopplerError {
    #[error("{0} is not installed: install Debian's poppler-utils")]
    Missing(&'static str),
    #[error("{program} cannot read the PDF: {message}")]
    Refused { program: &'static str, message: String },
    #[error("{program} took more than {what}")]
    TooMuch { program: &'static str, what: &'static str },
    #[error("cannot read or write a local file")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Stopped(StepError),
}

impl Retryable for PopplerError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Stopped(step) => step,
            Self::Missing(_) => StepError::permanent(ErrorCode::TOOL_MISSING, self.to_string()),
            Self::Refused { .. } => StepError::permanent(ErrorCode::MEDIA_UNDECODABLE, self.to_string()),
            Self::TooMuch { .. } => StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, self.to_string()),
            Self::Io(error) => error.into(),
        }
    }
}
