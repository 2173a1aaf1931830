//! Dead letters: taken from the queue's dead end into the store, where they can be looked at, replayed and dropped.

use std::{collections::BTreeMap, sync::Arc};

use medley_proto::{DeadLetter, ErrorCode, Failure, JobId, Name, Step, VERSION};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Medley, WorkersError,
    breakpoint::breakpoint,
    client::submit::OpenMarker,
    engine::executor::Bench,
    engine::planner::{FINISH, FinishParams, Group},
    engine::progress::Standing,
    engine::worker::pause,
    layout::documents,
    layout::keys::{JobKeys, tenant},
    queue::{DeadConsumer, Delivery, QueueError},
    store::Key,
};

/// A dead letter carries at most so many failures.
const MOST_ATTEMPTS_TOLD: usize = 100;

impl Bench {
    /// Moves dead letters into the store, as they come.
    pub(crate) async fn keep_dead_letters(self: Arc<Self>, stop: CancellationToken) -> Result<(), WorkersError> {
        let mut consumer: Option<Box<dyn DeadConsumer>> = None;
        loop {
            let letter = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                letter = next(&self.medley, &mut consumer) => letter,
            };
            match letter {
                Ok((delivery, failure)) => {
                    let (job, step) = (delivery.step.job, delivery.step.id.clone());
                    if let Err(error) = self.medley.keep_or_put_aside(delivery, failure).await {
                        tracing::warn!(%job, %step, %error, "a dead letter could not be kept now; it comes back");
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
}

async fn next(
    medley: &Medley,
    consumer: &mut Option<Box<dyn DeadConsumer>>,
) -> Result<(Delivery, Option<Failure>), QueueError> {
    let consumer = match consumer {
        Some(consumer) => consumer,
        None => consumer.insert(medley.queue.consume_dead().await?),
    };
    consumer.next().await
}

impl Medley {
    /// A letter of a job whose record cannot be read would come back for ever, before all others.
    async fn keep_or_put_aside(&self, delivery: Delivery, failure: Option<Failure>) -> Result<(), Error> {
        match self.keep_dead(&delivery.step, failure).await {
            Ok(()) => Ok(self.queue.ack(delivery).await?),
            Err(error @ Error::Damaged { .. }) => {
                tracing::error!(job = %delivery.step.job, %error, "a dead letter was put aside: its job cannot be read");
                Ok(self.queue.put_aside(delivery, &error.to_string()).await?)
            }
            Err(error) => Err(error),
        }
    }

    async fn keep_dead(&self, step: &Step, failure: Option<Failure>) -> Result<(), Error> {
        if step.kind == FINISH {
            // A job's end is tried for ever: this one was given up by the broker.
            return Ok(self.queue.publish(&[Step { attempt: 1, ..step.clone() }]).await?);
        }
        let keys = JobKeys::of_step(step);
        if let Some(job) = documents::read(&*self.store, &keys.job()).await? {
            let failure = failure.unwrap_or_else(|| given_up(step, self.clock.now_ms()));
            let attempts = self.attempts_of(&keys, step).await?;
            let letter = DeadLetter { v: VERSION, step: step.clone(), failure, attempts, at_ms: self.clock.now_ms() };
            documents::write(&*self.store, &keys.dead_letter(&step.id), &letter).await?;
            breakpoint("after_dead_letter");
            documents::write_once(&*self.store, &keys.error(&step.id), letter.failure).await?;
            self.publish_finish(&job, &FinishParams::failed(step.id.clone()), &step.lineage).await?;
        }
        Ok(())
    }

    /// The newest failures on record, oldest first. The store says which there are: a message's number of attempts is
    /// only what somebody wrote there.
    async fn attempts_of(&self, keys: &JobKeys, step: &Step) -> Result<Vec<Failure>, Error> {
        let mut found = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.store.list(&keys.attempts(&step.id), after.as_deref(), 1_000).await?;
            for object in page.objects {
                if let Some(attempt) = number_of(&object.key) {
                    found.insert(attempt, object.key);
                }
                if found.len() > MOST_ATTEMPTS_TOLD {
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
            match documents::read(&*self.store, key).await {
                Ok(failure) => attempts.extend(failure),
                Err(error @ Error::Damaged { .. }) => {
                    tracing::warn!(%error, "the record of a failed attempt is left out")
                }
                Err(error) => return Err(error),
            }
        }
        Ok(attempts)
    }

    /// The tenant's dead letters, by job, at most `limit`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn dead_letters(&self, of: &Name, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        self.letters_below(&tenant::dead(of), limit).await
    }

    /// The dead letters of one job.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`], or one of the store.
    pub async fn dead_letters_of(&self, of: &Name, job: JobId) -> Result<Vec<DeadLetter>, Error> {
        let letters = self.letters_below(&JobKeys::new(of, job).dead_letters(), usize::MAX).await?;
        if letters.is_empty() { Err(Error::NoDeadLetter(job)) } else { Ok(letters) }
    }

    async fn letters_below(&self, prefix: &Key, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        let mut letters = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.list(prefix, after.as_deref(), 1_000).await?;
            for object in page.objects {
                if letters.len() >= limit {
                    return Ok(letters);
                }
                letters.extend(documents::read::<DeadLetter>(&*self.store, &object.key).await?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(letters);
            }
        }
    }

    /// Opens a failed job again: its dead letters' errors and its manifest are removed, and whatever it still needs is
    /// published. Returns how many letters there were.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`], [`Error::NoSuchJob`], or one of queue or store; then it may be asked for again.
    pub async fn replay(&self, of: &Name, job: JobId) -> Result<usize, Error> {
        let letters = self.dead_letters_of(of, job).await?;
        let keys = JobKeys::new(of, job);
        let envelope = documents::read(&*self.store, &keys.job()).await?.ok_or(Error::NoSuchJob(job))?;
        let medley_proto::Job { created_ms, .. } = envelope;
        documents::write(&*self.store, &keys.open(), &OpenMarker { created_ms, sweeps: 0 }).await?;
        for letter in &letters {
            self.store.delete(&keys.error(&letter.step.id)).await?;
        }
        self.store.delete(&keys.manifest()).await?;
        breakpoint("after_replay_reopen");
        let standing = self.walk(&envelope).await?.standing;
        self.push_on(&envelope, standing).await?;
        // Last, so that a replay that broke off can be asked for again.
        for letter in &letters {
            self.store.delete(&keys.dead_letter(&letter.step.id)).await?;
        }
        Ok(letters.len())
    }

    /// Forgets a job's dead letters; the job stays failed. Returns how many there were.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`], or one of the store.
    pub async fn drop_dead(&self, of: &Name, job: JobId) -> Result<usize, Error> {
        let letters = self.dead_letters_of(of, job).await?;
        let keys = JobKeys::new(of, job);
        for letter in &letters {
            self.store.delete(&keys.dead_letter(&letter.step.id)).await?;
        }
        Ok(letters.len())
    }

    /// Publishes whatever a job that stands still needs to go on.
    pub(crate) async fn push_on(&self, job: &medley_proto::Job, standing: Standing) -> Result<(), Error> {
        let keys = JobKeys::of(job);
        match standing {
            Standing::Open(steps) => self.queue.publish(&steps).await?,
            Standing::Failed(step) => {
                let lineage = self.lineage_at(&keys, &step).await?;
                self.publish_finish(job, &FinishParams::failed(step), &lineage).await?;
            }
            Standing::Done(group, lineage) => {
                self.publish_finish(job, &FinishParams::last(group), &lineage).await?;
            }
            Standing::Stuck(group, error) => {
                let step = Group::last(&group);
                let failure = Failure {
                    v: VERSION,
                    code: error.code(),
                    message: error.to_string(),
                    causes: error.causes(),
                    attempt: 1,
                    at_ms: self.clock.now_ms(),
                };
                documents::write_once(&*self.store, &keys.error(&step), failure).await?;
                let lineage = self.lineage_at(&keys, &step).await?;
                self.publish_finish(job, &FinishParams::failed(step), &lineage).await?;
            }
        }
        Ok(())
    }
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
