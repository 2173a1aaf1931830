//! Objects that several jobs use: uploaded inputs and cached results. A marker below such an object stands for each job that
//! uses it, and a record of the job names the object; the object goes with the last of its jobs
//! (docs/decisions/0028-shared-objects-know-their-jobs.md).

use bytes::Bytes;

use crate::{Error, Medley, layout::documents, layout::keys::JobKeys, store::Key};

/// The longest key.
const MOST_KEY_BYTES: u64 = 1_024;

impl Medley {
    /// Says that the job uses the object, before it is written or read. The job's own record comes first: who deletes the job
    /// finds the marker by it.
    pub(crate) async fn share(&self, keys: &JobKeys, object: &Key) -> Result<(), Error> {
        let name = Bytes::copy_from_slice(object.as_str().as_bytes());
        self.store.put(&keys.share(object), name, &documents::meta()).await?;
        self.store.put(&keys.user_of(object)?, Bytes::from_static(b"{}"), &documents::meta()).await?;
        Ok(())
    }

    /// The job does not use the object any more; the last one takes it along. Of a job that comes to use it at this moment the
    /// marker may stand without the object: that is a result to compute again, or an input that its submitter finds missing.
    pub(crate) async fn unshare(&self, keys: &JobKeys, object: &Key) -> Result<(), Error> {
        self.store.delete(&keys.user_of(object)?).await?;
        if self.store.list(object, None, 1).await?.objects.is_empty() {
            self.store.delete(object).await?;
        }
        self.store.delete(&keys.share(object)).await?;
        Ok(())
    }

    /// Gives up everything that the job shares with others.
    pub(crate) async fn unshare_all(&self, keys: &JobKeys) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(&keys.shares(), after.as_deref(), 1_000).await?;
            for record in &page.objects {
                let Some(name) = self.store.get(&record.key, MOST_KEY_BYTES).await? else { continue };
                // A damaged record names nothing that could be removed.
                match std::str::from_utf8(&name).ok().and_then(|name| Key::parse(name).ok()) {
                    Some(object) if keys.owns(&object) => self.unshare(keys, &object).await?,
                    _ => self.store.delete(&record.key).await?,
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A job that was deleted while its step ran: what the step wrote since then goes too. True when it was deleted.
    pub(crate) async fn sweep_if_deleted(&self, keys: &JobKeys) -> Result<bool, Error> {
        if documents::exists(&*self.store, &keys.job()).await? {
            return Ok(false);
        }
        self.unshare_all(keys).await?;
        self.remove_below(&keys.root(), &[]).await?;
        Ok(true)
    }
}
