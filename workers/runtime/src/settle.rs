//! What happens to a delivery when its step ends, by the error's class (docs/architecture.md, "The life of a step").

use std::time::Duration;

use medley_proto::{ErrorCode, EventBody, Failure, Step, VERSION};
use medley_step::{Delivery, StepError};

use crate::{
    Error, WorkerSettings,
    advance::{FINISH, FinishParams},
    breakpoint::breakpoint,
    keys::JobKeys,
    life::Bench,
    records,
};

/// How a worker goes on after it settled a step.
#[derive(Debug)]
pub(crate) enum Verdict {
    GoOn,
    /// This machine cannot work: stop.
    Unfit(String),
}

impl Bench {
    /// Runs a delivered step and settles its delivery.
    pub(crate) async fn serve(&self, delivery: Delivery) -> Verdict {
        breakpoint("after_take");
        if delivery.step.kind == FINISH {
            return self.end(delivery).await;
        }
        let most_lost = self.medley.settings.worker.max_lost;
        if delivery.lost_before > most_lost {
            let message = format!("step {}: {most_lost} workers were lost while they ran it", delivery.step.id);
            let error = StepError::transient(ErrorCode::new("worker_lost"), message);
            let failure = self.failure(&delivery.step, &error);
            let settled = self.bury(delivery, &failure).await;
            return self.settled(settled).await;
        }
        match self.live(&delivery.step).await {
            Ok(()) => {
                breakpoint("before_ack");
                let settled = self.medley.queue.ack(delivery).await.map_err(Error::from);
                self.settled(settled).await
            }
            Err(error) => self.fail(delivery, error).await,
        }
    }

    /// Ends a job. That is tried for ever: there is nothing to fall back on.
    async fn end(&self, delivery: Delivery) -> Verdict {
        let settings = &self.medley.settings.worker;
        let settled = match self.medley.finish(&delivery.step).await.map_err(StepError::from) {
            Ok(()) => {
                breakpoint("before_ack");
                self.medley.queue.ack(delivery).await
            }
            Err(StepError::Unfit { message, .. }) => {
                if let Err(error) = self.medley.queue.hand_back(delivery).await {
                    tracing::warn!(%error, "a step was not handed back; it comes back by itself");
                }
                return Verdict::Unfit(message);
            }
            Err(error) => {
                tracing::warn!(job = %delivery.step.job, error = with_causes(&error), "a job could not be ended yet");
                let pause = jittered(backoff(settings, delivery.step.attempt));
                self.medley.queue.retry_later(delivery, pause).await
            }
        };
        self.settled(settled.map_err(Error::from)).await
    }

    async fn fail(&self, delivery: Delivery, error: StepError) -> Verdict {
        match error {
            StepError::Permanent { .. } => {
                let settled = self.end_job(delivery, &error).await;
                self.settled(settled).await
            }
            StepError::Transient { .. } => {
                let settled = self.retry(delivery, &error).await;
                self.settled(settled).await
            }
            StepError::Cancelled => {
                let settled = self.cancelled(delivery).await;
                self.settled(settled).await
            }
            StepError::Interrupted => {
                let settled = self.medley.queue.hand_back(delivery).await.map_err(Error::from);
                self.settled(settled).await
            }
            StepError::Unfit { .. } => {
                let reason = with_causes(&error);
                if let Err(error) = self.medley.queue.hand_back(delivery).await {
                    tracing::warn!(%error, "a step was not handed back; it comes back by itself");
                }
                Verdict::Unfit(reason)
            }
        }
    }

    /// A delivery that could not be settled was dropped on the way, and comes back by itself.
    async fn settled(&self, settled: Result<(), Error>) -> Verdict {
        let Err(error) = settled else { return Verdict::GoOn };
        match StepError::from(error) {
            unfit @ StepError::Unfit { .. } => Verdict::Unfit(with_causes(&unfit)),
            error => {
                tracing::warn!(error = with_causes(&error), "a step was not settled; it comes back by itself");
                // Not at once: what failed here fails for the next step, too.
                tokio::time::sleep(jittered(Duration::from_secs(2))).await;
                Verdict::GoOn
            }
        }
    }

    async fn end_job(&self, delivery: Delivery, error: &StepError) -> Result<(), Error> {
        let step = &delivery.step;
        let failure = self.failure(step, error);
        tracing::info!(job = %step.job, step = %step.id, code = %failure.code, message = failure.message, causes = ?failure.causes, "a step failed for good");
        let keys = JobKeys::of_step(step);
        if let Some(job) = self.job_of(step).await? {
            records::write_once(&*self.medley.store, &keys.error(&step.id), failure).await?;
            breakpoint("after_error");
            self.medley.publish_finish(&job, &FinishParams::failed(step.id.clone()), &step.lineage).await?;
        }
        Ok(self.medley.queue.ack(delivery).await?)
    }

    async fn cancelled(&self, delivery: Delivery) -> Result<(), Error> {
        let step = &delivery.step;
        if let Some(job) = self.job_of(step).await?
            && !self.ended(step).await?
        {
            self.medley.publish_finish(&job, &FinishParams::cancelled(), &step.lineage).await?;
        }
        Ok(self.medley.queue.ack(delivery).await?)
    }

    async fn retry(&self, delivery: Delivery, error: &StepError) -> Result<(), Error> {
        let step = &delivery.step;
        let failure = self.failure(step, error);
        let settings = &self.medley.settings.worker;
        tracing::info!(job = %step.job, step = %step.id, attempt = step.attempt, code = %failure.code, message = failure.message, causes = ?failure.causes, "a step failed");
        metrics::counter!("medley_attempts_failed_total", "kind" => step.kind.to_string(), "code" => failure.code.to_string())
            .increment(1);
        if self.job_of(step).await?.is_some() {
            let key = JobKeys::of_step(step).attempt(&step.id, step.attempt);
            records::write(&*self.medley.store, &key, &failure).await?;
        }
        if step.attempt >= settings.max_attempts {
            return self.bury(delivery, &failure).await;
        }
        let retry_after = match error {
            StepError::Transient { retry_after, .. } => *retry_after,
            _ => None,
        };
        let pause = jittered(backoff(settings, step.attempt).max(retry_after.unwrap_or_default()));
        let in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let body = EventBody::Retrying { code: failure.code, message: failure.message, in_ms };
        self.medley.tell(&step.tenant, step.job, Some(&step.id), body).await;
        Ok(self.medley.queue.retry_later(delivery, pause).await?)
    }

    async fn bury(&self, delivery: Delivery, failure: &Failure) -> Result<(), Error> {
        let step = &delivery.step;
        metrics::counter!("medley_dead_letters_total", "kind" => step.kind.to_string()).increment(1);
        tracing::warn!(job = %step.job, step = %step.id, code = %failure.code, "a step became a dead letter");
        Ok(self.medley.queue.dead_letter(delivery, failure).await?)
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

/// The error and what is below it, for the log and for people.
pub(crate) fn with_causes(error: &StepError) -> String {
    std::iter::once(error.to_string()).chain(error.causes()).collect::<Vec<_>>().join(": ")
}

/// The pause before the attempt after this one.
pub(crate) fn backoff(settings: &WorkerSettings, attempt: u32) -> Duration {
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_millis(settings.first_backoff_ms.saturating_mul(doubled).min(settings.most_backoff_ms))
}

/// Between half and one and a half of the pause, so that what failed together does not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // The low bits of a fresh ULID are random.
    let random = (ulid::Ulid::generate().random() & 0xFFFF) as u32;
    pause / 2 + pause * random / 0xFFFF
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
