//! What a worker says of itself in the store, for whoever asks which workers there are, and what their owner tells them
//! there: which kinds are paused.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use medley_proto::{Name, VERSION};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{EngineError, backoff::jittered, executor::Executor};
use crate::{
    Backend, Error,
    layout::{documents, keys::fleet},
    store::PAGE_LIMIT,
};

/// How often a worker says that it is there, and looks which kinds are paused.
const BEAT: Duration = Duration::from_secs(10);
/// A worker that was silent for so long is gone.
pub(crate) const SILENCE: Duration = Duration::from_secs(45);
/// So much of a kind's earlier mean stands after a beat's steps.
const INERTIA: f64 = 0.7;

/// A worker that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerNote {
    pub v: u16,
    pub id: String,
    /// The kinds of step that it takes.
    pub kinds: BTreeSet<Name>,
    /// Steps side by side.
    pub slots: usize,
    /// The version of Medley.
    pub medley: String,
    /// Unix time.
    pub started_ms: u64,
    /// When it last said so.
    pub at_ms: u64,
}

/// How long steps of a kind take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KindRate {
    /// Of the latest steps that some worker computed.
    pub mean_ms: f64,
    pub at_ms: u64,
}

/// Keeps a worker known.
pub(crate) struct Presence {
    kinds: BTreeSet<Name>,
    slots: usize,
    pause: watch::Sender<BTreeSet<Name>>,
    id: String,
}

impl Presence {
    pub(crate) fn new(kinds: Vec<Name>, slots: usize, pause: watch::Sender<BTreeSet<Name>>) -> Self {
        Self { kinds: kinds.into_iter().collect(), slots, pause, id: ulid::Ulid::generate().to_string() }
    }

    /// Until `stop`; a store that does not answer is asked again, and the kinds that were paused stay so meanwhile.
    pub(crate) async fn keep(self, executor: Arc<Executor>, stop: CancellationToken) -> Result<(), EngineError> {
        let backend = &executor.backend;
        let started_ms = backend.clock.now_ms();
        let mut rates = BTreeMap::new();
        loop {
            if let Err(error) = self.beat(&executor, started_ms, &mut rates).await {
                tracing::debug!(%error, "the store does not hear of this worker now");
            }
            if stop.run_until_cancelled(tokio::time::sleep(jittered(BEAT))).await.is_none() {
                break;
            }
        }
        if let Err(error) = backend.store.delete(&fleet::worker(&self.id)).await {
            tracing::debug!(%error, "this worker is listed for a while after its end");
        }
        Ok(())
    }

    async fn beat(&self, executor: &Executor, started_ms: u64, rates: &mut BTreeMap<Name, f64>) -> Result<(), Error> {
        let backend = &executor.backend;
        let paused = paused(backend).await?;
        self.pause.send_if_modified(|known| {
            let changed = *known != paused;
            *known = paused;
            changed
        });
        let at_ms = backend.clock.now_ms();
        let note = WorkerNote {
            v: VERSION,
            id: self.id.clone(),
            kinds: self.kinds.clone(),
            slots: self.slots,
            medley: env!("CARGO_PKG_VERSION").into(),
            started_ms,
            at_ms,
        };
        documents::write(&*backend.store, &fleet::worker(&self.id), &note).await?;
        for (kind, (steps, total_ms)) in executor.measured.take() {
            let latest = total_ms as f64 / steps as f64;
            let mean_ms = rates.get(&kind).map_or(latest, |before| before * INERTIA + latest * (1.0 - INERTIA));
            rates.insert(kind.clone(), mean_ms);
            documents::write(&*backend.store, &fleet::rate(&kind), &KindRate { mean_ms, at_ms }).await?;
        }
        Ok(())
    }
}

/// The kinds of step that no worker takes.
pub(crate) async fn paused(backend: &Backend) -> Result<BTreeSet<Name>, Error> {
    let page = backend.store.list(&fleet::paused(), None, PAGE_LIMIT).await?;
    let kind = |key: &str| key.rsplit('/').next().and_then(|kind| kind.parse::<Name>().ok());
    Ok(page.objects.iter().filter_map(|object| kind(object.key.as_str())).collect())
}
