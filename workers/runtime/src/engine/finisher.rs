//! How a job ends: its one `finish` step derives the outcome from what is in the store.

use medley_proto::{
    ErrorCode, EventBody, Failure, Job, JobState, Lineage, Manifest, Outcome, Provenance, Step, StepResult, Timings,
    VERSION,
};
use serde_json::Map;

use super::{groups, planner::FinishParams};
use crate::{
    Backend, Error,
    breakpoint::breakpoint,
    layout::{
        addresses,
        documents::{self, FetchedInput},
        ends,
        keys::JobKeys,
    },
    store::Key,
};

/// What was found in the store.
enum Ended {
    Cancelled,
    Failed(Failure),
    Succeeded(Vec<StepResult>),
}

/// Ends the job when the store says that it is at its end; a hint that no longer holds (a dead letter was replayed
/// meanwhile) is passed over.
pub(crate) async fn finish(backend: &Backend, step: &Step) -> Result<(), Error> {
    let keys = JobKeys::of_step(step);
    let mut job = match documents::read::<Job>(&*backend.store, &keys.job()).await {
        Ok(Some(job)) => job,
        Ok(None) => return Ok(()),
        Err(error @ Error::Damaged { .. }) => {
            // Nothing can be written in its name; `medley list` shows it, and it can be deleted.
            tracing::error!(job = %step.job, %error, "a job cannot be ended");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let manifest = match documents::read::<Manifest>(&*backend.store, &keys.manifest()).await {
        Ok(Some(manifest)) => manifest,
        stands @ (Ok(None) | Err(Error::Damaged { .. })) => {
            let Some(ended) = how_it_ended(backend, &keys, step).await? else { return Ok(()) };
            fill_in_fetched(backend, &keys, &mut job).await?;
            let manifest = manifest_of(backend, &job, ended, step.lineage.clone());
            breakpoint("before_manifest");
            write_manifest(backend, &keys, manifest, stands.is_ok()).await?
        }
        Err(error) => return Err(error),
    };
    breakpoint("after_manifest");
    // While the job is open its end is looked after: whoever wants to hear of it does, wherever this process dies.
    ends::note(&*backend.store, &manifest).await?;
    breakpoint("after_end_noted");
    backend.store.delete(&keys.open()).await?;
    // Dead letters may be replayed, and then the job's inputs are fetched again.
    if backend.store.list(&keys.dead_letters(), None, 1).await?.objects.is_empty() {
        addresses::forget(&*backend.store, &keys, &job).await?;
    }
    if manifest.outcome != Outcome::Succeeded
        && let Err(error) = backend.queue.send_cancel(&manifest.tenant, manifest.job).await
    {
        tracing::debug!(%error, "workers see at their next look that the job has ended");
    }
    announce_end(backend, &manifest).await;
    Ok(())
}

/// A damaged manifest is written over: what it said follows from the store.
async fn write_manifest(backend: &Backend, keys: &JobKeys, manifest: Manifest, once: bool) -> Result<Manifest, Error> {
    if once {
        return documents::write_once(&*backend.store, &keys.manifest(), manifest).await;
    }
    documents::write(&*backend.store, &keys.manifest(), &manifest).await?;
    Ok(manifest)
}

async fn announce_end(backend: &Backend, manifest: &Manifest) {
    let state = JobState::from(manifest.outcome);
    let outcome = outcome_name(manifest.outcome);
    metrics::counter!(
        "medley_jobs_finished_total", "kind" => manifest.kind.to_string(), "outcome" => outcome
    )
    .increment(1);
    // The one line that a worker's log has of a job that ended.
    let Timings { created_ms, finished_ms, compute_ms, steps } = manifest.timings;
    tracing::info!(
        job = %manifest.job, tenant = %manifest.tenant, kind = %manifest.kind, outcome,
        code = manifest.error.as_ref().map(|error| error.code.as_str()),
        took_ms = finished_ms.saturating_sub(created_ms), compute_ms, steps, "a job ended"
    );
    backend.send_event(&manifest.tenant, manifest.job, None, EventBody::Finished { state }).await;
}

async fn how_it_ended(backend: &Backend, keys: &JobKeys, step: &Step) -> Result<Option<Ended>, Error> {
    if documents::exists(&*backend.store, &keys.cancel()).await? {
        return Ok(Some(Ended::Cancelled));
    }
    let Ok(hint) = serde_json::from_value::<FinishParams>(step.params.clone()) else { return Ok(None) };
    if let Some(failed) = &hint.failed
        && let Some(failure) = failure_of(backend, &keys.error(failed)).await?
    {
        return Ok(Some(Ended::Failed(failure)));
    }
    let Some(group) = &hint.last else { return Ok(None) };
    match groups::results_of(&*backend.store, keys, group, None).await {
        Ok(results) => Ok(results.map(Ended::Succeeded)),
        // No later try could read it.
        Err(error @ Error::Damaged { .. }) => Ok(Some(Ended::Failed(unreadable(backend, error)))),
        Err(error) => Err(error),
    }
}

fn unreadable(backend: &Backend, error: Error) -> Failure {
    let (code, message) = (error.code(), error.to_string());
    let causes = std::error::Error::source(&error).map(ToString::to_string).into_iter().collect();
    Failure { v: VERSION, code, message, causes, attempt: 1, at_ms: backend.clock.now_ms() }
}

/// A record that cannot be read any more is a failure, too.
async fn failure_of(backend: &Backend, key: &Key) -> Result<Option<Failure>, Error> {
    match documents::read(&*backend.store, key).await {
        Err(error @ Error::Damaged { .. }) => Ok(Some(unreadable(backend, error))),
        other => other,
    }
}

/// Adds to the inputs what was not known of them when the job was accepted.
async fn fill_in_fetched(backend: &Backend, keys: &JobKeys, job: &mut Job) -> Result<(), Error> {
    for (number, input) in (0_u32..).zip(&mut job.inputs) {
        if input.sha256.is_some() {
            continue;
        }
        match documents::read::<FetchedInput>(&*backend.store, &keys.fetched(number)).await {
            Ok(Some(fetched)) => (input.sha256, input.bytes) = (Some(fetched.sha256), Some(fetched.bytes)),
            Ok(None) => {}
            Err(error @ Error::Damaged { .. }) => tracing::warn!(%error, "an input's hash is left out"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn manifest_of(backend: &Backend, job: &Job, ended: Ended, so_far: Lineage) -> Manifest {
    let finished_ms = backend.clock.now_ms();
    let (outcome, results, error) = match ended {
        Ended::Succeeded(results) => (Outcome::Succeeded, results, None),
        Ended::Failed(failure) => (Outcome::Failed, Vec::new(), Some(failure)),
        Ended::Cancelled => (Outcome::Cancelled, Vec::new(), Some(cancelled(finished_ms))),
    };
    let lineage = if results.is_empty() { so_far } else { groups::lineage_of(&results) };
    let mut quality = Map::new();
    let mut artifacts = Vec::new();
    for result in results {
        quality.extend(result.quality);
        artifacts.extend(result.artifacts);
    }
    Manifest {
        v: VERSION,
        job: job.id,
        tenant: job.tenant.clone(),
        kind: job.kind.clone(),
        outcome,
        artifacts,
        quality,
        provenance: Provenance {
            medley: env!("CARGO_PKG_VERSION").into(),
            inputs: job.inputs.clone(),
            params: job.params.clone(),
            models: lineage.models,
        },
        timings: Timings {
            created_ms: job.created_ms,
            finished_ms,
            compute_ms: lineage.compute_ms,
            steps: lineage.steps,
        },
        error,
        labels: job.labels.clone(),
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

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
    }
}
