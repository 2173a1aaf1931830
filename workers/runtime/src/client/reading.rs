//! What a gateway reads of a job: results of its steps while it runs, and where its artifacts lie.

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Artifact, JobId, Name, StepId, StepResult};

use super::Client;
use crate::{
    Error,
    layout::{documents, keys::JobKeys},
    store::Key,
};

impl Client {
    /// The result of a step, when it has one; also while its job runs.
    ///
    /// # Errors
    /// Those of the store.
    pub fn step_result<'a>(
        &'a self,
        of: &'a Name,
        job: JobId,
        step: &'a StepId,
    ) -> BoxFuture<'a, Result<Option<StepResult>, Error>> {
        async move { documents::read(&*self.backend.store, &JobKeys::new(of, job).result(step)).await }.boxed()
    }

    /// Where an artifact of a job lies in the store.
    ///
    /// # Errors
    /// When its name cannot be part of a key.
    pub fn artifact_key(&self, of: &Name, job: JobId, artifact: &Artifact) -> Result<Key, Error> {
        Ok(JobKeys::new(of, job).artifact(artifact)?)
    }
}
