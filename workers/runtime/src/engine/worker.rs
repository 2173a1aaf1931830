//! The loops of a worker: those that take steps, and those that look after jobs beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use medley_proto::Name;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    EngineError, EngineOptions,
    backoff::{jittered, pause},
    cancellation, dead_letters,
    executor::Executor,
    intake::{Kinds, take},
    measured::Measured,
    planner::FINISH,
    presence::Presence,
    running::RunningSteps,
    spool::Spool,
    sweeper::{self, Swept},
};
use crate::{
    Backend,
    compute::{ComputePool, PoolSettings},
    layout::orphans,
    queue::QueueName,
};

/// How many jobs are ended side by side; that takes no compute.
const FINISH_SLOTS: usize = 4;
/// How often the lengths of the queues are asked for.
const DEPTHS_EVERY: Duration = Duration::from_secs(15);

pub(crate) async fn run(
    backend: Backend,
    options: EngineOptions,
    shutdown: CancellationToken,
) -> Result<(), EngineError> {
    let settings = backend.settings.clone();
    let start = |what: &str| {
        let what = what.to_owned();
        move |source| EngineError::Start { what, source }
    };
    let work_dir = &settings.worker.work_dir;
    std::fs::create_dir_all(work_dir)
        .map_err(start(&format!("its work folder {} cannot be made", work_dir.display())))?;
    orphans::sweep(work_dir);
    let slots = settings.worker.slots.max(1);
    let kinds: Vec<Name> = match options.kinds.is_empty() {
        true => backend.registry.worker_kinds().cloned().collect(),
        false => options.kinds,
    };
    let pool = ComputePool::new(PoolSettings {
        command: options.compute,
        models_dir: options.models_dir,
        configs: options.configs,
        slots,
        threads: settings.worker.threads(),
        step_time: settings.limits.step_time(),
        stop_grace: settings.worker.stop_grace(),
        idle: settings.worker.idle_child(),
        max_bytes: settings.limits.child_memory_mib << 20,
    })
    .map_err(start("it has no thread to start processes from"))?;
    let spool = Spool::open(work_dir, settings.limits.spool_bytes).map_err(start("its spool cannot be made"))?;
    let (pause_kinds, paused) = watch::channel(BTreeSet::new());
    let measured = Measured::default();
    let executor = Arc::new(Executor { backend, pool, running: RunningSteps::default(), spool, measured, paused });
    let presence = options.announced.then(|| Presence::new(kinds.clone(), slots, pause_kinds));
    let kinds = Kinds { names: kinds, all: options.all_kinds };
    let result = serve(&executor, kinds, slots, presence, shutdown).await;
    executor.pool.stop();
    result
}

/// Starts a loop again when it panics: one unforeseen record must not end all work of this worker.
async fn restarted<F: Future<Output = ()>>(
    stop: CancellationToken,
    executor: Arc<Executor>,
    begin: impl Fn(Arc<Executor>, CancellationToken) -> F,
) -> Result<(), EngineError> {
    while AssertUnwindSafe(begin(executor.clone(), stop.clone())).catch_unwind().await.is_err() {
        tracing::error!("a defect of Medley beside the steps; please report it with this log");
        pause(&stop).await;
    }
    Ok(())
}

async fn serve(
    executor: &Arc<Executor>,
    kinds: Kinds,
    slots: usize,
    presence: Option<Presence>,
    shutdown: CancellationToken,
) -> Result<(), EngineError> {
    let stop = shutdown.child_token();
    let queues = kinds.queues(&BTreeMap::new());
    let mut loops = JoinSet::new();
    let ends = Kinds { names: vec![FINISH], all: kinds.all };
    loops.spawn(take(executor.clone(), kinds, slots, stop.clone()));
    loops.spawn(take(executor.clone(), ends, FINISH_SLOTS, stop.clone()));
    loops.spawn(restarted(stop.clone(), executor.clone(), cancellation::listen_for_cancels));
    loops.spawn(restarted(stop.clone(), executor.clone(), dead_letters::keep_all));
    loops.spawn(restarted(stop.clone(), executor.clone(), sweep_now_and_then));
    if let Some(presence) = presence {
        loops.spawn(presence.keep(executor.clone(), stop.clone()));
    }
    loops.spawn(measure_depths(executor.backend.clone(), queues, stop.clone()));
    let drain = {
        let (executor, stop) = (executor.clone(), stop.clone());
        tokio::spawn(async move {
            stop.cancelled().await;
            tokio::time::sleep(executor.backend.settings.worker.drain()).await;
            executor.running.drain();
        })
    };
    let mut result = Ok(());
    while let Some(ended) = loops.join_next().await {
        let ended = ended.unwrap_or_else(|panic| Err(EngineError::Unfit(format!("a defect of Medley: {panic}"))));
        if ended.is_err() {
            stop.cancel();
            executor.running.drain();
            result = result.and(ended);
        }
    }
    drain.abort();
    result
}

async fn sweep_now_and_then(executor: Arc<Executor>, stop: CancellationToken) {
    let every = Duration::from_secs(executor.backend.settings.worker.sweep_every_s.max(1));
    while stop.run_until_cancelled(tokio::time::sleep(jittered(every))).await.is_some() {
        match sweeper::sweep(&executor.backend).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => tracing::info!(?swept, "swept"),
            Err(error) => tracing::warn!(%error, "the sweep broke off; the next one goes on"),
        }
    }
}

/// Keeps the gauge of how many steps wait; a queue that does not answer is asked again.
async fn measure_depths(backend: Backend, queues: Vec<QueueName>, stop: CancellationToken) -> Result<(), EngineError> {
    while stop.run_until_cancelled(tokio::time::sleep(DEPTHS_EVERY)).await.is_some() {
        for queue in &queues {
            if let Ok(depth) = backend.queue.depth(queue).await {
                let (kind, class) = (queue.kind.to_string(), queue.class.as_str());
                metrics::gauge!("medley_queue_depth", "kind" => kind, "class" => class).set(depth as f64);
            }
        }
    }
    Ok(())
}
