//! Dead letters that a worker moved into the store: looked at, replayed and dropped.

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{DeadLetter, Job, JobId, Name};

use super::Client;
use crate::{
    Error,
    breakpoint::breakpoint,
    engine::progress,
    layout::{
        documents::{self, OpenMarker},
        keys::{JobKeys, tenant},
    },
    store::Key,
};

impl Client {
    /// The tenant's dead letters, by job, at most `limit`.
    ///
    /// # Errors
    /// Those of the store.
    pub fn dead_letters<'a>(&'a self, of: &'a Name, limit: usize) -> BoxFuture<'a, Result<Vec<DeadLetter>, Error>> {
        async move { self.letters_below(&tenant::dead(of), limit).await }.boxed()
    }

    /// The dead letters of one job.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`], or one of the store.
    pub fn dead_letters_of<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<Vec<DeadLetter>, Error>> {
        async move {
            let letters = self.letters_below(&JobKeys::new(of, job).dead_letters(), usize::MAX).await?;
            if letters.is_empty() { Err(Error::NoDeadLetter(job)) } else { Ok(letters) }
        }
        .boxed()
    }

    async fn letters_below(&self, prefix: &Key, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        let mut letters = Vec::new();
        let mut after = None;
        loop {
            let page = self.backend.store.list(prefix, after.as_deref(), 1_000).await?;
            for object in page.objects {
                if letters.len() >= limit {
                    return Ok(letters);
                }
                letters.extend(documents::read::<DeadLetter>(&*self.backend.store, &object.key).await?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(letters);
            }
        }
    }

    /// Opens a failed job again: its dead letters' errors and its manifest are removed, and whatever it still needs is
    /// published. Returns how many letters there were.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`], [`Error::NoSuchJob`], or one of queue or store; then it may be asked for again.
    pub fn replay<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<usize, Error>> {
        async move {
            let letters = self.dead_letters_of(of, job).await?;
            let keys = JobKeys::new(of, job);
            let envelope = documents::read(&*self.backend.store, &keys.job()).await?.ok_or(Error::NoSuchJob(job))?;
            let Job { created_ms, .. } = envelope;
            documents::write(&*self.backend.store, &keys.open(), &OpenMarker { created_ms, sweeps: 0 }).await?;
            for letter in &letters {
                self.backend.store.delete(&keys.error(&letter.step.id)).await?;
            }
            self.backend.store.delete(&keys.manifest()).await?;
            breakpoint("after_replay_reopen");
            let standing = progress::find(&self.backend, &envelope).await?.standing;
            progress::resume(&self.backend, &envelope, standing).await?;
            // Last, so that a replay that broke off can be asked for again.
            for letter in &letters {
                self.backend.store.delete(&keys.dead_letter(&letter.step.id)).await?;
            }
            Ok(letters.len())
        }
        .boxed()
    }

    /// Forgets a job's dead letters; the job stays failed. Returns how many there were.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`], or one of the store.
    pub fn drop_dead<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<usize, Error>> {
        async move {
            let letters = self.dead_letters_of(of, job).await?;
            let keys = JobKeys::new(of, job);
            for letter in &letters {
                self.backend.store.delete(&keys.dead_letter(&letter.step.id)).await?;
            }
            Ok(letters.len())
        }
        .boxed()
    }
}
