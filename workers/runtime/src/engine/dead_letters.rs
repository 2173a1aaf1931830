//! Moves dead letters from the queue into the store, where a client can look at them, replay them and drop them.

use std::{collections::BTreeMap, sync::Arc};

use medley_proto::{DeadLetter, ErrorCode, Failure, Step, VERSION};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::pause,
    executor::Executor,
    planner::{self, FINISH, FinishParams},
};
use crate::{
    Backend, Error,
    breakpoint::breakpoint,
    layout::{documents, keys::JobKeys},
    queue::{DeadConsumer, Delivery, Queue, QueueError},
    store::{Key, Store},
};

/// A dead letter carries at most so many failures.
const MAX_ATTEMPTS_KEPT: usize = 100;

/// Moves dead letters into the store, as they come.
pub(crate) async fn keep_all(executor: Arc<Executor>, stop: CancellationToken) {
    let backend = &executor.backend;
    let mut consumer: Option<Box<dyn DeadConsumer>> = None;
    loop {
        let letter = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            letter = next(&backend.queue, &mut consumer) => letter,
        };
        match letter {
            Ok((delivery, failure)) => {
                let (job, step) = (delivery.step.job, delivery.step.id.clone());
                if let Err(error) = keep_or_put_aside(backend, delivery, failure).await {
                    tracing::warn!(%job, %step, %error, "a dead letter could not be stored now; it comes back");
                    pause(&stop).await;
                }
            }
            Err(error) => {
                consumer = None;
                tracing::debug!(%error, "dead letters cannot be taken now");
                pause(&stop).await;
            }
        }
    }
}

async fn next(
    queue: &Arc<dyn Queue>,
    consumer: &mut Option<Box<dyn DeadConsumer>>,
) -> Result<(Delivery, Option<Failure>), QueueError> {
    let consumer = match consumer {
        Some(consumer) => consumer,
        None => consumer.insert(queue.consume_dead().await?),
    };
    consumer.next().await
}

/// Stores a letter. One whose job cannot be read is put aside: it would come back forever, ahead of all others.
async fn keep_or_put_aside(backend: &Backend, delivery: Delivery, failure: Option<Failure>) -> Result<(), Error> {
    match keep(backend, &delivery.step, failure).await {
        Ok(()) => Ok(backend.queue.ack(delivery).await?),
        Err(error @ Error::Damaged { .. }) => {
            tracing::error!(job = %delivery.step.job, %error, "a dead letter was put aside: its job cannot be read");
            Ok(backend.queue.put_aside(delivery, &error.to_string()).await?)
        }
        Err(error) => Err(error),
    }
}

async fn keep(backend: &Backend, step: &Step, failure: Option<Failure>) -> Result<(), Error> {
    if step.kind == FINISH {
        // The engine never gives up a job's end: the broker did.
        return Ok(backend.queue.publish(&[Step { attempt: 1, ..step.clone() }]).await?);
    }
    let keys = JobKeys::of_step(step);
    if let Some(job) = documents::read(&*backend.store, &keys.job()).await? {
        let failure = failure.unwrap_or_else(|| given_up(step, backend.clock.now_ms()));
        let attempts = attempts_of(&*backend.store, &keys, step).await?;
        let letter = DeadLetter { v: VERSION, step: step.clone(), failure, attempts, at_ms: backend.clock.now_ms() };
        documents::write(&*backend.store, &keys.dead_letter(&step.id), &letter).await?;
        breakpoint("after_dead_letter");
        documents::write_once(&*backend.store, &keys.error(&step.id), letter.failure).await?;
        planner::publish_finish(backend, &job, &FinishParams::failed(step.id.clone()), &step.lineage).await?;
    }
    Ok(())
}

/// The newest failures on record, oldest first. The store says which there are: a message's number of attempts is
/// only what somebody wrote there.
async fn attempts_of(store: &dyn Store, keys: &JobKeys, step: &Step) -> Result<Vec<Failure>, Error> {
    let mut found = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.list(&keys.attempts(&step.id), after.as_deref(), 1_000).await?;
        for object in page.objects {
            if let Some(attempt) = number_of(&object.key) {
                found.insert(attempt, object.key);
            }
            if found.len() > MAX_ATTEMPTS_KEPT {
                found.pop_first();
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut attempts = Vec::with_capacity(found.len());
    for key in found.values() {
        match documents::read(store, key).await {
            Ok(failure) => attempts.extend(failure),
            Err(error @ Error::Damaged { .. }) => {
                tracing::warn!(%error, "the record of a failed attempt is left out")
            }
            Err(error) => return Err(error),
        }
    }
    Ok(attempts)
}

/// The attempt that a record `attempts/<n>.json` is of.
fn number_of(key: &Key) -> Option<u32> {
    key.as_str().rsplit('/').next()?.strip_suffix(".json")?.parse().ok()
}

fn given_up(step: &Step, at_ms: u64) -> Failure {
    Failure {
        v: VERSION,
        code: ErrorCode::new("worker_lost"),
        message: format!(
            "step {}: the queue gave it up after workers were lost while they ran it, again and again",
            step.id
        ),
        causes: Vec::new(),
        attempt: step.attempt,
        at_ms,
    }
}
