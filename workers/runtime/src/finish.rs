//! How a job ends: its one `finish` step derives the outcome from what is in the store.

use medley_proto::{
    ErrorCode, EventBody, Failure, Job, JobState, Lineage, Manifest, Outcome, Provenance, Step, StepResult, Timings,
    VERSION,
};
use medley_step::StepError;
use serde_json::Map;

use crate::{
    Error, Medley,
    advance::{FinishParams, lineage_of},
    breakpoint::breakpoint,
    keys::JobKeys,
    records,
    staging::FetchedInput,
};

/// What was found in the store.
enum Ended {
    Cancelled,
    Failed(Failure),
    Succeeded(Vec<StepResult>),
}

impl Medley {
    /// Ends the job when the store says that it is at its end; a hint that no longer holds (a dead letter was replayed
    /// meanwhile) is passed over.
    pub(crate) async fn finish(&self, step: &Step) -> Result<(), Error> {
        let keys = JobKeys::of_step(step);
        let Some(mut job) = records::read::<Job>(&*self.store, &keys.job()).await? else { return Ok(()) };
        let manifest = match records::read::<Manifest>(&*self.store, &keys.manifest()).await? {
            Some(manifest) => manifest,
            None => {
                let Some(ended) = self.how_it_ended(&keys, step).await? else { return Ok(()) };
                self.fill_in_fetched(&keys, &mut job).await?;
                let manifest = self.manifest_of(job, ended, step.lineage.clone());
                breakpoint("before_manifest");
                records::write_once(&*self.store, &keys.manifest(), manifest).await?
            }
        };
        breakpoint("after_manifest");
        self.store.delete(&keys.open()).await?;
        if manifest.outcome != Outcome::Succeeded
            && let Err(error) = self.queue.send_cancel(&manifest.tenant, manifest.job).await
        {
            tracing::debug!(%error, "workers see at their next look that the job has ended");
        }
        let state = JobState::from(manifest.outcome);
        metrics::counter!(
            "medley_jobs_finished_total", "kind" => manifest.kind.to_string(), "outcome" => outcome_name(manifest.outcome)
        )
        .increment(1);
        tell_log(&manifest);
        self.tell(&manifest.tenant, manifest.job, None, EventBody::Finished { state }).await;
        Ok(())
    }

    async fn how_it_ended(&self, keys: &JobKeys, step: &Step) -> Result<Option<Ended>, Error> {
        if records::exists(&*self.store, &keys.cancel()).await? {
            return Ok(Some(Ended::Cancelled));
        }
        let Ok(hint) = serde_json::from_value::<FinishParams>(step.params.clone()) else { return Ok(None) };
        if let Some(failed) = &hint.failed {
            match records::read(&*self.store, &keys.error(failed)).await {
                Ok(Some(failure)) => return Ok(Some(Ended::Failed(failure))),
                Ok(None) => {}
                Err(error @ Error::Damaged { .. }) => return Ok(Some(Ended::Failed(self.unreadable(error)))),
                Err(error) => return Err(error),
            }
        }
        let Some(group) = &hint.last else { return Ok(None) };
        match self.group_done(keys, group, None).await {
            Ok(done) => Ok(done.map(|done| Ended::Succeeded(done.results))),
            // No later try could read it.
            Err(error @ Error::Damaged { .. }) => Ok(Some(Ended::Failed(self.unreadable(error)))),
            Err(error) => Err(error),
        }
    }

    fn unreadable(&self, error: Error) -> Failure {
        let error = StepError::internal(format!("a result of the job is damaged: {error}")).because(error);
        let (code, message, causes) = (error.code(), error.to_string(), error.causes());
        Failure { v: VERSION, code, message, causes, attempt: 1, at_ms: self.clock.now_ms() }
    }

    /// Adds to the inputs what was not known of them when the job was accepted.
    async fn fill_in_fetched(&self, keys: &JobKeys, job: &mut Job) -> Result<(), Error> {
        for (number, input) in (0_u32..).zip(&mut job.inputs) {
            if input.sha256.is_some() {
                continue;
            }
            match records::read::<FetchedInput>(&*self.store, &keys.fetched(number)).await {
                Ok(Some(fetched)) => (input.sha256, input.bytes) = (Some(fetched.sha256), Some(fetched.bytes)),
                Ok(None) => {}
                Err(error @ Error::Damaged { .. }) => tracing::warn!(%error, "an input's hash is left out"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn manifest_of(&self, job: Job, ended: Ended, so_far: Lineage) -> Manifest {
        let finished_ms = self.clock.now_ms();
        let (outcome, results, error) = match ended {
            Ended::Succeeded(results) => (Outcome::Succeeded, results, None),
            Ended::Failed(failure) => (Outcome::Failed, Vec::new(), Some(failure)),
            Ended::Cancelled => (Outcome::Cancelled, Vec::new(), Some(cancelled(finished_ms))),
        };
        let lineage = if results.is_empty() { so_far } else { lineage_of(&results) };
        let mut quality = Map::new();
        let mut artifacts = Vec::new();
        for result in results {
            quality.extend(result.quality);
            artifacts.extend(result.artifacts);
        }
        Manifest {
            v: VERSION,
            job: job.id,
            tenant: job.tenant,
            kind: job.kind,
            outcome,
            artifacts,
            quality,
            provenance: Provenance {
                medley: env!("CARGO_PKG_VERSION").into(),
                inputs: job.inputs,
                params: job.params,
                models: lineage.models,
            },
            timings: Timings {
                created_ms: job.created_ms,
                finished_ms,
                compute_ms: lineage.compute_ms,
                steps: lineage.steps,
            },
            error,
            labels: job.labels,
        }
    }
}

fn cancelled(at_ms: u64) -> Failure {
    Failure {
        v: VERSION,
        code: ErrorCode::CANCELLED,
        message: "the job was cancelled".into(),
        causes: Vec::new(),
        attempt: 1,
        at_ms,
    }
}

/// The one line that a worker's log has of each job that ended.
fn tell_log(manifest: &Manifest) {
    let Timings { created_ms, finished_ms, compute_ms, steps } = manifest.timings;
    tracing::info!(
        tenant = %manifest.tenant, job = %manifest.job, kind = %manifest.kind, outcome = outcome_name(manifest.outcome),
        code = manifest.error.as_ref().map(|error| error.code.as_str()),
        took_ms = finished_ms.saturating_sub(created_ms), compute_ms, steps, "a job ended"
    );
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
    }
}
