//! Where a job stands: a pure function of the keys that are there (docs/architecture.md, "Status from keys").

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Job, JobId, JobState, Manifest, Name};

use super::Client;
use crate::{
    Error,
    layout::{documents, keys::JobKeys},
};

/// A job and where it stands.
#[derive(Debug, Clone)]
pub struct JobStatus {
    pub job: Job,
    pub state: JobState,
    /// There when the state is final.
    pub manifest: Option<Manifest>,
}

/// Which of the keys that say where a job stands are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeysPresent {
    /// What `manifest.json` says.
    pub(crate) ended: Option<JobState>,
    /// `cancel.json`.
    pub(crate) cancel: bool,
    /// `running.json`, or anything below `steps/`: a result, or the record of an attempt.
    pub(crate) begun: bool,
}

pub(crate) fn state(keys: KeysPresent) -> JobState {
    match keys {
        KeysPresent { ended: Some(ended), .. } => ended,
        KeysPresent { cancel: true, .. } => JobState::Cancelling,
        KeysPresent { begun: true, .. } => JobState::Running,
        KeysPresent { begun: false, .. } => JobState::Queued,
    }
}

impl Client {
    /// # Errors
    /// [`Error::NoSuchJob`], or one of the store.
    pub fn status<'a>(&'a self, tenant: &'a Name, job: JobId) -> BoxFuture<'a, Result<JobStatus, Error>> {
        async move {
            let keys = JobKeys::new(tenant, job);
            let envelope =
                documents::read::<Job>(&*self.backend.store, &keys.job()).await?.ok_or(Error::NoSuchJob(job))?;
            let (state, manifest) = self.look(&keys).await?;
            Ok(JobStatus { job: envelope, state, manifest })
        }
        .boxed()
    }

    /// The record of a finished job.
    ///
    /// # Errors
    /// [`Error::NotFinished`], [`Error::NoSuchJob`], or one of the store.
    pub fn manifest<'a>(&'a self, tenant: &'a Name, job: JobId) -> BoxFuture<'a, Result<Manifest, Error>> {
        async move { self.status(tenant, job).await?.manifest.ok_or(Error::NotFinished(job)) }.boxed()
    }

    pub(crate) async fn state_of(&self, keys: &JobKeys) -> Result<JobState, Error> {
        Ok(self.look(keys).await?.0)
    }

    async fn look(&self, keys: &JobKeys) -> Result<(JobState, Option<Manifest>), Error> {
        let manifest = documents::read::<Manifest>(&*self.backend.store, &keys.manifest()).await?;
        let mut present = KeysPresent {
            ended: manifest.as_ref().map(|manifest| manifest.outcome.into()),
            cancel: false,
            begun: false,
        };
        if manifest.is_none() {
            present.cancel = documents::exists(&*self.backend.store, &keys.cancel()).await?;
            present.begun = documents::exists(&*self.backend.store, &keys.running()).await?
                || !self.backend.store.list(&keys.steps(), None, 1).await?.objects.is_empty();
        }
        Ok((state(present), manifest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_the_keys() {
        let none = KeysPresent { ended: None, cancel: false, begun: false };
        assert_eq!(state(none), JobState::Queued);
        assert_eq!(state(KeysPresent { begun: true, ..none }), JobState::Running);
        assert_eq!(state(KeysPresent { cancel: true, ..none }), JobState::Cancelling);
        assert_eq!(state(KeysPresent { cancel: true, begun: true, ..none }), JobState::Cancelling);
        for ended in [JobState::Succeeded, JobState::Failed, JobState::Cancelled] {
            assert_eq!(state(KeysPresent { ended: Some(ended), cancel: true, begun: true }), ended);
        }
    }
}
