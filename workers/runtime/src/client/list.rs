//! Lists a tenant's jobs.

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Job, JobId, Name};

use super::{Client, JobStatus};
use crate::{
    Error,
    layout::keys::{JobKeys, tenant},
};

/// One page of a tenant's jobs, the newest first.
#[derive(Debug, Default)]
pub struct JobPage {
    pub jobs: Vec<JobStatus>,
    /// Jobs that cannot be read, each with the reason.
    pub damaged: Vec<(JobId, Error)>,
    /// Pass it for the next page; none at the end.
    pub next: Option<String>,
}

impl Client {
    /// The tenant's jobs, the newest first; `after` is an earlier page's `next`.
    ///
    /// # Errors
    /// Those of the store.
    pub fn list<'a>(
        &'a self,
        of: &'a Name,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<JobPage, Error>> {
        async move {
            let page = self.backend.store.list(&tenant::index(of), after, limit).await?;
            let (mut jobs, mut damaged) = (Vec::with_capacity(page.objects.len()), Vec::new());
            for job in page.objects.iter().filter_map(|object| tenant::job_of(&object.key)) {
                match self.status(of, job).await {
                    Ok(status) => jobs.push(status),
                    // Not written yet, or deleted meanwhile.
                    Err(Error::NoSuchJob(_)) => {}
                    Err(error @ Error::Damaged { .. }) => damaged.push((job, error)),
                    Err(error) => return Err(error),
                }
            }
            Ok(JobPage { jobs, damaged, next: page.next })
        }
        .boxed()
    }

    /// What a listing goes on after, when this job was the last that somebody wanted of a page.
    pub fn list_after(&self, job: &Job) -> String {
        JobKeys::of(job).index(job.created_ms).to_string()
    }

    /// What a listing goes on after, to begin with the jobs made at or before a time.
    pub fn list_from(&self, of: &Name, created_ms: u64) -> String {
        tenant::index_before(of, created_ms)
    }
}
