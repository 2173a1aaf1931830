//! What waits, and who works.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use medley_proto::{Class, Name};
use medley_runtime::{WorkerNote, queue::QueueName};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{problem::Problem, state::App};

/// The queues.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct QueueList {
    data: Vec<QueueView>,
}

/// A queue of steps.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Queue")]
pub(crate) struct QueueView {
    /// The kind of step.
    pub(crate) kind: Name,
    pub(crate) class: Class,
    /// How many steps wait; those that a worker holds do not count.
    pub(crate) waiting: u64,
    /// How long the first one has waited, in seconds; unknown where a broker would have to hand it out to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oldest_s: Option<f64>,
    /// How long one worker with one slot would take for what waits, in seconds, by what steps of the kind took lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) work_s: Option<f64>,
    pub(crate) paused: bool,
    /// How many slots the workers that serve it have.
    pub(crate) slots: usize,
}

/// The workers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkerList {
    data: Vec<WorkerView>,
}

/// A worker.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WorkerProcess")]
struct WorkerView {
    id: String,
    /// The kinds of step that it takes.
    kinds: BTreeSet<Name>,
    /// Steps side by side.
    slots: usize,
    /// The version of Medley.
    medley: String,
    /// Unix time.
    started_ms: u64,
    /// When it last said that it is there.
    seen_ms: u64,
}

pub(crate) async fn queues(State(app): State<Arc<App>>) -> Result<Json<QueueList>, Problem> {
    Ok(Json(QueueList { data: look(&app).await? }))
}

/// Every queue as it is now.
pub(crate) async fn look(app: &App) -> Result<Vec<QueueView>, Problem> {
    let (client, queue) = (&app.client, app.client.queue());
    let (workers, paused, rates) = (client.workers().await?, client.paused().await?, client.rates().await?);
    let mut views = Vec::new();
    for kind in app.registry().worker_kinds() {
        let serves = |worker: &&WorkerNote| worker.kinds.contains(kind);
        let slots = workers.iter().filter(serves).map(|worker| worker.slots).sum();
        for class in Class::ALL {
            let name = QueueName { kind: kind.clone(), class };
            let waiting = queue.depth(&name).await?;
            let oldest_ms = queue.oldest_ms(&name).await?;
            let age_s = |published_ms: u64| app.now_ms().saturating_sub(published_ms) as f64 / 1_000.0;
            views.push(QueueView {
                kind: kind.clone(),
                class,
                waiting,
                oldest_s: oldest_ms.map(age_s),
                work_s: rates.get(kind).map(|rate| waiting as f64 * rate.mean_ms / 1_000.0),
                paused: paused.contains(kind),
                slots,
            });
        }
    }
    Ok(views)
}

pub(crate) async fn workers(State(app): State<Arc<App>>) -> Result<Json<WorkerList>, Problem> {
    let view = |note: WorkerNote| {
        let WorkerNote { id, kinds, slots, medley, started_ms, at_ms, .. } = note;
        WorkerView { id, kinds, slots, medley, started_ms, seen_ms: at_ms }
    };
    Ok(Json(WorkerList { data: app.client.workers().await?.into_iter().map(view).collect() }))
}
