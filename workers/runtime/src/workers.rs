use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use futures_util::StreamExt;
use medley_proto::{Class, Name};
use medley_step::{Consumer, Delivery, QueueError, QueueName};
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Medley,
    advance::FINISH,
    compute::{ComputeCommand, ComputePool, PoolSettings},
    leftovers,
    life::Bench,
    running::Running,
    settle::{Verdict, jittered},
    spool::Spool,
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
        leftovers::sweep(work_dir);
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
        let result = serve(&bench, &kinds, slots, shutdown).await;
        bench.pool.stop();
        result
    }
}

async fn serve(
    bench: &Arc<Bench>,
    kinds: &[Name],
    slots: usize,
    shutdown: CancellationToken,
) -> Result<(), WorkersError> {
    let stop = shutdown.child_token();
    let queues = |kinds: &[Name]| -> Vec<QueueName> {
        let both = |kind: &Name| Class::ALL.map(|class| QueueName { kind: kind.clone(), class });
        kinds.iter().flat_map(both).collect()
    };
    let mut loops = JoinSet::new();
    loops.spawn(take(bench.clone(), queues(kinds), slots, stop.clone()));
    loops.spawn(take(bench.clone(), queues(&[FINISH]), FINISH_SLOTS, stop.clone()));
    loops.spawn(bench.clone().listen_for_cancels(stop.clone()));
    loops.spawn(bench.clone().keep_dead_letters(stop.clone()));
    loops.spawn(bench.clone().sweep_now_and_then(stop.clone()));
    loops.spawn(tell_depths(bench.medley.clone(), queues(kinds), stop.clone()));
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
async fn take(
    bench: Arc<Bench>,
    queues: Vec<QueueName>,
    slots: usize,
    stop: CancellationToken,
) -> Result<(), WorkersError> {
    let free = Arc::new(Semaphore::new(slots));
    let mut serving: JoinSet<Verdict> = JoinSet::new();
    let mut consumer: Option<Box<dyn Consumer>> = None;
    let mut unfit = None;
    while unfit.is_none() {
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(verdict) = serving.join_next() => { unfit = reason(verdict); continue }
            slot = free.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let delivery = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(verdict) = serving.join_next() => { unfit = reason(verdict); continue }
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
    while let Some(verdict) = serving.join_next().await {
        unfit = unfit.or(reason(verdict));
    }
    unfit.map_or(Ok(()), |reason| Err(WorkersError::Unfit(reason)))
}

async fn next(
    medley: &Medley,
    queues: &[QueueName],
    consumer: &mut Option<Box<dyn Consumer>>,
) -> Result<Delivery, QueueError> {
    let consumer = match consumer {
        Some(consumer) => consumer,
        None => consumer.insert(medley.queue.consume(queues).await?),
    };
    consumer.next().await
}

fn reason(verdict: Result<Verdict, tokio::task::JoinError>) -> Option<String> {
    match verdict {
        Ok(Verdict::GoOn) => None,
        Ok(Verdict::Unfit(reason)) => Some(reason),
        Err(panic) => {
            // Its delivery was dropped with it and comes back.
            tracing::error!(%panic, "a defect of Medley while a step was served");
            None
        }
    }
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
