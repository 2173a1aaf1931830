//! Hears how jobs end, without a connection that could miss one.

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::Name;

use super::Client;
use crate::{
    Error,
    layout::{
        documents,
        ends::{self, JobEnd},
        keys::tenant,
    },
};

/// Ends of a tenant's jobs, the oldest first.
#[derive(Debug, Default)]
pub struct EndPage {
    pub ends: Vec<JobEnd>,
    /// Pass it for the next page; none at the end.
    pub next: Option<String>,
}

impl Client {
    /// Says whether somebody wants to hear how the tenant's jobs end. From then on each end is noted until
    /// [`forget_end`](Self::forget_end).
    ///
    /// # Errors
    /// Those of the store.
    pub fn listen_to_ends<'a>(&'a self, of: &'a Name, listening: bool) -> BoxFuture<'a, Result<(), Error>> {
        async move { ends::listen(&*self.backend.store, of, listening).await }.boxed()
    }

    /// The tenants to whom somebody listens.
    ///
    /// # Errors
    /// Those of the store.
    pub fn listening(&self) -> BoxFuture<'_, Result<Vec<Name>, Error>> {
        async move {
            let (mut tenants, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = self.backend.store.list(&tenant::all_listening(), after.as_deref(), usize::MAX).await?;
                let names =
                    page.objects.iter().filter_map(|object| object.key.as_str().rsplit('/').next()?.parse().ok());
                tenants.extend(names);
                after = page.next;
                if after.is_none() {
                    return Ok(tenants);
                }
            }
        }
        .boxed()
    }

    /// The ends that were noted and not forgotten; one that cannot be read is forgotten.
    ///
    /// # Errors
    /// Those of the store.
    pub fn ends<'a>(
        &'a self,
        of: &'a Name,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<EndPage, Error>> {
        async move {
            let store = &*self.backend.store;
            let page = store.list(&tenant::ends(of), after, limit).await?;
            let mut ends = Vec::with_capacity(page.objects.len());
            for object in &page.objects {
                match documents::read::<JobEnd>(store, &object.key).await {
                    Ok(end) => ends.extend(end),
                    Err(error @ Error::Damaged { .. }) => {
                        tracing::error!(%error, "nobody hears how a job ended");
                        store.delete(&object.key).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(EndPage { ends, next: page.next })
        }
        .boxed()
    }

    /// Whoever wanted to hear of this end does not need the note of it any more.
    ///
    /// # Errors
    /// Those of the store.
    pub fn forget_end<'a>(&'a self, of: &'a Name, end: &'a JobEnd) -> BoxFuture<'a, Result<(), Error>> {
        async move { Ok(self.backend.store.delete(&tenant::end(of, end.job, end.finished_ms)).await?) }.boxed()
    }
}
