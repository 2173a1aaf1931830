//! The JSON documents of a job, read and written.

use bytes::Bytes;
use medley_proto::{Name, Sha256, VERSION};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::keys::JobKeys;
use crate::{
    Error,
    store::{Key, ObjectMeta, Store, StoreError},
};

/// The largest document that is read into memory: a result's output is at most 8 MiB, and its frame needs room.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// How often a document is written that the store says is there and does not have.
const WRITES: usize = 3;

/// The body of `open/<job>`: there from submit to finish.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct OpenMarker {
    pub(crate) created_ms: u64,
    /// How often the sweeper had to publish the job's open steps again.
    pub(crate) sweeps: u32,
}

/// What an input was when it was first fetched.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct FetchedInput {
    pub(crate) sha256: Sha256,
    pub(crate) bytes: u64,
}

/// The body of `planned.json`: the work of the latest stage whose recipe could tell how much it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlannedWork {
    pub(crate) stage: Name,
    pub(crate) steps: u32,
    pub(crate) work: f64,
    pub(crate) unit: String,
}

/// The body of `cancel.json`.
pub(crate) fn cancel_marker(at_ms: u64) -> Value {
    json!({ "v": VERSION, "at_ms": at_ms })
}

pub(crate) fn meta() -> ObjectMeta {
    ObjectMeta { media_type: Some("application/json".into()), sha256: None }
}

fn bytes_of(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).expect("our documents have string keys and no failing serializer").into()
}

fn parse<T: DeserializeOwned>(key: &Key, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Damaged { key: key.clone(), source })
}

pub(crate) async fn read<T: DeserializeOwned>(store: &dyn Store, key: &Key) -> Result<Option<T>, Error> {
    match store.get(key, MAX_BYTES).await? {
        Some(bytes) => Ok(Some(parse(key, &bytes)?)),
        None => Ok(None),
    }
}

pub(crate) async fn write(store: &dyn Store, key: &Key, document: &impl Serialize) -> Result<(), Error> {
    Ok(store.put(key, bytes_of(document), &meta()).await?)
}

/// Writes unless another was first, and returns the document that stands.
pub(crate) async fn write_once<T: Serialize + DeserializeOwned>(
    store: &dyn Store,
    key: &Key,
    document: T,
) -> Result<T, Error> {
    for _ in 0..WRITES {
        let written = store.put_if_absent(key, bytes_of(&document), &meta()).await?;
        match read(store, key).await? {
            Some(stands) => return Ok(stands),
            // Removed in between, with its job.
            None if written => return Ok(document),
            // A write that was cut off may be refused at its repetition as if another had been first, while nothing stands.
            None => {}
        }
    }
    let message = format!("{key} cannot be written, as if it were there, and cannot be read");
    Err(StoreError::Unavailable { message, retry_after: None, source: None }.into())
}

pub(crate) async fn exists(store: &dyn Store, key: &Key) -> Result<bool, Error> {
    Ok(store.head(key).await?.is_some())
}

/// Whether the job was cancelled or has ended, so that its steps are no longer needed.
pub(crate) async fn is_over(store: &dyn Store, keys: &JobKeys) -> Result<bool, Error> {
    Ok(exists(store, &keys.cancel()).await? || exists(store, &keys.manifest()).await?)
}
