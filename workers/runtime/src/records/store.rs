//! Records as objects below `<tenant>/gateway/` of a store: what the gateways of a fleet share.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{KeyPage, MAX_RECORD_BYTES, RecordKey, RecordPage, Records, check_size, page_of};
use crate::{
    layout::documents,
    store::{Key, Store, StoreError},
};

/// Between the tenant and the room.
const FOLDER: &str = "gateway";

/// How many bodies of a page are read side by side: each waits for the network.
const READS: usize = 16;

/// How often a record is written that the store says is there and does not have.
const WRITES: usize = 3;

/// Records in a store.
#[derive(Clone)]
pub struct StoreRecords {
    store: Arc<dyn Store>,
}

impl std::fmt::Debug for StoreRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreRecords")
    }
}

impl StoreRecords {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// A record of a listing; none when it was removed since then.
    async fn read(&self, key: RecordKey) -> Result<Option<(RecordKey, Bytes)>, StoreError> {
        Ok(self.get(&key).await?.map(|body| (key, body)))
    }
}

/// Where the record lies, be it a key or only the text of one.
fn place(of: &str) -> String {
    match of.split_once('/') {
        Some((owner, below)) => format!("{owner}/{FOLDER}/{below}"),
        None => format!("{of}/{FOLDER}"),
    }
}

fn object(key: &RecordKey) -> Result<Key, StoreError> {
    Key::parse(&place(key.as_str()))
}

/// The record that lies there.
fn record(object: &Key) -> Result<RecordKey, StoreError> {
    let (owner, below) = object.as_str().split_once('/').unwrap_or_default();
    let below = below.strip_prefix(FOLDER).and_then(|below| below.strip_prefix('/')).unwrap_or_default();
    Key::parse(&format!("{owner}/{below}")).map(RecordKey)
}

#[async_trait]
impl Records for StoreRecords {
    async fn put(&self, key: &RecordKey, body: Bytes) -> Result<(), StoreError> {
        check_size(key, &body)?;
        self.store.put(&object(key)?, body, &documents::meta()).await
    }

    async fn put_new(&self, key: &RecordKey, body: Bytes) -> Result<bool, StoreError> {
        check_size(key, &body)?;
        let object = object(key)?;
        for _ in 0..WRITES {
            if self.store.put_if_absent(&object, body.clone(), &documents::meta()).await? {
                return Ok(true);
            }
            // A write whose answer was lost is refused at its repetition as if another had been first.
            match self.store.get(&object, MAX_RECORD_BYTES as u64).await {
                Ok(Some(stands)) => return Ok(stands == body),
                Ok(None) => {}
                Err(StoreError::TooLarge { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let message = format!("{object} cannot be written, as if it were there, and cannot be read");
        Err(StoreError::Unavailable { message, retry_after: None, source: None })
    }

    async fn get(&self, key: &RecordKey) -> Result<Option<Bytes>, StoreError> {
        self.store.get(&object(key)?, MAX_RECORD_BYTES as u64).await
    }

    async fn read_below(&self, below: &RecordKey, after: Option<&str>, limit: usize) -> Result<RecordPage, StoreError> {
        let KeyPage { keys, next } = self.keys_below(below, after, limit).await?;
        let reads = keys.into_iter().map(|key| self.read(key));
        let found: Vec<_> = stream::iter(reads).buffered(READS).try_collect().await?;
        Ok(RecordPage { records: found.into_iter().flatten().collect(), next })
    }

    async fn keys_below(&self, below: &RecordKey, after: Option<&str>, limit: usize) -> Result<KeyPage, StoreError> {
        let after = after.map(place);
        let page = self.store.list(&object(below)?, after.as_deref(), page_of(limit)).await?;
        let keys = page.objects.iter().map(|info| record(&info.key)).collect::<Result<_, _>>()?;
        let next = page.next.as_deref().map(|next| Key::parse(next).and_then(|next| record(&next))).transpose()?;
        Ok(KeyPage { keys, next: next.map(|key| key.as_str().to_owned()) })
    }

    async fn delete(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.delete(&object(key)?).await
    }
}

#[cfg(test)]
mod tests {
    use medley_proto::Name;

    use super::*;

    #[test]
    fn a_record_is_found_where_it_lies() {
        let key = RecordKey::of(&Name::from_static("gateway"), ["gateway", "gateway"]).unwrap();
        assert_eq!(object(&key).unwrap().as_str(), "gateway/gateway/gateway/gateway");
        assert_eq!(record(&object(&key).unwrap()).unwrap(), key);
        assert_eq!(place("t"), "t/gateway");
        assert!(place("t/audit/07") < place("t/audit/08-x"));
    }
}
