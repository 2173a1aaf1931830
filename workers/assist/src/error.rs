use std::{path::PathBuf, time::Duration};

/// Why the helper model gave no usable answer. None of these need fail a job.
#[derive(Debug, thiserror::Error)]
pub enum AssistError {
    #[error("the API key file {path} cannot be read")]
    Key { path: PathBuf, source: std::io::Error },
    /// Not reached, or it broke off: after all attempts.
    #[error("the assist endpoint cannot be reached")]
    Unreachable(#[source] Box<ureq::Error>),
    /// 429 or 5xx, after all attempts.
    #[error("the assist endpoint answered {status}")]
    Busy { status: u16, retry_after: Option<Duration> },
    /// 4xx: the key, the model's name or the request is wrong.
    #[error("the assist endpoint refused with {status}: {detail}")]
    Refused { status: u16, detail: String },
    /// An answer that is not a chat completion, or holds no text.
    #[error("the assist endpoint's answer cannot be used: {0}")]
    BadAnswer(String),
}

impl AssistError {
    /// Whether the same call may succeed a moment later.
    pub(crate) fn worth_repeating(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy { .. })
    }
}
