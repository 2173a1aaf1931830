use std::{collections::BTreeMap, panic::AssertUnwindSafe, path::PathBuf, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use medley_proto::{Class, Name};
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Medley,
    compute::{ComputeCommand, ComputePool, PoolSettings},
    engine::executor::Bench,
    engine::outcome::{Verdict, jittered},
    engine::planner::FINISH,
    engine::running::Running,
    engine::spool::Spool,
    layout::orphans,
    queue::{Consumer, Delivery, QueueError, QueueName},
};

/// How many jobs are ended side by side; that takes no compute.
const FINISH_SLOTS: usize = 4;
/// How often the lengths of the queues are asked for.
const DEPTHS_EVERY: Duration = Duration::from_secs(15);

/// What a worker is told beside the settings of the machine's owner.
#[derive(Debug, Clone, Default)]
pub struct WorkerOptions {
    /// The kinds of step to run; all of the registry when empty.
    pub kinds: Vec<Name>,
    /// The program that becomes a compute child.
    pub compute: ComputeCommand,
    /// The model cache's root.
    pub models_dir: PathBuf,
    /// Each kind's table of `medley.toml`.
    pub configs: BTreeMap<Name, Value>,
    /// Whether the worker ends when it cannot compute steps of one of its kinds, and not only when it can of none: where
    /// there is no other worker, nobody would do them.
    pub all_kinds: bool,
}

/// Runs steps until told to stop.
#[derive(Debug)]
pub struct Workers {
    medley: Medley,
    options: WorkerOptions,
}

/// Why a worker ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum WorkersError {
    /// The machine cannot go on; the steps were handed back.
    #[error("the worker stopped: {0}")]
    Unfit(String),
    #[error("the worker cannot start: {what}")]
    Start {
        what: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the worker cannot take steps")]
    Queue(#[from] QueueError),
}

impl Workers {
    pub fn new(medley: &Medley, options: WorkerOptions) -> Self {
        Self { medley: medley.clone(), options }
    }

    /// Takes and runs steps, ends jobs, keeps dead letters and sweeps, until `shutdown`: then it takes no new step,
    /// gives those that run `worker.drain_s` to be done, hands back the rest, and returns.
    ///
    /// # Errors
    /// When the worker cannot start, or this machine cannot go on (full disk, refused by queue or store).
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WorkersError> {
        let Self { medley, options } = self;
        let settings = medley.settings.clone();
        let start = |what: &str| {
            let what = what.to_owned();
            move |source| WorkersError::Start { what, source }
        };
        let work_dir = &settings.worker.work_dir;
        std::fs::create_dir_all(work_dir)
            .map_err(start(&format!("its work folder {} cannot be made", work_dir.display())))?;
        orphans::sweep(work_dir);
        let slots = settings.worker.slots.max(1);
        let kinds: Vec<Name> = match options.kinds.is_empty() {
            true => medley.registry.worker_kinds().cloned().collect(),
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
            most_bytes: settings.limits.child_memory_mib << 20,
        })
        .map_err(start("it has no thread to start processes from"))?;
        let spool = Spool::open(work_dir, settings.limits.spool_bytes).map_err(start("its spool cannot be made"))?;
        let bench = Arc::new(Bench { medley, pool, running: Running::default(), spool });
        let result = serve(&bench, Kinds { names: kinds, all: options.all_kinds }, slots, shutdown).await;
        bench.pool.stop();
        result
    }
}

/// Begins a loop again when it panics: one record that nobody thought of must not end all work of this worker.
async fn kept_up<F: Future<Output = Result<(), WorkersError>>>(
    stop: CancellationToken,
    bench: Arc<Bench>,
    begin: impl Fn(Arc<Bench>, CancellationToken) -> F,
) -> Result<(), WorkersError> {
    loop {
        match AssertUnwindSafe(begin(bench.clone(), stop.clone())).catch_unwind().await {
            Ok(ended) => return ended,
            Err(_) => {
                tracing::error!("a defect of Medley beside the steps; please report it with this log");
                pause(&stop).await;
            }
        }
    }
}

/// The kinds of step that a loop takes.
#[derive(Debug, Clone)]
struct Kinds {
    names: Vec<Name>,
    /// Whether it ends when one of them cannot be computed.
    all: bool,
}

impl Kinds {
    fn queues(&self, without: &BTreeMap<Name, Instant>) -> Vec<QueueName> {
        let both = |kind: &Name| Class::ALL.map(|class| QueueName { kind: kind.clone(), class });
        self.names.iter().filter(|kind| !without.contains_key(*kind)).flat_map(both).collect()
    }
}

async fn serve(
    bench: &Arc<Bench>,
    kinds: Kinds,
    slots: usize,
    shutdown: CancellationToken,
) -> Result<(), WorkersError> {
    let stop = shutdown.child_token();
    let queues = kinds.queues(&BTreeMap::new());
    let mut loops = JoinSet::new();
    loops.spawn(take(bench.clone(), kinds, slots, stop.clone()));
    loops.spawn(take(bench.clone(), Kinds { names: vec![FINISH], all: true }, FINISH_SLOTS, stop.clone()));
    loops.spawn(kept_up(stop.clone(), bench.clone(), Bench::listen_for_cancels));
    loops.spawn(kept_up(stop.clone(), bench.clone(), Bench::keep_dead_letters));
    loops.spawn(kept_up(stop.clone(), bench.clone(), Bench::sweep_now_and_then));
    loops.spawn(tell_depths(bench.medley.clone(), queues, stop.clone()));
    let drain = {
        let (bench, stop) = (bench.clone(), stop.clone());
        tokio::spawn(async move {
            stop.cancelled().await;
            tokio::time::sleep(bench.medley.settings.worker.drain()).await;
            bench.running.drain();
        })
    };
    let mut result = Ok(());
    while let Some(ended) = loops.join_next().await {
        let ended = ended.unwrap_or_else(|panic| Err(WorkersError::Unfit(format!("a defect of Medley: {panic}"))));
        if ended.is_err() {
            stop.cancel();
            bench.running.drain();
            result = result.and(ended);
        }
    }
    drain.abort();
    result
}

/// Takes steps from the queues while slots are free.
async fn take(bench: Arc<Bench>, kinds: Kinds, slots: usize, stop: CancellationToken) -> Result<(), WorkersError> {
    let free = Arc::new(Semaphore::new(slots));
    let mut serving: JoinSet<Verdict> = JoinSet::new();
    let mut consumer: Option<Box<dyn Consumer>> = None;
    let mut fitness = Fitness { kinds, resting: BTreeMap::new(), unfit: None };
    while fitness.unfit.is_none() {
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(verdict) = serving.join_next() => { fitness.hear(verdict, &mut consumer); continue }
            slot = free.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let queues = fitness.kinds.queues(&fitness.resting);
        let delivery = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(verdict) = serving.join_next() => { fitness.hear(verdict, &mut consumer); continue }
            () = fitness.rested() => { consumer = None; continue }
            delivery = next(&bench.medley, &queues, &mut consumer) => delivery,
        };
        match delivery {
            Ok(delivery) => {
                let bench = bench.clone();
                serving.spawn(async move {
                    let verdict = bench.serve(delivery).await;
                    drop(slot);
                    verdict
                });
            }
            Err(error @ QueueError::Refused(..)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "no steps can be taken now");
                consumer = None;
                pause(&stop).await;
            }
        }
    }
    // Deliveries that were taken in advance go back when the consumer does.
    drop(consumer);
    let mut none = None;
    while let Some(verdict) = serving.join_next().await {
        fitness.hear(verdict, &mut none);
    }
    fitness.unfit.map_or(Ok(()), |reason| Err(WorkersError::Unfit(reason)))
}

/// How long a kind whose compute process does not start is left to other workers.
const REST: Duration = Duration::from_secs(300);

/// What a loop can still do.
struct Fitness {
    kinds: Kinds,
    /// Kinds that cannot be computed here, and when that is tried again.
    resting: BTreeMap<Name, Instant>,
    /// Why the worker stops.
    unfit: Option<String>,
}

impl Fitness {
    fn hear(&mut self, verdict: Result<Verdict, tokio::task::JoinError>, consumer: &mut Option<Box<dyn Consumer>>) {
        match verdict {
            Ok(Verdict::GoOn) => {}
            Ok(Verdict::Unfit(reason)) => drop(self.unfit.get_or_insert(reason)),
            Ok(Verdict::KindUnfit(kind, reason)) => {
                tracing::error!(%kind, reason, "steps of a kind cannot be computed here; they are left to other workers");
                self.resting.insert(kind, Instant::now() + REST);
                // The next one takes from the other queues only.
                *consumer = None;
                if self.kinds.all || self.kinds.names.iter().all(|kind| self.resting.contains_key(kind)) {
                    self.unfit.get_or_insert(reason);
                }
            }
            Err(panic) => {
                // Its delivery was dropped with it and comes back.
                tracing::error!(%panic, "a defect of Medley while a step was served");
            }
        }
    }

    /// Waits until a kind may be tried again.
    async fn rested(&mut self) {
        let Some((kind, at)) = self.resting.iter().min_by_key(|(_, at)| **at) else {
            return std::future::pending().await;
        };
        let (kind, at) = (kind.clone(), *at);
        tokio::time::sleep_until(at).await;
        self.resting.remove(&kind);
    }
}

async fn next(
    medley: &Medley,
    queues: &[QueueName],
    consumer: &mut Option<Box<dyn Consumer>>,
) -> Result<Delivery, QueueError> {
    let taken = AssertUnwindSafe(async {
        let consumer = match consumer {
            Some(consumer) => consumer,
            None => consumer.insert(medley.queue.consume(queues).await?),
        };
        consumer.next().await
    });
    // A message that is at hand goes back and counts as lost, so that the queue gives it up in the end.
    taken.catch_unwind().await.unwrap_or_else(|_| {
        Err(QueueError::Unreadable("a message met a defect of Medley; please report it with this log".into(), None))
    })
}

/// Keeps the gauge of how many steps wait; what cannot be asked now is asked again.
async fn tell_depths(medley: Medley, queues: Vec<QueueName>, stop: CancellationToken) -> Result<(), WorkersError> {
    while stop.run_until_cancelled(tokio::time::sleep(DEPTHS_EVERY)).await.is_some() {
        for queue in &queues {
            if let Ok(depth) = medley.queue.depth(queue).await {
                let (kind, class) = (queue.kind.to_string(), queue.class.as_str());
                metrics::gauge!("medley_queue_depth", "kind" => kind, "class" => class).set(depth as f64);
            }
        }
    }
    Ok(())
}

pub(crate) async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(jittered(Duration::from_secs(2))) => {}
    }
}

impl Bench {
    /// Looks at once when somebody says that a job was cancelled or has ended otherwise than well.
    async fn listen_for_cancels(self: Arc<Self>, stop: CancellationToken) -> Result<(), WorkersError> {
        while !stop.is_cancelled() {
            let cancels = tokio::select! {
                () = stop.cancelled() => break,
                cancels = self.medley.queue.cancels() => cancels,
            };
            match cancels {
                Ok(mut cancels) => {
                    while let Some(Some((tenant, job))) = stop.run_until_cancelled(cancels.next()).await {
                        self.cancel_here(&tenant, job).await;
                    }
                }
                Err(error) => tracing::debug!(%error, "cancellations cannot be heard; they are looked for"),
            }
            pause(&stop).await;
        }
        Ok(())
    }

    async fn cancel_here(&self, tenant: &Name, job: medley_proto::JobId) {
        if !self.running.has(tenant, job) {
            return;
        }
        match self.medley.is_over(tenant, job).await {
            Ok(true) => self.running.cancel(tenant, job),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "a cancellation cannot be looked for"),
        }
    }
}
