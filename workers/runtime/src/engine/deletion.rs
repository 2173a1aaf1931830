//! Deletes a job, whatever state it is in.

use medley_proto::{Job, JobId, Name};

use crate::{
    Backend, Error,
    layout::{
        documents,
        keys::{JobKeys, tenant},
        removal, shares,
    },
    store::Store,
};

/// Stops the job if it runs, and removes all of it: also the uploaded inputs and cached results that no other job uses.
pub(crate) async fn delete(backend: &Backend, of: &Name, job: JobId) -> Result<(), Error> {
    let keys = JobKeys::new(of, job);
    let created_ms = match documents::read::<Job>(&*backend.store, &keys.job()).await {
        Ok(Some(envelope)) => Some(envelope.created_ms),
        Ok(None) => return Err(Error::NoSuchJob(job)),
        Err(Error::Damaged { .. }) => None,
        Err(error) => return Err(error),
    };
    if !documents::exists(&*backend.store, &keys.manifest()).await? {
        documents::write(&*backend.store, &keys.cancel(), &documents::cancel_marker(backend.clock.now_ms())).await?;
        if let Err(error) = backend.queue.send_cancel(of, job).await {
            tracing::debug!(%error, "workers see the deletion at their next look");
        }
    }
    shares::unshare_all(&*backend.store, &keys).await?;
    // The envelope and what leads to it go last: until then the deletion can be asked for again, and workers see
    // that the job was cancelled.
    removal::remove_below(&*backend.store, &keys.root(), &[keys.job(), keys.cancel()]).await?;
    removal::remove_below(&*backend.store, &keys.dead_letters(), &[]).await?;
    backend.store.delete(&keys.open()).await?;
    remove_from_index(&*backend.store, of, job, created_ms).await?;
    backend.store.delete(&keys.job()).await?;
    // What a step wrote meanwhile; one that comes later sees that its job is gone.
    shares::unshare_all(&*backend.store, &keys).await?;
    removal::remove_below(&*backend.store, &keys.root(), &[]).await
}

/// Finds the entry by the time when the job was made, or by the job where that time is unknown.
async fn remove_from_index(store: &dyn Store, of: &Name, job: JobId, created_ms: Option<u64>) -> Result<(), Error> {
    if let Some(created_ms) = created_ms {
        return Ok(store.delete(&JobKeys::new(of, job).index(created_ms)).await?);
    }
    let mut after: Option<String> = None;
    loop {
        let page = store.list(&tenant::index(of), after.as_deref(), 1_000).await?;
        for object in page.objects.iter().filter(|object| tenant::job_of(&object.key) == Some(job)) {
            store.delete(&object.key).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
