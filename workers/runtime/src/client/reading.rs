//! What a gateway reads of a job: results of its steps while it runs, and where its artifacts lie.

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
    pub async fn step_result(&self, of: &Name, job: JobId, step: &StepId) -> Result<Option<StepResult>, Error> {
        documents::read(&*self.backend.store, &JobKeys::new(of, job).result(step)).await
    }

    /// Where an artifact of a job lies in the store.
    ///
    /// # Errors
    /// When its name cannot be part of a key.
    pub fn artifact_key(&self, of: &Name, job: JobId, artifact: &Artifact) -> Result<Key, Error> {
        Ok(JobKeys::new(of, job).artifact(artifact)?)
    }
}
