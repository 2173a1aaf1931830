//! Takes steps from the queues while slots are free, and leaves alone the kinds that cannot be computed here.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use medley_proto::{Class, Name};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    EngineError,
    backoff::{backoff, jittered, pause},
    executor::Executor,
    outcome::Verdict,
};
use crate::queue::{Consumer, Delivery, Queue, QueueError, QueueName};

/// The kinds of step that a loop takes.
#[derive(Debug, Clone)]
pub(crate) struct Kinds {
    pub(crate) names: Vec<Name>,
    /// Whether it ends when one of them cannot be computed, or when the queue's disk is full: there is no other worker.
    pub(crate) all: bool,
}

impl Kinds {
    pub(crate) fn queues(&self, without: &BTreeMap<Name, Instant>) -> Vec<QueueName> {
        let both = |kind: &Name| Class::ALL.map(|class| QueueName { kind: kind.clone(), class });
        self.names.iter().filter(|kind| !without.contains_key(*kind)).flat_map(both).collect()
    }
}

/// Takes steps from the queues while slots are free.
pub(crate) async fn take(
    executor: Arc<Executor>,
    kinds: Kinds,
    slots: usize,
    stop: CancellationToken,
) -> Result<(), EngineError> {
    let free = Arc::new(Semaphore::new(slots));
    let mut serving: JoinSet<Verdict> = JoinSet::new();
    let mut consumer: Option<Box<dyn Consumer>> = None;
    let mut fitness = Fitness { kinds, resting: BTreeMap::new(), unfit: None };
    let mut found_full = 0;
    let mut paused = executor.paused.clone();
    while fitness.unfit.is_none() {
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(verdict) = serving.join_next() => { fitness.consider(verdict, &mut consumer); continue }
            slot = free.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let mut queues = fitness.kinds.queues(&fitness.resting);
        {
            let paused = paused.borrow_and_update();
            queues.retain(|queue| !paused.contains(&queue.kind));
        }
        let delivery = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(verdict) = serving.join_next() => { fitness.consider(verdict, &mut consumer); continue }
            () = fitness.rested() => { consumer = None; continue }
            Ok(()) = paused.changed() => { consumer = None; continue }
            delivery = next(&executor.backend.queue, &queues, &mut consumer), if !queues.is_empty() => delivery,
        };
        match delivery {
            Ok(delivery) => {
                found_full = 0;
                let executor = executor.clone();
                serving.spawn(async move {
                    let verdict = executor.serve(delivery).await;
                    drop(slot);
                    verdict
                });
            }
            Err(error @ QueueError::Refused(..)) => return Err(error.into()),
            Err(error @ QueueError::Full(..)) if fitness.kinds.all => return Err(error.into()),
            Err(error @ QueueError::Full(..)) => {
                // Said once: it may last for hours, and a log needs room too.
                if found_full == 0 {
                    tracing::error!(%error, "no steps are taken until there is room");
                }
                found_full += 1;
                consumer = None;
                let wait = jittered(backoff(&executor.backend.settings.worker, found_full)).max(FULL_PAUSE);
                let _ = stop.run_until_cancelled(tokio::time::sleep(wait)).await;
            }
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
        fitness.consider(verdict, &mut none);
    }
    fitness.unfit.map_or(Ok(()), |reason| Err(EngineError::Unfit(reason)))
}

/// At least so long a worker waits for room on its disk before it looks again.
const FULL_PAUSE: Duration = Duration::from_secs(2);

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
    fn consider(&mut self, verdict: Result<Verdict, tokio::task::JoinError>, consumer: &mut Option<Box<dyn Consumer>>) {
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
    queue: &Arc<dyn Queue>,
    queues: &[QueueName],
    consumer: &mut Option<Box<dyn Consumer>>,
) -> Result<Delivery, QueueError> {
    let taken = AssertUnwindSafe(async {
        let consumer = match consumer {
            Some(consumer) => consumer,
            None => consumer.insert(queue.consume(queues).await?),
        };
        consumer.next().await
    });
    // A message that is at hand goes back and counts as lost, so that the queue gives it up in the end.
    taken.catch_unwind().await.unwrap_or_else(|_| {
        Err(QueueError::Unreadable("a message met a defect of Medley; please report it with this log".into(), None))
    })
}
