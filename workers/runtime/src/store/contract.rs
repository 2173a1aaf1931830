//! What every store does. `tests/conformance_store.rs` checks it for each of them.

use std::{fmt, ops::Range, path::Path, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use medley_proto::{ErrorCode, Sha256};

use medley_step::{Cause, Retryable, StepError};

/// The name of an object: segments of `A-Z a-z 0-9 . _ - ~ ( ) ! ' * space` and any non-ASCII letter, joined by `/`; none
/// empty, `.` or `..`. The first segment is the tenant, so a key made of valid segments cannot leave its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The longest key: S3 takes 1,024 bytes, of which a store's own prefix has the rest.
    pub const MAX_BYTES: usize = 896;

    /// Joins segments; each must be a single valid one.
    pub fn new<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<Self, StoreError> {
        let mut key = String::new();
        for segment in segments {
            let segment = segment.as_ref();
            if !is_segment(segment) {
                return Err(StoreError::InvalidKey(segment.into()));
            }
            if !key.is_empty() {
                key.push('/');
            }
            key.push_str(segment);
        }
        if key.is_empty() || key.len() > Self::MAX_BYTES { Err(StoreError::InvalidKey(key)) } else { Ok(Self(key)) }
    }

    /// Reads a whole key.
    pub fn parse(key: &str) -> Result<Self, StoreError> {
        Self::new(key.split('/'))
    }

    /// The key one or more segments below this one.
    pub fn join(&self, below: &str) -> Result<Self, StoreError> {
        Self::new(self.0.split('/').chain(below.split('/')))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_segment(segment: &str) -> bool {
    !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment.len() <= 255
        && !segment
            .chars()
            .any(|c| c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '%' | '"' | '<' | '>' | '|' | ':'))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is written beside an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectMeta {
    pub media_type: Option<String>,
    /// When known: verified while writing where the backend can, kept with the object where it can.
    pub sha256: Option<Sha256>,
}

/// An object that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub key: Key,
    pub bytes: u64,
    /// Unix time.
    pub modified_ms: u64,
}

/// One page of a listing, in the order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub objects: Vec<ObjectInfo>,
    /// Pass as `after` for the next page; none at the end.
    pub next: Option<String>,
}

/// Objects by key. Writes are whole and durable when they return: a reader sees the old object, the new one, or none.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Writes or replaces.
    async fn put(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<(), StoreError>;

    /// Writes or replaces, streaming a file of any size through bounded memory.
    async fn put_file(&self, key: &Key, path: &Path, meta: &ObjectMeta) -> Result<(), StoreError>;

    /// Writes unless the object exists; true when it wrote. For two writers that race it may return true to both: the caller's
    /// correctness must not rest on it, only its economy.
    async fn put_if_absent(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<bool, StoreError>;

    /// A small object (at most `limit` bytes), or none.
    async fn get(&self, key: &Key, limit: u64) -> Result<Option<Bytes>, StoreError>;

    /// Bytes `range` of an object, cut at its end.
    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// Streams an object into a file through bounded memory and returns its length.
    async fn fetch(&self, key: &Key, path: &Path) -> Result<u64, StoreError>;

    /// Whether the object exists, and how large it is.
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError>;

    /// The objects whose keys start with `prefix/`, after `after`, at most `limit` (and 1,000).
    async fn list(&self, prefix: &Key, after: Option<&str>, limit: usize) -> Result<Page, StoreError>;

    /// Removes; an object that is not there counts as removed.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// A URL that reads the object for so long without credentials. For the gateway, which is not built yet: only the
    /// conformance suite calls it today.
    async fn presign_get(&self, key: &Key, valid_for: Duration) -> Result<String, StoreError>;

    /// A URL that writes the object for so long without credentials. For the gateway, as [`presign_get`](Self::presign_get).
    async fn presign_put(&self, key: &Key, valid_for: Duration) -> Result<String, StoreError>;

    /// The file that holds the object, where objects are files: lets a step read without copying.
    fn local_path(&self, _key: &Key) -> Option<std::path::PathBuf> {
        None
    }
}

/// A store that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0:?} cannot be part of a store key")]
    InvalidKey(String),
    #[error("the store has no object {0}")]
    NotFound(Key),
    /// Larger than the reader allowed.
    #[error("object {key} has {bytes} bytes, more than the {limit} that may be read at once")]
    TooLarge { key: Key, bytes: u64, limit: u64 },
    /// The bytes written are not those announced, or those read are not those written.
    #[error("object {0} does not match its checksum")]
    Checksum(Key),
    /// Away, slow or throttling: worth trying again.
    #[error("the store is not available: {message}")]
    Unavailable {
        message: String,
        retry_after: Option<Duration>,
        #[source]
        source: Option<Cause>,
    },
    /// Credentials, permissions, no such bucket: no use trying again.
    #[error("the store refuses: {0}")]
    Refused(String, #[source] Option<Cause>),
    /// No room left.
    #[error("the store is full")]
    Full(#[source] Option<Cause>),
    #[error("this store cannot {0}")]
    Unsupported(&'static str),
}

impl Retryable for StoreError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Unavailable { retry_after, .. } => StepError::Transient {
                code: ErrorCode::SERVICE_UNAVAILABLE,
                message: "the store is not available".into(),
                retry_after,
                source: Some(self.into()),
            },
            Self::Checksum(_) => {
                StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, "an object arrived damaged").because(self)
            }
            Self::Full(_) => StepError::Unfit { message: "the store is full".into(), source: Some(self.into()) },
            Self::Refused(..) => {
                StepError::Unfit { message: "the store refuses this worker".into(), source: Some(self.into()) }
            }
            Self::NotFound(_) | Self::InvalidKey(_) | Self::TooLarge { .. } | Self::Unsupported(_) => {
                StepError::internal("an object of the job cannot be read").because(self)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_below_their_tenant() {
        for bad in ["", "a//b", "a/../b", "/a", "a/", "a/./b", "a\\b", "a/b\nc", "a/%2e%2e/b"] {
            assert!(Key::parse(bad).is_err(), "{bad:?}");
        }
        let key = Key::new(["t", "jobs", "x"]).unwrap();
        assert_eq!(key.join("a/录音 1.mp3").unwrap().as_str(), "t/jobs/x/a/录音 1.mp3");
        assert!(key.join("../y").is_err());
    }
}
