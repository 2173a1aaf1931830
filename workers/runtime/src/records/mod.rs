//! Where a gateway keeps what is not of jobs: tokens, webhooks, uploads, usage, the audit log. An SQLite file beside the
//! embedded queue, or objects in the store of a fleet. Both pass the cases of `tests/records_suite`.
//!
//! A record is a small document under a [`RecordKey`]: whose it is, the room that it belongs to, and a name. Nothing else
//! reaches into another tenant's records: a key is made of the tenant's [`Name`] and cannot be read from a request.
//!
//! ```
//! # use medley_proto::Name;
//! # use medley_runtime::{Error, records::{self, RecordKey, Records}};
//! # async fn example(records: &dyn Records, tenant: &Name) -> Result<(), Error> {
//! let key = RecordKey::of(tenant, ["webhooks", "01JD"])?;
//! records::write(records, &key, &serde_json::json!({ "url": "https://example.org/hook" })).await?;
//! let hook: Option<serde_json::Value> = records::read(records, &key).await?;
//! let all = records.read_below(&RecordKey::of(tenant, ["webhooks"])?, None, 100).await?;
//! # Ok(()) }
//! ```

pub(crate) mod database;
mod sqlite;
mod store;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use medley_proto::Name;
use serde::{Serialize, de::DeserializeOwned};

pub use self::{sqlite::SqliteRecords, store::StoreRecords};
use crate::{
    Error,
    store::{Key, PAGE_LIMIT, StoreError},
};

/// The largest record.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Whose records those are that belong to the gateway as a whole; no tenant can be called so.
const SHARED: &str = "_gateway";

/// The name of a record: `<tenant>/<room>/…`. Segments are as those of a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey(Key);

impl RecordKey {
    /// A record of a tenant.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`] when a segment is none: what comes from a request is hashed first, or refused.
    pub fn of<S: AsRef<str>>(tenant: &Name, below: impl IntoIterator<Item = S>) -> Result<Self, StoreError> {
        Self::below(tenant.as_str(), below)
    }

    /// A record of the gateway as a whole.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn shared<S: AsRef<str>>(below: impl IntoIterator<Item = S>) -> Result<Self, StoreError> {
        Self::below(SHARED, below)
    }

    fn below<S: AsRef<str>>(owner: &str, below: impl IntoIterator<Item = S>) -> Result<Self, StoreError> {
        let mut key = Key::new([owner])?;
        for segment in below {
            // One segment each: a stroke inside one would be a way into another room.
            key = Key::new(key.as_str().split('/').chain([segment.as_ref()]))?;
        }
        Ok(Self(key))
    }

    /// The same with one more segment.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn join(&self, segment: &str) -> Result<Self, StoreError> {
        Key::new(self.as_str().split('/').chain([segment])).map(Self)
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.as_str().rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One page of a listing, in the order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordPage {
    pub records: Vec<(RecordKey, Bytes)>,
    /// Pass as `after` for the next page; none at the end.
    pub next: Option<String>,
}

/// One page of names, as [`RecordPage`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPage {
    pub keys: Vec<RecordKey>,
    pub next: Option<String>,
}

/// Small documents by key. A write is whole and durable when it returns.
///
/// The embedded file is exact. In a fleet, [`put_new`](Self::put_new) may say yes to two that race, and of two that
/// [`put`](Self::put) the last stands (docs/decisions/0087-records-of-the-gateway.md): a record is written by one gateway, or
/// whoever writes it writes the same, or its name is its writer's alone.
#[async_trait]
pub trait Records: fmt::Debug + Send + Sync + 'static {
    /// Writes or replaces.
    ///
    /// # Errors
    /// Those of the store; [`StoreError::TooLarge`] above [`MAX_RECORD_BYTES`].
    async fn put(&self, key: &RecordKey, body: Bytes) -> Result<(), StoreError>;

    /// Writes unless there is one; whether what stands then is this body. No is certain.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    async fn put_new(&self, key: &RecordKey, body: Bytes) -> Result<bool, StoreError>;

    /// # Errors
    /// Those of the store.
    async fn get(&self, key: &RecordKey) -> Result<Option<Bytes>, StoreError>;

    /// The records whose keys start with `below/`, after `after` (the text of a key that need not exist), at most `limit` (and
    /// [`PAGE_LIMIT`]), with their bodies.
    ///
    /// # Errors
    /// Those of the store.
    async fn read_below(&self, below: &RecordKey, after: Option<&str>, limit: usize) -> Result<RecordPage, StoreError>;

    /// The same without the bodies: what is in the names alone is cheap to count in a fleet too.
    ///
    /// # Errors
    /// Those of the store.
    async fn keys_below(&self, below: &RecordKey, after: Option<&str>, limit: usize) -> Result<KeyPage, StoreError>;

    /// Removes; a record that is not there counts as removed.
    ///
    /// # Errors
    /// Those of the store.
    async fn delete(&self, key: &RecordKey) -> Result<(), StoreError>;
}

/// A JSON record.
///
/// # Errors
/// Those of the store; [`Error::DamagedRecord`] when it is not what was written.
pub async fn read<T: DeserializeOwned>(records: &dyn Records, key: &RecordKey) -> Result<Option<T>, Error> {
    records.get(key).await?.map(|body| parse(key, &body)).transpose()
}

/// Reads what a page holds.
///
/// # Errors
/// [`Error::DamagedRecord`] when it is not what was written.
pub fn parse<T: DeserializeOwned>(key: &RecordKey, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|source| Error::DamagedRecord { key: key.clone(), source })
}

/// Writes or replaces a JSON record.
///
/// # Errors
/// Those of the store.
pub async fn write(records: &dyn Records, key: &RecordKey, document: &impl Serialize) -> Result<(), Error> {
    Ok(records.put(key, json(document)).await?)
}

/// Writes a JSON record unless there is one, as [`Records::put_new`].
///
/// # Errors
/// Those of the store.
pub async fn write_new(records: &dyn Records, key: &RecordKey, document: &impl Serialize) -> Result<bool, Error> {
    Ok(records.put_new(key, json(document)).await?)
}

fn json(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).expect("our documents have string keys and no failing serializer").into()
}

fn check_size(key: &RecordKey, body: &Bytes) -> Result<(), StoreError> {
    if body.len() <= MAX_RECORD_BYTES {
        return Ok(());
    }
    let (bytes, limit) = (body.len() as u64, MAX_RECORD_BYTES as u64);
    Err(StoreError::TooLarge { key: key.0.clone(), bytes, limit })
}

/// At least one and at most a page: none would be a page without end.
fn page_of(limit: usize) -> usize {
    limit.clamp(1, PAGE_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_with_its_tenant_and_in_its_room() {
        let tenant = Name::from_static("t");
        let key = RecordKey::of(&tenant, ["tokens", "01JD"]).unwrap();
        assert_eq!((key.as_str(), key.name()), ("t/tokens/01JD", "01JD"));
        for bad in ["", ".", "..", "a/b", "../u", "a\nb"] {
            assert!(RecordKey::of(&tenant, ["tokens", bad]).is_err(), "{bad:?}");
            assert!(key.join(bad).is_err(), "{bad:?}");
        }
        assert!(RecordKey::shared(["kinds"]).unwrap().as_str().parse::<Name>().is_err());
        assert!(SHARED.parse::<Name>().is_err(), "no tenant can be called so");
    }
}
