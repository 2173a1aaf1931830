//! What happens to a delivery when its step ends, by the error's class (docs/architecture.md, "The life of a step").

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use medley_proto::{EventBody, Failure, Name, Step, VERSION};
use medley_step::StepError;

use crate::{
    Error, WorkerSettings,
    breakpoint::breakpoint,
    engine::executor::Bench,
    engine::planner::{FINISH, FinishParams},
    layout::documents,
    layout::keys::JobKeys,
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

/// A pause is never longer, whatever settings and servers say.
pub(crate) const MOST_PAUSE: Duration = Duration::from_secs(24 * 3_600);

/// What is to be done with a delivery after its failure was noted in the store.
enum Next {
    Ack,
    Retry(Duration),
    Bury(Failure),
    HandBack,
}

impl Bench {
    /// Runs a delivered step and settles its delivery.
    pub(crate) async fn serve(&self, delivery: Delivery) -> Verdict {
        breakpoint("after_take");
        if delivery.step.kind == FINISH {
            return self.end(delivery).await;
        }
        let claim = self.running.claim(&delivery.step).await;
        // What we did not think of ends its job and not the steps beside it; the panic itself is in the log.
        let lived = AssertUnwindSafe(self.live(&delivery.step)).catch_unwind().await;
        drop(claim);
        match lived.unwrap_or_else(|_| Err(defect(&delivery.step))) {
            Ok(()) => {
                breakpoint("before_ack");
                self.acted(self.medley.queue.ack(delivery).await).await
            }
            Err(error) => self.fail(delivery, error).await,
        }
    }

    /// Ends a job. That is tried for ever: there is nothing to fall back on.
    async fn end(&self, delivery: Delivery) -> Verdict {
        let finished = AssertUnwindSafe(self.medley.finish(&delivery.step)).catch_unwind().await;
        let finished = match finished {
            Ok(Err(error @ Error::Damaged { .. })) => return self.put_aside(delivery, error).await,
            finished => finished.map(|finished| finished.map_err(StepError::from)),
        };
        match finished.unwrap_or_else(|_| Err(defect(&delivery.step))) {
            Ok(()) => {
                breakpoint("before_ack");
                self.acted(self.medley.queue.ack(delivery).await).await
            }
            Err(error @ StepError::Unfit { .. }) => self.hand_back(delivery, Some(&error)).await,
            Err(error) => {
                tracing::warn!(job = %delivery.step.job, error = with_causes(&error), "a job could not be ended yet");
                let pause = jittered(backoff(&self.medley.settings.worker, delivery.step.attempt));
                self.acted(self.medley.queue.retry_later(delivery, pause).await).await
            }
        }
    }

    async fn fail(&self, delivery: Delivery, error: StepError) -> Verdict {
        let step = &delivery.step;
        let noted = match &error {
            StepError::Permanent { .. } => self.note_end(step, &error).await.map(|()| Next::Ack),
            StepError::Transient { retry_after, .. } => self.note_attempt(step, &error, *retry_after).await,
            StepError::Cancelled => self.note_cancelled(step).await.map(|()| Next::Ack),
            StepError::Interrupted | StepError::Unfit { .. } => Ok(Next::HandBack),
        };
        match noted {
            Ok(Next::Ack) => self.acted(self.medley.queue.ack(delivery).await).await,
            Ok(Next::Retry(pause)) => self.acted(self.medley.queue.retry_later(delivery, pause).await).await,
            Ok(Next::Bury(failure)) => self.acted(self.medley.queue.dead_letter(delivery, &failure).await).await,
            Ok(Next::HandBack) => self.hand_back(delivery, Some(&error)).await,
            // Without its job's record nobody can go on with it, now or later.
            Err(error @ Error::Damaged { .. }) => self.put_aside(delivery, error).await,
            Err(error) => {
                let error = StepError::from(error);
                tracing::warn!(step = %delivery.step.id, error = with_causes(&error), "a step's failure could not be noted; it goes back");
                // Not at once: what failed here fails for the next one, too.
                tokio::time::sleep(jittered(backoff(&self.medley.settings.worker, 1))).await;
                self.hand_back(delivery, Some(&error)).await
            }
        }
    }

    async fn hand_back(&self, delivery: Delivery, error: Option<&StepError>) -> Verdict {
        let kind = delivery.step.kind.clone();
        let handed = self.medley.queue.hand_back(delivery).await;
        match error {
            Some(error @ StepError::Unfit { .. }) if self.pool.gave_up(&kind) => {
                Verdict::KindUnfit(kind, with_causes(error))
            }
            Some(error @ StepError::Unfit { .. }) => Verdict::Unfit(with_causes(error)),
            _ => self.acted(handed).await,
        }
    }

    async fn put_aside(&self, delivery: Delivery, error: Error) -> Verdict {
        let step = &delivery.step;
        let reason = with_causes(&StepError::internal(error.to_string()).because(error));
        tracing::error!(job = %step.job, step = %step.id, error = reason, "a step was put aside: its job cannot be read");
        self.acted(self.medley.queue.put_aside(delivery, &reason).await).await
    }

    /// A delivery that the queue did not take back comes back by itself.
    async fn acted(&self, acted: Result<(), QueueError>) -> Verdict {
        let Err(error) = acted else { return Verdict::GoOn };
        match StepError::from(error) {
            unfit @ StepError::Unfit { .. } => Verdict::Unfit(with_causes(&unfit)),
            error => {
                tracing::warn!(error = with_causes(&error), "a step was not settled; it comes back by itself");
                tokio::time::sleep(jittered(backoff(&self.medley.settings.worker, 1))).await;
                Verdict::GoOn
            }
        }
    }

    async fn note_end(&self, step: &Step, error: &StepError) -> Result<(), Error> {
        let failure = self.failure(step, error);
        tracing::info!(
            job = %step.job, step = %step.id, code = %failure.code, message = failure.message, causes = ?failure.causes,
            "a step failed for good"
        );
        let Some(job) = self.job_of(step).await? else { return Ok(()) };
        documents::write_once(&*self.medley.store, &JobKeys::of_step(step).error(&step.id), failure).await?;
        breakpoint("after_error");
        self.medley.publish_finish(&job, &FinishParams::failed(step.id.clone()), &step.lineage).await
    }

    async fn note_cancelled(&self, step: &Step) -> Result<(), Error> {
        match self.job_of(step).await? {
            Some(job) if !self.ended(step).await? => {
                self.medley.publish_finish(&job, &FinishParams::cancelled(), &step.lineage).await
            }
            _ => Ok(()),
        }
    }

    async fn note_attempt(&self, step: &Step, error: &StepError, retry_after: Option<Duration>) -> Result<Next, Error> {
        let failure = self.failure(step, error);
        let settings = &self.medley.settings.worker;
        tracing::info!(
            job = %step.job, step = %step.id, attempt = step.attempt, code = %failure.code, message = failure.message,
            causes = ?failure.causes, "a step failed"
        );
        if self.job_of(step).await?.is_none() {
            return Ok(Next::Ack);
        }
        let key = JobKeys::of_step(step).attempt(&step.id, step.attempt);
        documents::write(&*self.medley.store, &key, &failure).await?;
        let (kind, code) = (step.kind.to_string(), failure.code.to_string());
        metrics::counter!("medley_attempts_failed_total", "kind" => kind.clone(), "code" => code).increment(1);
        if step.attempt >= settings.max_attempts {
            tracing::warn!(job = %step.job, step = %step.id, code = %failure.code, "a step becomes a dead letter");
            metrics::counter!("medley_dead_letters_total", "kind" => kind).increment(1);
            return Ok(Next::Bury(failure));
        }
        let wish = retry_after.unwrap_or_default().min(settings.most_retry_after());
        let mut pause = jittered(backoff(settings, step.attempt)).max(wish);
        if let Some(deadline_ms) = step.deadline_ms {
            // Whoever waits beyond the deadline learns of it at the deadline.
            pause = pause.min(Duration::from_millis(deadline_ms.saturating_sub(self.medley.clock.now_ms())));
        }
        let in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let body = EventBody::Retrying { code: failure.code, message: failure.message, in_ms };
        self.medley.tell(&step.tenant, step.job, Some(&step.id), body).await;
        Ok(Next::Retry(pause))
    }

    fn failure(&self, step: &Step, error: &StepError) -> Failure {
        Failure {
            v: VERSION,
            code: error.code(),
            message: error.to_string(),
            causes: error.causes(),
            attempt: step.attempt,
            at_ms: self.medley.clock.now_ms(),
        }
    }
}

/// What a panic outside of the step's own code comes to.
fn defect(step: &Step) -> StepError {
    StepError::internal(format!("step {} met a defect of Medley; please report it with the worker's log", step.id))
}

/// The error and what is below it, for the log and for people.
pub(crate) fn with_causes(error: &StepError) -> String {
    std::iter::once(error.to_string()).chain(error.causes()).collect::<Vec<_>>().join(": ")
}

/// The pause before the attempt after this one.
pub(crate) fn backoff(settings: &WorkerSettings, attempt: u32) -> Duration {
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    let pause = settings.first_backoff_ms.saturating_mul(doubled).min(settings.most_backoff_ms);
    Duration::from_millis(pause).min(MOST_PAUSE)
}

/// Between half and one and a half of the pause, so that what failed together does not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // The low bits of a fresh ULID are random.
    let random = (ulid::Ulid::generate().random() & 0xFFFF) as u32;
    pause / 2 + pause.saturating_mul(random) / 0xFFFF
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_grow_and_stay_within_bounds(attempt in 1_u32..100) {
            let settings = WorkerSettings::default();
            let (this, next) = (backoff(&settings, attempt), backoff(&settings, attempt + 1));
            prop_assert!(this <= next && next <= Duration::from_millis(settings.most_backoff_ms));
            let jittered = jittered(this);
            prop_assert!(this / 2 <= jittered && jittered <= this * 3 / 2);
        }
    }
}
