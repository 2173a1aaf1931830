//! Serves a delivery, and settles it by the class of its step's error (docs/architecture.md, "The life of a step").

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use medley_proto::{EventBody, Failure, Job, Name, Step, VERSION};
use medley_step::StepError;

use super::{
    backoff::{backoff, jittered},
    executor::Executor,
    finisher,
    planner::{self, FINISH, FinishParams},
};
use crate::{
    Error,
    breakpoint::breakpoint,
    layout::{documents, keys::JobKeys},
    queue::{Delivery, QueueError},
};

/// How a worker goes on after it settled a step.
#[derive(Debug)]
pub(crate) enum Verdict {
    GoOn,
    /// This machine cannot work: stop.
    Unfit(String),
    /// It cannot compute steps of this kind; of others it may.
    KindUnfit(Name, String),
}

/// How a delivery is settled after its failure was recorded in the store.
enum Settlement {
    Ack,
    Retry(Duration),
    DeadLetter(Failure),
    HandBack,
}

impl Executor {
    /// Runs a delivered step and settles its delivery.
    pub(crate) async fn serve(&self, delivery: Delivery) -> Verdict {
        breakpoint("after_take");
        if delivery.step.kind == FINISH {
            return self.end(delivery).await;
        }
        let claim = self.running.claim(&delivery.step).await;
        // A panic fails this step and not the steps beside it; the panic itself is in the log.
        let executed = AssertUnwindSafe(self.execute(&delivery.step)).catch_unwind().await;
        drop(claim);
        match executed.unwrap_or_else(|_| Err(defect(&delivery.step))) {
            Ok(()) => {
                breakpoint("before_ack");
                self.settled(self.backend.queue.ack(delivery).await).await
            }
            Err(error) => self.fail(delivery, error).await,
        }
    }

    /// Ends a job, and tries forever: there is nothing to fall back on.
    async fn end(&self, delivery: Delivery) -> Verdict {
        let finished = AssertUnwindSafe(finisher::finish(&self.backend, &delivery.step)).catch_unwind().await;
        let finished = match finished {
            Ok(Err(error @ Error::Damaged { .. })) => return self.put_aside(delivery, error).await,
            finished => finished.map(|finished| finished.map_err(StepError::from)),
        };
        match finished.unwrap_or_else(|_| Err(defect(&delivery.step))) {
            Ok(()) => {
                breakpoint("before_ack");
                self.settled(self.backend.queue.ack(delivery).await).await
            }
            Err(error @ StepError::Unfit { .. }) => self.hand_back(delivery, Some(&error)).await,
            Err(error) => {
                tracing::warn!(job = %delivery.step.job, error = with_causes(&error), "a job could not be ended yet");
                let pause = jittered(backoff(&self.backend.settings.worker, delivery.step.attempt));
                self.settled(self.backend.queue.retry_later(delivery, pause).await).await
            }
        }
    }

    async fn fail(&self, delivery: Delivery, error: StepError) -> Verdict {
        let step = &delivery.step;
        let recorded = match &error {
            StepError::Permanent { .. } => self.record_failure(step, &error).await.map(|()| Settlement::Ack),
            StepError::Transient { retry_after, .. } => self.record_attempt(step, &error, *retry_after).await,
            StepError::Cancelled => self.finish_cancelled(step).await.map(|()| Settlement::Ack),
            StepError::Interrupted | StepError::Unfit { .. } => Ok(Settlement::HandBack),
        };
        match recorded {
            Ok(Settlement::Ack) => self.settled(self.backend.queue.ack(delivery).await).await,
            Ok(Settlement::Retry(pause)) => self.settled(self.backend.queue.retry_later(delivery, pause).await).await,
            Ok(Settlement::DeadLetter(failure)) => {
                self.settled(self.backend.queue.dead_letter(delivery, &failure).await).await
            }
            Ok(Settlement::HandBack) => self.hand_back(delivery, Some(&error)).await,
            // Without its job's record no worker can go on with the step, now or later.
            Err(error @ Error::Damaged { .. }) => self.put_aside(delivery, error).await,
            Err(error) => {
                let error = StepError::from(error);
                tracing::warn!(step = %delivery.step.id, error = with_causes(&error), "a step's failure could not be noted; it goes back");
                // Not at once: what failed here fails for the next one, too.
                tokio::time::sleep(jittered(backoff(&self.backend.settings.worker, 1))).await;
                self.hand_back(delivery, Some(&error)).await
            }
        }
    }

    async fn hand_back(&self, delivery: Delivery, error: Option<&StepError>) -> Verdict {
        let kind = delivery.step.kind.clone();
        let handed = self.backend.queue.hand_back(delivery).await;
        match error {
            Some(error @ StepError::Unfit { .. }) if self.pool.gave_up(&kind) => {
                Verdict::KindUnfit(kind, with_causes(error))
            }
            Some(error @ StepError::Unfit { .. }) => Verdict::Unfit(with_causes(error)),
            _ => self.settled(handed).await,
        }
    }

    async fn put_aside(&self, delivery: Delivery, error: Error) -> Verdict {
        let step = &delivery.step;
        let reason = with_causes(&StepError::internal(error.to_string()).because(error));
        tracing::error!(job = %step.job, step = %step.id, error = reason, "a step was put aside: its job cannot be read");
        self.settled(self.backend.queue.put_aside(delivery, &reason).await).await
    }

    /// A delivery that the queue did not take back comes back by itself.
    async fn settled(&self, outcome: Result<(), QueueError>) -> Verdict {
        let Err(error) = outcome else { return Verdict::GoOn };
        match StepError::from(error) {
            unfit @ StepError::Unfit { .. } => Verdict::Unfit(with_causes(&unfit)),
            error => {
                tracing::warn!(error = with_causes(&error), "a step was not settled; it comes back by itself");
                tokio::time::sleep(jittered(backoff(&self.backend.settings.worker, 1))).await;
                Verdict::GoOn
            }
        }
    }

    async fn record_failure(&self, step: &Step, error: &StepError) -> Result<(), Error> {
        let failure = self.failure(step, error);
        tracing::info!(
            job = %step.job, step = %step.id, code = %failure.code, message = failure.message, causes = ?failure.causes,
            "a step failed for good"
        );
        let (kind, code) = (step.kind.to_string(), failure.code.to_string());
        metrics::counter!("medley_steps_failed_total", "kind" => kind, "code" => code).increment(1);
        let Some(job) = self.job_of(step).await? else { return Ok(()) };
        documents::write_once(&*self.backend.store, &JobKeys::of_step(step).error(&step.id), failure).await?;
        breakpoint("after_error");
        planner::publish_finish(&self.backend, &job, &FinishParams::failed(step.id.clone()), &step.lineage).await
    }

    async fn finish_cancelled(&self, step: &Step) -> Result<(), Error> {
        match self.job_of(step).await? {
            Some(job) if !self.ended(step).await? => {
                planner::publish_finish(&self.backend, &job, &FinishParams::cancelled(), &step.lineage).await
            }
            _ => Ok(()),
        }
    }

    async fn record_attempt(
        &self,
        step: &Step,
        error: &StepError,
        retry_after: Option<Duration>,
    ) -> Result<Settlement, Error> {
        let failure = self.failure(step, error);
        let settings = &self.backend.settings.worker;
        tracing::info!(
            job = %step.job, step = %step.id, attempt = step.attempt, code = %failure.code, message = failure.message,
            causes = ?failure.causes, "a step failed"
        );
        if self.job_of(step).await?.is_none() {
            return Ok(Settlement::Ack);
        }
        let key = JobKeys::of_step(step).attempt(&step.id, step.attempt);
        documents::write(&*self.backend.store, &key, &failure).await?;
        let (kind, code) = (step.kind.to_string(), failure.code.to_string());
        metrics::counter!("medley_attempts_failed_total", "kind" => kind.clone(), "code" => code).increment(1);
        if step.attempt >= settings.max_attempts {
            tracing::warn!(job = %step.job, step = %step.id, code = %failure.code, "a step becomes a dead letter");
            metrics::counter!("medley_dead_letters_total", "kind" => kind).increment(1);
            return Ok(Settlement::DeadLetter(failure));
        }
        let wish = retry_after.unwrap_or_default().min(settings.max_retry_after());
        let mut pause = jittered(backoff(settings, step.attempt)).max(wish);
        if let Some(deadline_ms) = step.deadline_ms {
            // A retry is never later than the deadline, so that the client learns in time that it has passed.
            pause = pause.min(Duration::from_millis(deadline_ms.saturating_sub(self.backend.clock.now_ms())));
        }
        let in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let body = EventBody::Retrying { code: failure.code, message: failure.message, in_ms };
        self.backend.send_event(&step.tenant, step.job, Some(&step.id), body).await;
        Ok(Settlement::Retry(pause))
    }

    /// Reads the job of a step that is settled; none when it is gone.
    async fn job_of(&self, step: &Step) -> Result<Option<Job>, Error> {
        documents::read(&*self.backend.store, &JobKeys::of_step(step).job()).await
    }

    /// Whether the step's job ended meanwhile.
    async fn ended(&self, step: &Step) -> Result<bool, Error> {
        documents::exists(&*self.backend.store, &JobKeys::of_step(step).manifest()).await
    }

    fn failure(&self, step: &Step, error: &StepError) -> Failure {
        Failure {
            v: VERSION,
            code: error.code(),
            message: error.to_string(),
            causes: error.causes(),
            attempt: step.attempt,
            at_ms: self.backend.clock.now_ms(),
        }
    }
}

/// What a panic outside of the step's own code comes to.
fn defect(step: &Step) -> StepError {
    StepError::internal(format!("step {} met a defect of Medley; please report it with the worker's log", step.id))
}

/// The error and what is below it, for the log and for people.
fn with_causes(error: &StepError) -> String {
    std::iter::once(error.to_string()).chain(error.causes()).collect::<Vec<_>>().join(": ")
}
