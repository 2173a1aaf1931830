//! What of a finished job is not needed to know that it is done: its steps' results, its artifacts, its fetched inputs.

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Job, JobId, Name};

use super::Client;
use crate::{
    Error,
    layout::{
        addresses, documents,
        keys::{JobKeys, tenant},
        removal,
    },
};

/// At most so many results are counted.
const MAX_STEPS: usize = 1_000;

impl Client {
    /// Removes all of a finished job but its envelope, its manifest and what people corrected, for whoever has its
    /// artifacts: asked for again it is done at once, but its artifacts cannot be fetched any more. A job that has not ended
    /// keeps everything.
    ///
    /// # Errors
    /// [`Error::NotFinished`], [`Error::NoSuchJob`], or one of the store; then it may be asked for again.
    pub fn trim<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            if !self.status(of, job).await?.state.is_final() {
                return Err(Error::NotFinished(job));
            }
            let keys = JobKeys::new(of, job);
            let mut kept = vec![keys.job(), keys.manifest(), keys.cancel()];
            for revision in self.revisions(of, job).await? {
                kept.push(keys.revision(revision.number));
                for artifact in &revision.artifacts {
                    kept.push(keys.artifact(artifact)?);
                }
            }
            Ok(removal::remove_all(&*self.backend.store, &keys.root(), &kept).await?)
        }
        .boxed()
    }

    /// Removes the tenant's cached results and uploaded inputs. Jobs that have not ended may read the latter.
    ///
    /// # Errors
    /// Those of the store.
    pub fn drop_shared<'a>(&'a self, of: &'a Name) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            removal::remove_all(&*self.backend.store, &tenant::cache(of), &[]).await?;
            Ok(removal::remove_all(&*self.backend.store, &tenant::inputs(of), &[]).await?)
        }
        .boxed()
    }

    /// Forgets passwords and signatures in the addresses of a job's inputs. For jobs that nobody goes on with: one that
    /// ended well, or whose dead letters nobody will replay.
    ///
    /// # Errors
    /// Those of the store; it may be asked for again.
    pub fn forget_addresses<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let (store, keys) = (&*self.backend.store, JobKeys::new(of, job));
            match documents::read::<Job>(store, &keys.job()).await? {
                Some(job) => addresses::forget(store, &keys, &job).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    /// How many steps of a job have a result, up to 1,000.
    ///
    /// # Errors
    /// Those of the store.
    pub fn steps_done<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<usize, Error>> {
        async move {
            let page = self.backend.store.list(&JobKeys::new(of, job).steps(), None, MAX_STEPS).await?;
            Ok(page.objects.iter().filter(|object| object.key.as_str().ends_with("/result.json")).count())
        }
        .boxed()
    }
}
