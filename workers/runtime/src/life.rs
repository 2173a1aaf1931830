//! The life of one step: from the delivery to the acknowledgement.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use medley_proto::{EventBody, Job, JobId, Name, Step, StepInput, StepResult};
use medley_step::StepError;
use tokio::{sync::watch, time::Instant};

use crate::{
    Error, Medley,
    advance::{FinishParams, Group},
    breakpoint::breakpoint,
    compute::{self, ComputePool, Progress, StopReason},
    elsewhere::FolderDesk,
    keys::JobKeys,
    records,
    running::{Running, Seat},
    spool::Spool,
    staging::StepFolder,
};

/// Progress of one step is told this often at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// How often the job's end is looked for while a step runs; the fanout is quicker when it arrives.
const CANCEL_EVERY: Duration = Duration::from_secs(5);

/// What a worker runs steps with.
pub(crate) struct Bench {
    pub(crate) medley: Medley,
    pub(crate) pool: ComputePool,
    pub(crate) running: Running,
    pub(crate) spool: Arc<Spool>,
}

/// What the store holds of a step's job when the step is taken.
struct Known {
    job: Job,
    result: Option<StepResult>,
    failed: bool,
    cancelled: bool,
}

impl Bench {
    /// Brings the step as far as it goes; afterwards it may be acknowledged. Running it twice, even at once, is
    /// harmless.
    pub(crate) async fn live(&self, step: &Step) -> Result<(), StepError> {
        let medley = &self.medley;
        let Some(known) = self.look(step).await? else {
            tracing::debug!(job = %step.job, step = %step.id, "a step of a job that ended or is gone");
            return Ok(());
        };
        if let Some(result) = known.result {
            // Whoever wrote it may have died before it made this check.
            return Ok(medley.advance(&known.job, &Group::of(step), result).await?);
        }
        if known.failed {
            return Ok(medley
                .publish_finish(&known.job, &FinishParams::failed(step.id.clone()), &step.lineage)
                .await?);
        }
        if known.cancelled {
            return Err(StepError::Cancelled);
        }
        let label = label(&known.job, step);
        if step.deadline_ms.is_some_and(|deadline| deadline <= medley.clock.now_ms()) {
            return Err(compute::deadline_passed(&label));
        }
        let result = match medley.recall(step).await? {
            Some(result) => result,
            None => self.compute(&known.job, step, &label).await?,
        };
        Ok(medley.advance(&known.job, &Group::of(step), result).await?)
    }

    /// None when the job has ended or was deleted.
    async fn look(&self, step: &Step) -> Result<Option<Known>, Error> {
        let (store, keys) = (&*self.medley.store, JobKeys::of_step(step));
        let (at_job, at_manifest, at_result) = (keys.job(), keys.manifest(), keys.result(&step.id));
        let (at_error, at_cancel) = (keys.error(&step.id), keys.cancel());
        let (job, ended, result, failed, cancelled) = tokio::try_join!(
            records::read::<Job>(store, &at_job),
            records::exists(store, &at_manifest),
            records::read::<StepResult>(store, &at_result),
            records::exists(store, &at_error),
            records::exists(store, &at_cancel),
        )?;
        Ok(job.filter(|_| !ended).map(|job| Known { job, result, failed, cancelled }))
    }

    async fn compute(&self, job: &Job, step: &Step, label: &str) -> Result<StepResult, StepError> {
        let medley = &self.medley;
        let folder = StepFolder::create(&medley.settings.worker.work_dir).await?;
        let staged = medley.stage(job, step, &folder, &self.spool).await?;
        medley.tell(&step.tenant, step.job, Some(&step.id), EventBody::Started { attempt: step.attempt }).await;
        let seat = self.running.sit(step);
        let waited_ms = medley.clock.now_ms().saturating_sub(step.published_ms);
        let (kind, class) = (step.kind.to_string(), step.class.as_str());
        metrics::histogram!("medley_queue_wait_seconds", "kind" => kind, "class" => class).record(seconds(waited_ms));
        let (told, mut progress) = watch::channel(None);
        let tell = move |progress: Progress| {
            told.send_replace(Some(progress));
        };
        let scratch = folder.scratch();
        let desk = FolderDesk { medley, job, step, scratch: &scratch, listed: AtomicU64::new(0) };
        let computing = self.pool.run(
            &step.kind,
            compute::Job {
                step: &step.id,
                params: &step.params,
                inputs: staged.inputs.clone(),
                scratch: scratch.clone(),
                label,
                stop: seat.stop(),
                progress: &tell,
                desk: &desk,
            },
        );
        let computed = tokio::select! {
            computed = computing => computed,
            never = self.accompany(step, &seat, &mut progress) => never,
        }?;
        drop(seat);
        breakpoint("after_compute");
        let run_ms = computed.run_ms;
        let kind = step.kind.to_string();
        metrics::histogram!("medley_step_run_seconds", "kind" => kind.clone()).record(seconds(run_ms));
        if let Some(Progress { done, unit, .. }) = progress.borrow().clone() {
            // Seconds of speech or film, images, pages, maps: its rate is what the fleet gets done.
            metrics::gauge!("medley_work_done", "kind" => kind, "unit" => unit).increment(done);
        }
        self.still_wanted(step).await?;
        let result = medley.commit(step, computed, &staged.inputs, &scratch).await?;
        medley.tell(&step.tenant, step.job, Some(&step.id), EventBody::Done { run_ms }).await;
        Ok(result)
    }

    /// A result of a job that was deleted meanwhile would stay for ever.
    async fn still_wanted(&self, step: &Step) -> Result<(), StepError> {
        let (store, keys) = (&*self.medley.store, JobKeys::of_step(step));
        let (at_cancel, at_job) = (keys.cancel(), keys.job());
        let (cancelled, there) = tokio::try_join!(records::exists(store, &at_cancel), records::exists(store, &at_job))
            .map_err(StepError::from)?;
        if cancelled || !there { Err(StepError::Cancelled) } else { Ok(()) }
    }

    /// Passes progress on and looks for reasons to stop, for as long as the step runs.
    async fn accompany<T>(&self, step: &Step, seat: &Seat<'_>, progress: &mut watch::Receiver<Option<Progress>>) -> T {
        let medley = &self.medley;
        let mut look = tokio::time::interval_at(Instant::now() + CANCEL_EVERY, CANCEL_EVERY);
        let deadline = step.deadline_ms.map(|deadline| deadline.saturating_sub(medley.clock.now_ms()));
        let deadline = tokio::time::sleep(deadline.map_or(Duration::from_secs(86_400), Duration::from_millis));
        tokio::pin!(deadline);
        let mut next_progress = Instant::now();
        loop {
            tokio::select! {
                _ = look.tick() => match medley.is_over(&step.tenant, step.job).await {
                    Ok(true) => seat.tell(StopReason::Cancelled),
                    Ok(false) => {}
                    Err(error) => tracing::debug!(%error, "a cancellation cannot be looked for"),
                },
                () = &mut deadline, if step.deadline_ms.is_some() && seat.goes_on() => {
                    seat.tell(StopReason::DeadlinePassed);
                }
                Ok(()) = async { tokio::time::sleep_until(next_progress).await; progress.changed().await } => {
                    next_progress = Instant::now() + PROGRESS_EVERY;
                    let told = progress.borrow_and_update().clone();
                    if let Some(Progress { done, total, unit }) = told {
                        let body = EventBody::Progress { done, total, unit };
                        medley.tell(&step.tenant, step.job, Some(&step.id), body).await;
                    }
                }
            }
        }
    }

    /// Reads a job whose step is to be settled; none when it is gone.
    pub(crate) async fn job_of(&self, step: &Step) -> Result<Option<Job>, Error> {
        records::read(&*self.medley.store, &JobKeys::of_step(step).job()).await
    }

    /// Whether the step's job ended meanwhile.
    pub(crate) async fn ended(&self, step: &Step) -> Result<bool, Error> {
        records::exists(&*self.medley.store, &JobKeys::of_step(step).manifest()).await
    }
}

impl Medley {
    /// Whether nobody waits for the job's steps any more: it was cancelled, or it has ended.
    pub(crate) async fn is_over(&self, tenant: &Name, job: JobId) -> Result<bool, Error> {
        let keys = JobKeys::new(tenant, job);
        Ok(records::exists(&*self.store, &keys.cancel()).await?
            || records::exists(&*self.store, &keys.manifest()).await?)
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
