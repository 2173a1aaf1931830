//! Executes one step: looks up what is known of it, stages its inputs, has it computed, and commits its result.

use std::{
    collections::BTreeSet,
    future,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use bytes::Bytes;
use medley_proto::{EventBody, Job, Name, Step, StepInput, StepResult};
use medley_step::{StepError, graph::Group};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    committer,
    measured::Measured,
    planner::{self, FinishParams},
    remote_folders::RemoteFolders,
    running::{RunningStep, RunningSteps},
    spool::Spool,
    staging::{self, StepFolder},
};
use crate::{
    Backend, Error,
    breakpoint::breakpoint,
    compute::{self, ComputePool, Progress, StopReason},
    layout::{documents, keys::JobKeys, removal},
};

/// Progress of one step is sent this often at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// A step that runs for so long leaves a mark, so that its job does not look as if it waited. Shorter ones leave their
/// results soon enough, and no write is spent on them.
const MARKED_AFTER: Duration = Duration::from_secs(1);
/// How often a step looks for its job's end while it runs; the queue's signal is quicker when it arrives.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a worker executes steps with.
pub(crate) struct Executor {
    pub(crate) backend: Backend,
    pub(crate) pool: ComputePool,
    pub(crate) running: RunningSteps,
    pub(crate) spool: Arc<Spool>,
    pub(crate) measured: Measured,
    /// The kinds of step that are left alone.
    pub(crate) paused: watch::Receiver<BTreeSet<Name>>,
}

/// What the store holds of a step's job when the step is taken.
struct Known {
    job: Job,
    result: Option<StepResult>,
    failed: bool,
    cancelled: bool,
}

impl Executor {
    /// Executes the step as far as it goes; afterwards it may be acknowledged. Executing it twice, even at once, is
    /// harmless.
    pub(crate) async fn execute(&self, step: &Step) -> Result<(), StepError> {
        let backend = &self.backend;
        let Some(known) = self.look(step).await? else {
            tracing::debug!(job = %step.job, step = %step.id, "a step of a job that ended or is gone");
            return Ok(());
        };
        if let Some(result) = known.result {
            // Whoever wrote the result may have died before publishing what follows.
            return Ok(planner::advance(backend, &known.job, &Group::of(step), result).await?);
        }
        if known.failed {
            return Ok(planner::publish_finish(
                backend,
                &known.job,
                &FinishParams::failed(step.id.clone()),
                &step.lineage,
            )
            .await?);
        }
        if known.cancelled {
            return Err(StepError::Cancelled);
        }
        let label = label(&known.job, step);
        if step.deadline_ms.is_some_and(|deadline| deadline <= backend.clock.now_ms()) {
            return Err(compute::deadline_passed(&label));
        }
        let result = match committer::recall(backend, step).await? {
            Some(result) => result,
            None => self.compute(&known.job, step, &label).await?,
        };
        Ok(planner::advance(backend, &known.job, &Group::of(step), result).await?)
    }

    /// None when the job has ended or was deleted.
    async fn look(&self, step: &Step) -> Result<Option<Known>, Error> {
        let (store, keys) = (&*self.backend.store, JobKeys::of_step(step));
        let (at_job, at_manifest, at_result) = (keys.job(), keys.manifest(), keys.result(&step.id));
        let (at_error, at_cancel) = (keys.error(&step.id), keys.cancel());
        let (job, ended, result, failed, cancelled) = tokio::try_join!(
            documents::read::<Job>(store, &at_job),
            documents::exists(store, &at_manifest),
            documents::read::<StepResult>(store, &at_result),
            documents::exists(store, &at_error),
            documents::exists(store, &at_cancel),
        )?;
        Ok(job.filter(|_| !ended).map(|job| Known { job, result, failed, cancelled }))
    }

    async fn compute(&self, job: &Job, step: &Step, label: &str) -> Result<StepResult, StepError> {
        let backend = &self.backend;
        let folder = StepFolder::create(&backend.settings.worker.work_dir).await?;
        let staged = staging::stage(backend, job, step, &folder, &self.spool).await?;
        backend.send_event(&step.tenant, step.job, Some(&step.id), EventBody::Started { attempt: step.attempt }).await;
        let running = self.running.enter(step);
        let waited_ms = backend.clock.now_ms().saturating_sub(step.published_ms);
        let (kind, class) = (step.kind.to_string(), step.class.as_str());
        metrics::histogram!("medley_queue_wait_seconds", "kind" => kind, "class" => class).record(seconds(waited_ms));
        let (sender, mut progress) = watch::channel(None);
        let begun = Notify::new();
        let started = || begun.notify_one();
        let report = move |progress: Progress| {
            drop(sender.send_replace(Some(progress)));
        };
        let scratch = folder.scratch();
        let services = RemoteFolders { backend, job, step, scratch: &scratch, listed: AtomicU64::new(0) };
        let computing = self.pool.run(
            &step.kind,
            compute::Job {
                step: &step.id,
                params: &step.params,
                inputs: staged.inputs.clone(),
                scratch: scratch.clone(),
                label,
                stop: running.stop_reason(),
                started: &started,
                progress: &report,
                services: &services,
            },
        );
        let computed = tokio::select! {
            computed = computing => computed,
            never = self.accompany(step, &running, &mut progress) => never,
            never = self.mark_running(step, &begun) => never,
        }?;
        drop(running);
        breakpoint("after_compute");
        let run_ms = computed.run_ms;
        self.measured.add(&step.kind, run_ms);
        let kind = step.kind.to_string();
        metrics::histogram!("medley_step_run_seconds", "kind" => kind.clone()).record(seconds(run_ms));
        if let Some(Progress { done, unit, .. }) = progress.borrow().clone() {
            // Seconds of speech or film, images, pages, maps: its rate is what the fleet gets done.
            metrics::gauge!("medley_work_done", "kind" => kind, "unit" => unit).increment(done);
        }
        self.still_wanted(step).await?;
        let result = committer::commit(backend, step, computed, &staged.inputs, &scratch).await?;
        backend.send_event(&step.tenant, step.job, Some(&step.id), EventBody::Done { run_ms }).await;
        Ok(result)
    }

    /// Fails with `Cancelled` when the job was cancelled or deleted meanwhile: a result written now would stay forever.
    async fn still_wanted(&self, step: &Step) -> Result<(), StepError> {
        let (store, keys) = (&*self.backend.store, JobKeys::of_step(step));
        let (at_cancel, at_job) = (keys.cancel(), keys.job());
        let (cancelled, there) =
            tokio::try_join!(documents::exists(store, &at_cancel), documents::exists(store, &at_job))
                .map_err(StepError::from)?;
        if cancelled || !there { Err(StepError::Cancelled) } else { Ok(()) }
    }

    /// Notes that the step is being computed, once it has been for a while in a child that did start.
    async fn mark_running<T>(&self, step: &Step, begun: &Notify) -> T {
        begun.notified().await;
        tokio::time::sleep(MARKED_AFTER).await;
        let (store, keys) = (&*self.backend.store, JobKeys::of_step(step));
        let marked = async {
            store.put_if_absent(&keys.running(), Bytes::from_static(b"{}"), &documents::meta()).await?;
            removal::remove_if_deleted(store, &keys).await
        };
        if let Err(error) = marked.await {
            tracing::debug!(%error, "a running job looks as if it waited");
        }
        future::pending().await
    }

    /// Passes progress on and looks for reasons to stop, for as long as the step runs.
    async fn accompany<T>(
        &self,
        step: &Step,
        running: &RunningStep<'_>,
        progress: &mut watch::Receiver<Option<Progress>>,
    ) -> T {
        let backend = &self.backend;
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        let deadline = step.deadline_ms.map(|deadline| deadline.saturating_sub(backend.clock.now_ms()));
        let deadline = tokio::time::sleep(deadline.map_or(Duration::from_secs(86_400), Duration::from_millis));
        tokio::pin!(deadline);
        let mut next_progress = Instant::now();
        loop {
            tokio::select! {
                _ = look.tick() => match documents::is_over(&*backend.store, &JobKeys::of_step(step)).await {
                    Ok(true) => running.stop_for(StopReason::Cancelled),
                    Ok(false) => {}
                    Err(error) => tracing::debug!(%error, "a cancellation cannot be looked for"),
                },
                () = &mut deadline, if step.deadline_ms.is_some() && running.may_go_on() => {
                    running.stop_for(StopReason::DeadlinePassed);
                }
                Ok(()) = async { tokio::time::sleep_until(next_progress).await; progress.changed().await } => {
                    next_progress = Instant::now() + PROGRESS_EVERY;
                    let latest = progress.borrow_and_update().clone();
                    if let Some(Progress { done, total, unit }) = latest {
                        let body = EventBody::Progress { done, total, unit };
                        backend.send_event(&step.tenant, step.job, Some(&step.id), body).await;
                    }
                }
            }
        }
    }
}

/// How messages call a step: by the input that its user knows.
fn label(job: &Job, step: &Step) -> String {
    let of_step = step.inputs.iter().find_map(|input| match input {
        StepInput::Job(index) => job.inputs.get(usize::try_from(*index).ok()?),
        StepInput::Artifact(_) | StepInput::Output(_) | StepInput::Left { .. } | StepInput::All { .. } => None,
    });
    match of_step.or(job.inputs.first()) {
        Some(input) => input.name.clone(),
        None => format!("job {}", job.id),
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
