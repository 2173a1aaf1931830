//! Cancels and deletes jobs.

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{JobId, JobState, Lineage, Name};

use super::{Client, JobStatus};
use crate::{
    Error,
    breakpoint::breakpoint,
    engine::{
        deletion,
        planner::{self, FinishParams},
    },
    layout::{documents, keys::JobKeys},
};

impl Client {
    /// Asks for the job to stop, and returns where it stands: `Cancelling`, or how it had ended before.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of queue or store.
    pub fn cancel<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<JobState, Error>> {
        async move {
            let JobStatus { job: envelope, state, .. } = self.status(of, job).await?;
            if state.is_final() {
                return Ok(state);
            }
            let keys = JobKeys::new(of, job);
            documents::write(
                &*self.backend.store,
                &keys.cancel(),
                &documents::cancel_marker(self.backend.clock.now_ms()),
            )
            .await?;
            breakpoint("after_cancel");
            planner::publish_finish(&self.backend, &envelope, &FinishParams::cancelled(), &Lineage::default()).await?;
            if let Err(error) = self.backend.queue.send_cancel(of, job).await {
                tracing::debug!(%error, "workers see the cancellation at their next look");
            }
            Ok(JobState::Cancelling)
        }
        .boxed()
    }

    /// Stops the job if it runs, and removes all of it: also the uploaded inputs and cached results that no other job uses.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of the store; then it may be asked for again.
    pub fn delete<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<(), Error>> {
        async move { deletion::delete(&self.backend, of, job).await }.boxed()
    }
}
