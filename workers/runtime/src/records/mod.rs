//! The gateway's own small documents: tokens, webhooks, uploads, idempotency, usage. Never jobs.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use medley_proto::Name;

use crate::{
    Error,
    store::{Key, ObjectMeta, Store},
};

/// The largest record.
pub const MAX_RECORD_BYTES: u64 = 1 << 20;

/// One page of records, in the order of their keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordPage {
    /// Keys as they were put, without tenant.
    pub keys: Vec<String>,
    /// Pass as `after` for the next page; none at the end.
    pub next: Option<String>,
}

/// Small documents by key, below a tenant. A key is one or more segments joined by `/` ([`Key`]). Writes are whole and
/// durable when they return.
#[async_trait]
pub trait Records: Send + Sync + fmt::Debug + 'static {
    /// Writes unless the record exists; true when it wrote. In a fleet two writers that race may both be told true:
    /// correctness must not rest on it.
    async fn put_new(&self, of: &Name, key: &str, bytes: Bytes) -> Result<bool, Error>;

    /// Writes or replaces.
    async fn put(&self, of: &Name, key: &str, bytes: Bytes) -> Result<(), Error>;

    async fn get(&self, of: &Name, key: &str) -> Result<Option<Bytes>, Error>;

    /// The records whose keys start with `below/`, after `after`, at most `limit` (and 1,000).
    async fn list(&self, of: &Name, below: &str, after: Option<&str>, limit: usize) -> Result<RecordPage, Error>;

    /// Removes; a record that is not there counts as removed.
    async fn delete(&self, of: &Name, key: &str) -> Result<(), Error>;
}

/// Records as objects of the store, below `<tenant>/gateway/`.
#[derive(Clone)]
pub struct StoreRecords {
    store: Arc<dyn Store>,
}

impl fmt::Debug for StoreRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreRecords").finish_non_exhaustive()
    }
}

impl StoreRecords {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    fn root(of: &Name) -> Result<Key, Error> {
        Ok(Key::new([of.as_str(), "gateway"])?)
    }

    fn key(of: &Name, key: &str) -> Result<Key, Error> {
        Ok(Self::root(of)?.join(key)?)
    }
}

fn meta() -> ObjectMeta {
    ObjectMeta { media_type: Some("application/json".into()), sha256: None }
}

#[async_trait]
impl Records for StoreRecords {
    async fn put_new(&self, of: &Name, key: &str, bytes: Bytes) -> Result<bool, Error> {
        Ok(self.store.put_if_absent(&Self::key(of, key)?, bytes, &meta()).await?)
    }

    async fn put(&self, of: &Name, key: &str, bytes: Bytes) -> Result<(), Error> {
        Ok(self.store.put(&Self::key(of, key)?, bytes, &meta()).await?)
    }

    async fn get(&self, of: &Name, key: &str) -> Result<Option<Bytes>, Error> {
        Ok(self.store.get(&Self::key(of, key)?, MAX_RECORD_BYTES).await?)
    }

    async fn list(&self, of: &Name, below: &str, after: Option<&str>, limit: usize) -> Result<RecordPage, Error> {
        let root = format!("{}/", Self::root(of)?);
        let page = self.store.list(&Self::key(of, below)?, after, limit).await?;
        let own = |key: &Key| key.as_str().strip_prefix(&root).map(str::to_owned);
        Ok(RecordPage { keys: page.objects.iter().filter_map(|object| own(&object.key)).collect(), next: page.next })
    }

    async fn delete(&self, of: &Name, key: &str) -> Result<(), Error> {
        Ok(self.store.delete(&Self::key(of, key)?).await?)
    }
}
