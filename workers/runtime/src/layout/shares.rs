//! Objects that several jobs use: uploaded inputs and cached results. A marker below such an object stands for each job that
//! uses it, and a record of the job names the object; the object goes with the last of its jobs
//! (docs/decisions/0028-shared-objects-know-their-jobs.md).

use bytes::Bytes;

use super::{documents, keys::JobKeys};
use crate::{
    Error,
    store::{Key, Store},
};

/// The longest key.
const MAX_KEY_BYTES: u64 = 1_024;

/// Says that the job uses the object, before it is written or read. The job's own record comes first: who deletes the job
/// finds the marker by it.
pub(crate) async fn share(store: &dyn Store, keys: &JobKeys, object: &Key) -> Result<(), Error> {
    let name = Bytes::copy_from_slice(object.as_str().as_bytes());
    store.put(&keys.share(object), name, &documents::meta()).await?;
    store.put(&keys.user_of(object)?, Bytes::from_static(b"{}"), &documents::meta()).await?;
    Ok(())
}

/// The job does not use the object any more; the last one takes it along. Of a job that comes to use it at this moment the
/// marker may stand without the object: that is a result to compute again, or an input that its submitter finds missing.
pub(crate) async fn unshare(store: &dyn Store, keys: &JobKeys, object: &Key) -> Result<(), Error> {
    store.delete(&keys.user_of(object)?).await?;
    if store.list(object, None, 1).await?.objects.is_empty() {
        store.delete(object).await?;
    }
    store.delete(&keys.share(object)).await?;
    Ok(())
}

/// Gives up everything that the job shares with others.
pub(crate) async fn unshare_all(store: &dyn Store, keys: &JobKeys) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        let page = store.list(&keys.shares(), after.as_deref(), 1_000).await?;
        for record in &page.objects {
            let Some(name) = store.get(&record.key, MAX_KEY_BYTES).await? else { continue };
            // A damaged record names nothing that could be removed.
            match std::str::from_utf8(&name).ok().and_then(|name| Key::parse(name).ok()) {
                Some(object) if keys.owns(&object) => unshare(store, keys, &object).await?,
                _ => store.delete(&record.key).await?,
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
