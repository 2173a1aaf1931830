//! The jobs of a tenant that have not ended: what a gateway counts against a quota, and waits for to know what they took.

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{JobId, Name};

use super::Client;
use crate::{Error, layout::keys::tenant};

impl Client {
    /// The jobs that were accepted and have not ended, in the order of their ids; at most `limit`. One that has just ended
    /// may still be among them.
    ///
    /// # Errors
    /// Those of the store.
    pub fn open_jobs<'a>(&'a self, of: &'a Name, limit: usize) -> BoxFuture<'a, Result<Vec<JobId>, Error>> {
        const PAGE: usize = 1_000;
        async move {
            let (mut jobs, mut after) = (Vec::new(), None::<String>);
            while jobs.len() < limit {
                let wanted = PAGE.min(limit - jobs.len());
                let page = self.backend.store.list(&tenant::open(of), after.as_deref(), wanted).await?;
                jobs.extend(page.objects.iter().filter_map(|object| tenant::job_of(&object.key)));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            Ok(jobs)
        }
        .boxed()
    }
}
