//! What [`Client`](crate::Client) and [`Engine`](crate::Engine) have in common.

mod clock;
mod settings;

use std::{fmt, sync::Arc};

use medley_proto::{ErrorCode, Event, EventBody, JobId, Name, StepId, VERSION};
use medley_step::{Registry, StepError};

pub use self::{
    clock::Clock,
    settings::{LimitSettings, Settings, TenantSettings, WorkerSettings},
};

use crate::{
    fetch::{Fetcher, InputReader},
    queue::Queue,
    records::{Records, StoreRecords},
    store::Store,
};

/// A queue, a store, the kinds that this binary knows, a clock and the settings. A [`Client`](crate::Client) asks for jobs
/// over it, an [`Engine`](crate::Engine) runs their steps. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) store: Arc<dyn Store>,
    /// What a gateway keeps beside jobs.
    pub(crate) records: Arc<dyn Records>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Clock,
    pub(crate) settings: Arc<Settings>,
    /// Reads inputs that do not lie in the store.
    pub(crate) inputs: InputReader,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("registry", &self.registry)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Backend {
    pub fn new(queue: Arc<dyn Queue>, store: Arc<dyn Store>, registry: Arc<Registry>, settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let inputs = InputReader::new(settings.clone());
        let records = Arc::new(StoreRecords::new(store.clone()));
        Self { queue, store, records, registry, clock: Clock::system(), settings, inputs }
    }

    /// Keeps a gateway's records elsewhere than in the store.
    #[must_use]
    pub fn with_records(mut self, records: Arc<dyn Records>) -> Self {
        self.records = records;
        self
    }

    /// Serves inputs of more schemes than `file:`.
    #[must_use]
    pub fn with_fetchers(mut self, fetchers: impl IntoIterator<Item = Arc<dyn Fetcher>>) -> Self {
        self.inputs.fetchers = fetchers.into_iter().collect();
        self
    }

    /// Tells the time otherwise than the machine does; for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub fn queue(&self) -> &Arc<dyn Queue> {
        &self.queue
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn records(&self) -> &Arc<dyn Records> {
        &self.records
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Unix time, by this backend's clock.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends an event to those who watch the job. An event that cannot be sent is no error.
    pub(crate) async fn send_event(&self, tenant: &Name, job: JobId, step: Option<&StepId>, body: EventBody) {
        let at_ms = self.clock.now_ms();
        let event = Event { v: VERSION, tenant: tenant.clone(), job, step: step.cloned(), at_ms, body };
        if let Err(error) = self.queue.send_event(&event).await {
            tracing::debug!(%error, "an event was not sent");
        }
    }

    /// Asks a recipe on a thread of its own: a recipe that panics is an error of its job.
    pub(crate) async fn ask_recipe<T: Send + 'static>(
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
