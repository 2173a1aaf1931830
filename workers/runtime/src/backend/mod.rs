pub(crate) mod clock;

use std::{fmt, path::PathBuf, sync::Arc};

use medley_proto::{Class, ErrorCode, Event, EventBody, JobId, Name, StepId, VERSION};
use medley_step::{Registry, StepError};

use crate::{
    Clock, Error, Settings,
    client::inputs::Hashes,
    engine::planner::FINISH,
    engine::staging::Fetcher,
    layout::keys::tenant,
    queue::{Queue, QueueName},
    store::{Store, StoreError},
};

/// A queue, a store and the kinds that this binary knows: everything that jobs need to be asked for, looked at and
/// taken back. [`crate::Workers`] runs their steps. Cheap to clone.
#[derive(Clone)]
pub struct Medley {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
    pub(crate) hashes: Arc<Hashes>,
    pub(crate) fetchers: Arc<[Arc<dyn Fetcher>]>,
    /// What the workers may read of the disks, where they are others than whoever asks.
    pub(crate) worker_roots: Option<Arc<[PathBuf]>>,
}

impl fmt::Debug for Medley {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Medley")
            .field("registry", &self.registry)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Medley {
    pub fn new(queue: Arc<dyn Queue>, store: Arc<dyn Store>, registry: Arc<Registry>, settings: Settings) -> Self {
        Self {
            queue,
            store,
            registry,
            settings: Arc::new(settings),
            clock: Clock::system(),
            hashes: Arc::default(),
            fetchers: Arc::new([]),
            worker_roots: None,
        }
    }

    /// The workers are a fleet, and read of the disks only what lies below these folders: other `file:` inputs are refused
    /// when they are submitted.
    #[must_use]
    pub fn with_worker_roots(mut self, roots: impl IntoIterator<Item = PathBuf>) -> Self {
        self.worker_roots = Some(roots.into_iter().collect());
        self
    }

    /// Asks the store for something, to see whether it answers this process at all.
    ///
    /// # Errors
    /// Those of the store: `Refused` when the bucket is missing or closed.
    pub async fn check_store(&self) -> Result<(), StoreError> {
        self.store.list(&tenant::all(), None, 1).await.map(drop)
    }

    /// Serves inputs of more schemes than `file:`.
    #[must_use]
    pub fn with_fetchers(mut self, fetchers: impl IntoIterator<Item = Arc<dyn Fetcher>>) -> Self {
        self.fetchers = fetchers.into_iter().collect();
        self
    }

    /// Tells the time otherwise than the machine does; for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub fn queue(&self) -> &Arc<dyn Queue> {
        &self.queue
    }

    /// Whether queue and store answer now.
    ///
    /// # Errors
    /// Those of the one that does not.
    pub async fn reach(&self) -> Result<(), Error> {
        let finish = QueueName { kind: FINISH, class: Class::Interactive };
        let tenants = tenant::all();
        let queue = async { self.queue.depth(&finish).await.map_err(Error::from) };
        let store = async { self.store.list(&tenants, None, 1).await.map_err(Error::from) };
        tokio::try_join!(queue, store).map(|_| ())
    }

    /// Tells whoever listens; an event that cannot be sent is no error.
    pub(crate) async fn tell(&self, tenant: &Name, job: JobId, step: Option<&StepId>, body: EventBody) {
        let at_ms = self.clock.now_ms();
        let event = Event { v: VERSION, tenant: tenant.clone(), job, step: step.cloned(), at_ms, body };
        if let Err(error) = self.queue.send_event(&event).await {
            tracing::debug!(%error, "an event was not sent");
        }
    }

    /// Asks a recipe on a thread of its own: a recipe that panics is an error of its job.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Registry) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, StepError> {
        let registry = self.registry.clone();
        tokio::task::spawn_blocking(move || ask(&registry)).await.unwrap_or_else(|panic| {
            Err(StepError::permanent(ErrorCode::INTERNAL, "the job's recipe met a defect of Medley; please report it")
                .because(panic))
        })
    }
}
