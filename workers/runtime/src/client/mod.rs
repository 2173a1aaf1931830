//! What a command line or a gateway does with jobs: submits them, sees where they stand, takes them back.

mod artifacts;
mod cancel;
mod dead_letters;
mod ends;
mod fleet;
mod folders;
mod inputs;
mod list;
mod open;
mod progress;
mod reading;
mod retry;
mod revisions;
mod status;
mod submit;
mod tenants;
mod trim;
mod uploads;
mod watch;

use std::{path::PathBuf, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::Class;

use self::tenants::Tenants;
pub use ends::EndPage;
pub use inputs::{InputRequest, Spooled};
pub use list::JobPage;
pub use progress::{Estimate, JobProgress};
pub use reading::StepRecord;
pub use revisions::{NewFile, NewRevision, Revision};
pub use status::JobStatus;
pub use submit::{Request, Submitted};
pub use uploads::{NewUpload, Scratch, Upload, UploadId, UploadPage};

use crate::{
    Backend, Error,
    engine::planner::FINISH,
    layout::keys::tenant,
    queue::{Queue, QueueName},
    records::Records,
    store::{Store, StoreError},
};

/// Submits jobs, tells where they stand, and takes back what they made. Cheap to clone.
///
/// Its methods return boxed futures: the compiler then sees a future's inside once, here, and not again in each crate and
/// test that awaits it.
#[derive(Debug, Clone)]
pub struct Client {
    backend: Backend,
    /// What the workers may read of the disks, where they run elsewhere than the client.
    worker_roots: Option<Arc<[PathBuf]>>,
    tenants: Tenants,
}

impl Client {
    pub fn new(backend: Backend) -> Self {
        Self { backend, worker_roots: None, tenants: Tenants::default() }
    }

    /// The workers are a fleet, and read of the disks only what lies below these folders: other `file:` inputs are refused
    /// when they are submitted.
    #[must_use]
    pub fn with_worker_roots(mut self, roots: impl IntoIterator<Item = PathBuf>) -> Self {
        self.worker_roots = Some(roots.into_iter().collect());
        self
    }

    /// Keeps a gateway's records elsewhere than in the store.
    #[must_use]
    pub fn with_records(mut self, records: Arc<dyn Records>) -> Self {
        self.backend = self.backend.with_records(records);
        self
    }

    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    pub fn queue(&self) -> &Arc<dyn Queue> {
        &self.backend.queue
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.backend.store
    }

    pub fn records(&self) -> &Arc<dyn Records> {
        &self.backend.records
    }

    /// Asks the store for something, to see whether it answers this process at all.
    ///
    /// # Errors
    /// Those of the store: `Refused` when the bucket is missing or closed.
    pub fn check_store(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.backend.store.list(&tenant::all(), None, 1).await.map(drop) }.boxed()
    }

    /// Whether queue and store answer now.
    ///
    /// # Errors
    /// Those of the one that does not.
    pub fn reach(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let finish = QueueName { kind: FINISH, class: Class::Interactive };
            let tenants = tenant::all();
            let queue = async { self.backend.queue.depth(&finish).await.map_err(Error::from) };
            let store = async { self.backend.store.list(&tenants, None, 1).await.map_err(Error::from) };
            tokio::try_join!(queue, store).map(|_| ())
        }
        .boxed()
    }
}
