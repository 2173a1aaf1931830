use std::{error::Error, time::Duration};

use medley_proto::ErrorCode;

/// The error below, kept for the log and for `causes`.
pub type Cause = Box<dyn Error + Send + Sync>;

/// How a step ends when it does not end well. The variant decides what happens next, and is decided where the error
/// is raised (see [`Retryable`]), never by whoever catches it.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The same step would fail the same way: bad input, bad params, a missing model. Ends the job.
    #[error("{message}")]
    Permanent {
        code: ErrorCode,
        /// One sentence that names the input and says what to do.
        message: String,
        #[source]
        source: Option<Cause>,
    },
    /// Worth another attempt later: a time-out, a throttled service.
    #[error("{message}")]
    Transient {
        code: ErrorCode,
        message: String,
        /// When the other side said when.
        retry_after: Option<Duration>,
        #[source]
        source: Option<Cause>,
    },
    /// This machine cannot work on (disk full, a broken GPU): the step goes back uncharged and the worker stops.
    #[error("this machine cannot go on: {message}")]
    Unfit {
        message: String,
        #[source]
        source: Option<Cause>,
    },
    /// The user asked for the job to stop.
    #[error("the job was cancelled")]
    Cancelled,
    /// The worker is stopping: the step goes back uncharged.
    #[error("the worker is stopping")]
    Interrupted,
}

impl StepError {
    pub fn permanent(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Permanent { code, message: message.into(), source: None }
    }

    pub fn transient(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Transient { code, message: message.into(), retry_after: None, source: None }
    }

    /// A broken invariant of our own: permanent, with the code that asks for a report.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::permanent(ErrorCode::INTERNAL, message)
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        match &mut self {
            Self::Permanent { source, .. } | Self::Transient { source, .. } | Self::Unfit { source, .. } => {
                *source = Some(cause.into());
            }
            Self::Cancelled | Self::Interrupted => {}
        }
        self
    }

    /// The code that is stored and shown.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Permanent { code, .. } | Self::Transient { code, .. } => code.clone(),
            Self::Unfit { .. } => ErrorCode::SERVICE_UNAVAILABLE,
            Self::Cancelled | Self::Interrupted => ErrorCode::CANCELLED,
        }
    }

    /// The messages of the causes below, outermost first.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }
}

impl From<std::io::Error> for StepError {
    /// Of the step's own scratch files; errors of inputs are told apart by whoever opens them.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Unfit { message: "the disk is full".into(), source: Some(error.into()) }
            }
            _ => Self::transient(ErrorCode::SERVICE_UNAVAILABLE, "a local file could not be read or written")
                .because(error),
        }
    }
}

impl From<serde_json::Error> for StepError {
    fn from(error: serde_json::Error) -> Self {
        Self::internal("a document of an earlier step could not be read or written").because(error)
    }
}

/// An error that knows, where it is defined, what should happen next.
pub trait Retryable: Error + Send + Sync + Sized + 'static {
    fn into_step_error(self) -> StepError;
}

impl<E: Retryable> From<E> for StepError {
    fn from(error: E) -> Self {
        error.into_step_error()
    }
}
