//! Asks again for what a job asked for.

use std::collections::BTreeMap;

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Input, Job, JobId, Name, Source};

use super::{Client, InputRequest, Request, Submitted};
use crate::{
    Error,
    layout::{addresses, keys::JobKeys},
};

/// The label of a job that was asked for again: the id of the earlier one.
const RETRY_OF: &str = "retry-of";

impl Client {
    /// A new job with the kind, inputs, params and labels of one that has ended, labelled `retry-of`. Its deadline is not
    /// taken over.
    ///
    /// # Errors
    /// [`Error::NotFinished`], [`Error::NoSuchJob`], `input_not_found` when an address with a password was forgotten since,
    /// and those of [`submit`](Self::submit).
    pub fn retry<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<Submitted, Error>> {
        async move {
            let status = self.status(of, job).await?;
            if !status.state.is_final() {
                return Err(Error::NotFinished(job));
            }
            let keys = JobKeys::new(of, job);
            let Job { tenant, kind, inputs: earlier, params, class, mut labels, .. } = status.job;
            let mut inputs = Vec::with_capacity(earlier.len());
            for (number, input) in (0_u32..).zip(earlier) {
                inputs.push(self.asked_again(&keys, number, input).await?);
            }
            labels.insert(RETRY_OF.into(), job.to_string());
            let labels: BTreeMap<_, _> = labels;
            self.submit(Request { inputs, params, class, labels, ..Request::new(tenant, kind) }).await
        }
        .boxed()
    }

    async fn asked_again(&self, keys: &JobKeys, number: u32, input: Input) -> Result<InputRequest, Error> {
        Ok(match &input.source {
            Source::Text(text) => InputRequest::Text(text.clone()),
            Source::Stored(_) => InputRequest::Stored(input),
            Source::Uri(_) => InputRequest::Uri(addresses::read(&*self.backend.store, keys, number, &input).await?),
        })
    }
}
