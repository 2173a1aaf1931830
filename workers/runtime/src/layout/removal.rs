//! Removes what lies below a key, and what a deleted job left behind.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{documents, keys::JobKeys, shares};
use crate::{
    Error,
    store::{Key, Store, StoreError},
};

/// How many objects [`remove_all`] removes side by side: each waits for its disk.
const REMOVALS: usize = 16;

/// Removes the objects below a key one after the other, in the order of their keys.
pub(crate) async fn remove_below(store: &dyn Store, prefix: &Key, except: &[Key]) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        let page = store.list(prefix, after.as_deref(), 1_000).await?;
        for object in page.objects.iter().filter(|object| !except.contains(&object.key)) {
            store.delete(&object.key).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Removes the objects below a key in any order, several at once.
pub(crate) async fn remove_all(store: &dyn Store, prefix: &Key, except: &[Key]) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let page = store.list(prefix, after.as_deref(), 1_000).await?;
        let keys = page.objects.into_iter().map(|object| object.key);
        let unwanted: Vec<Key> = keys.filter(|key| !except.contains(key)).collect();
        let removals = unwanted.into_iter().map(|key| async move { store.delete(&key).await });
        stream::iter(removals).buffer_unordered(REMOVALS).try_collect::<()>().await?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Removes the objects below a key that were written before a time.
pub(crate) async fn remove_older(store: &dyn Store, prefix: &Key, before_ms: u64) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        let page = store.list(prefix, after.as_deref(), 1_000).await?;
        for object in page.objects.iter().filter(|object| object.modified_ms < before_ms) {
            store.delete(&object.key).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// When a job was deleted while its step ran, removes what the step wrote since then. Returns whether it was deleted.
pub(crate) async fn remove_if_deleted(store: &dyn Store, keys: &JobKeys) -> Result<bool, Error> {
    if documents::exists(store, &keys.job()).await? {
        return Ok(false);
    }
    shares::unshare_all(store, keys).await?;
    remove_below(store, &keys.root(), &[]).await?;
    Ok(true)
}
