use medley_proto::{ErrorCode, JobId};
use medley_step::{Retryable, StepError};

use crate::{
    client::UploadId,
    queue::QueueError,
    records::RecordKey,
    store::{Key, StoreError},
};

/// A record of the store is not what was written there: a disk that fails, or somebody who changed it.
const STATE_DAMAGED: ErrorCode = ErrorCode::new("state_damaged");

/// A revision was made of an older one than the newest.
const REVISION_STALE: ErrorCode = ErrorCode::new("revision_stale");

/// What a call of the runtime can come to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be served as it stands; the step error's code and sentence say why.
    #[error(transparent)]
    Refused(#[from] StepError),
    #[error("there is no job {0}; `medley list` shows those that there are")]
    NoSuchJob(JobId),
    #[error("job {0} has not ended; `medley watch {0}` waits for it")]
    NotFinished(JobId),
    #[error("job {0} has no dead letters; `medley dead list` shows those that there are")]
    NoDeadLetter(JobId),
    /// Never there, ended by its client, or kept for long enough.
    #[error("there is no upload {0}; it may be over its time: upload the file again")]
    NoSuchUpload(UploadId),
    /// Somebody else made a newer revision than the one that was edited.
    #[error("job {job} has revision {newest} by now; read it, and make the change again")]
    StaleRevision { job: JobId, newest: u32 },
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document of ours that is not what we wrote, or is of a newer version.
    #[error("{}", damaged(key))]
    Damaged {
        key: Key,
        #[source]
        source: serde_json::Error,
    },
    /// The same of a gateway's record.
    #[error("the gateway's record {key} is damaged; remove it from the store, and do again what made it")]
    DamagedRecord {
        key: RecordKey,
        #[source]
        source: serde_json::Error,
    },
    /// A local file of the worker's or the caller's own.
    #[error("{what}")]
    Local {
        what: String,
        #[source]
        source: std::io::Error,
    },
}

fn damaged(key: &Key) -> String {
    format!("the record {key} of the store is damaged; delete its job and submit it again (`medley run`: --fresh)")
}

impl Error {
    /// The code that is stored and shown.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(error) => error.code(),
            Self::NoSuchJob(_) | Self::NotFinished(_) | Self::NoDeadLetter(_) | Self::NoSuchUpload(_) => {
                ErrorCode::INPUT_NOT_FOUND
            }
            Self::StaleRevision { .. } => REVISION_STALE,
            Self::Queue(_) | Self::Store(_) | Self::Local { .. } => ErrorCode::SERVICE_UNAVAILABLE,
            Self::Damaged { .. } | Self::DamagedRecord { .. } => STATE_DAMAGED,
        }
    }

    pub(crate) fn local(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Local { what: what.into(), source }
    }
}

impl Retryable for Error {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Refused(error) => error,
            Self::Queue(error) => error.into(),
            Self::Store(error) => error.into(),
            Self::Local { what, source } => match StepError::from(source) {
                StepError::Transient { code, retry_after, source, .. } => {
                    StepError::Transient { code, message: what, retry_after, source }
                }
                other => other,
            },
            Self::Damaged { key, source } => StepError::permanent(STATE_DAMAGED, damaged(&key)).because(source),
            Self::DamagedRecord { .. }
            | Self::NoSuchJob(_)
            | Self::NotFinished(_)
            | Self::NoDeadLetter(_)
            | Self::NoSuchUpload(_)
            | Self::StaleRevision { .. } => StepError::internal("a document of the job cannot be read").because(self),
        }
    }
}
