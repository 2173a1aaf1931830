//! What every `Store` promises, as cases over a place where one can be opened any number of times.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

pub(crate) mod concurrent;
pub(crate) mod listing;
pub(crate) mod objects;
mod s3;

use std::sync::Arc;

use bytes::Bytes;
use medley_runtime::store::{Key, ObjectMeta, Store};

/// Where a store is.
#[async_trait::async_trait]
pub(crate) trait Place: Send + Sync {
    /// Another way to the same store, as another process would open it.
    async fn open(&self) -> Arc<dyn Store>;
}

pub(crate) fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

pub(crate) fn plain() -> ObjectMeta {
    ObjectMeta::default()
}

pub(crate) async fn put(store: &dyn Store, at: &str, bytes: impl Into<Bytes>) {
    store.put(&key(at), bytes.into(), &plain()).await.unwrap();
}

pub(crate) async fn get(store: &dyn Store, at: &str) -> Option<Bytes> {
    store.get(&key(at), 64 << 20).await.unwrap()
}

/// Bytes that are different everywhere.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
