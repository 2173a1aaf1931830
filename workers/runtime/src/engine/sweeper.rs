//! The sweeper: any worker, now and then. Heals jobs whose messages were lost, and removes those that were kept for long
//! enough.

use medley_proto::{Class, Job, JobId, Manifest, Name, Step};

use super::{
    deletion,
    planner::{self, FINISH, FinishParams},
    progress::{self, Standing},
};
use crate::{
    Backend, Error,
    layout::{
        documents::{self, OpenMarker},
        ends,
        keys::{JobKeys, tenant},
        removal, uploads,
    },
    queue::QueueName,
    store::Store,
};

const DAY_MS: u64 = 86_400_000;
/// Ends of jobs that somebody wanted to hear of wait for so long.
const KEEP_ENDS_DAYS: u64 = 30;
/// The back-off between sweeps of one job doubles up to this many times.
const MAX_DOUBLINGS: u32 = 6;

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Jobs that were pushed on.
    pub pushed: u64,
    /// Markers of jobs that had ended or never were.
    pub markers: u64,
    /// Jobs that were removed because they had been kept for long enough.
    pub removed: u64,
    /// Uploads that were removed because their time was over.
    pub uploads: u64,
}

/// The jobs that have not ended, of all tenants.
#[derive(Debug, Clone, Copy, Default)]
struct OpenJobs {
    count: u64,
    oldest_age_ms: u64,
}

impl OpenJobs {
    fn add(&mut self, age_ms: u64) {
        self.count += 1;
        self.oldest_age_ms = self.oldest_age_ms.max(age_ms);
    }

    /// A broker does not tell how long its first message has waited; the store knows how long a job has.
    fn measure(self) {
        metrics::gauge!("medley_open_jobs").set(self.count as f64);
        metrics::gauge!("medley_open_job_oldest_seconds").set(self.oldest_age_ms as f64 / 1_000.0);
    }
}

/// One round over all tenants' open jobs and expired ones.
///
/// # Errors
/// Those of queue and store; the next round goes on.
pub(crate) async fn sweep(backend: &Backend) -> Result<Swept, Error> {
    let (mut swept, mut open) = (Swept::default(), OpenJobs::default());
    let mut after: Option<String> = None;
    loop {
        let page = backend.store.list(&tenant::all(), after.as_deref(), 1_000).await?;
        for object in &page.objects {
            let name = object.key.as_str().rsplit('/').next().unwrap_or_default();
            if let Ok(of) = name.parse::<Name>() {
                sweep_open(backend, &of, &mut swept, &mut open).await?;
                remove_expired(backend, &of, &mut swept).await?;
                // Nobody took them: no gateway has run for so long.
                let before_ms = backend.clock.now_ms().saturating_sub(KEEP_ENDS_DAYS * DAY_MS);
                removal::remove_older(&*backend.store, &tenant::ends(&of), before_ms).await?;
                swept.uploads += uploads::sweep(&*backend.store, &of, backend.clock.now_ms()).await?;
            }
        }
        after = page.next;
        if after.is_none() {
            open.measure();
            return Ok(swept);
        }
    }
}

async fn sweep_open(backend: &Backend, of: &Name, swept: &mut Swept, open: &mut OpenJobs) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        let page = backend.store.list(&tenant::open(of), after.as_deref(), 1_000).await?;
        for object in &page.objects {
            let age_ms = backend.clock.now_ms().saturating_sub(object.modified_ms);
            open.add(age_ms);
            if age_ms >= lost_after_ms(backend)
                && let Some(job) = tenant::job_of(&object.key)
            {
                match sweep_job(backend, &JobKeys::new(of, job), age_ms, swept).await {
                    // One job that cannot be read does not keep the others waiting.
                    Err(error @ Error::Damaged { .. }) => tracing::error!(%job, %error, "a job is passed over"),
                    other => other?,
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn lost_after_ms(backend: &Backend) -> u64 {
    backend.settings.worker.lost_after_s.saturating_mul(1_000)
}

async fn sweep_job(backend: &Backend, keys: &JobKeys, age_ms: u64, swept: &mut Swept) -> Result<(), Error> {
    let store = &*backend.store;
    let marker = match documents::read::<OpenMarker>(store, &keys.open()).await {
        Ok(Some(marker)) => marker,
        Ok(None) => return Ok(()),
        // It stands for the job by its name.
        Err(Error::Damaged { .. }) => OpenMarker::default(),
        Err(error) => return Err(error),
    };
    let Some(job) = documents::read::<Job>(store, &keys.job()).await? else {
        // Its submission broke off before the client heard that the job was accepted.
        removal::remove_if_deleted(&*backend.store, keys).await?;
        store.delete(&keys.index(marker.created_ms)).await?;
        store.delete(&keys.open()).await?;
        swept.markers += 1;
        return Ok(());
    };
    if documents::exists(store, &keys.manifest()).await? {
        match documents::read::<Manifest>(store, &keys.manifest()).await {
            Ok(Some(manifest)) => ends::note(store, &manifest).await?,
            Ok(None) | Err(Error::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        store.delete(&keys.open()).await?;
        swept.markers += 1;
        return Ok(());
    }
    if age_ms < lost_after_ms(backend).saturating_mul(1 << marker.sweeps.min(MAX_DOUBLINGS)) {
        return Ok(());
    }
    if resume_if_lost(backend, &job, keys).await? {
        // Written anew, so that the next look is an hour away.
        let sweeps = marker.sweeps.saturating_add(1);
        documents::write(store, &keys.open(), &OpenMarker { sweeps, ..marker }).await?;
        swept.pushed += 1;
    }
    Ok(())
}

async fn resume_if_lost(backend: &Backend, job: &Job, keys: &JobKeys) -> Result<bool, Error> {
    if documents::exists(&*backend.store, &keys.cancel()).await? {
        planner::publish_finish(backend, job, &FinishParams::cancelled(), &medley_proto::Lineage::default()).await?;
        return Ok(true);
    }
    let found = match progress::find(backend, job).await {
        Ok(found) => found,
        // A kind that this worker does not know is another's to sweep.
        Err(Error::Refused(error)) => {
            tracing::debug!(job = %job.id, %error, "a job that this worker cannot sweep");
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    if backend.clock.now_ms().saturating_sub(found.newest_ms) < lost_after_ms(backend) {
        return Ok(false);
    }
    let waiting = match &found.standing {
        Standing::Open(steps) => any_waits(backend, steps).await?,
        Standing::Failed(_) | Standing::Done(..) | Standing::Stuck(..) => waits(backend, &FINISH, job.class).await?,
    };
    if waiting {
        return Ok(false);
    }
    tracing::warn!(job = %job.id, standing = ?found.standing, "a job got stuck; it is pushed on");
    progress::resume(backend, job, found.standing).await?;
    Ok(true)
}

/// A long queue is not a lost one: where steps of the kind still wait, this one may be among them.
async fn any_waits(backend: &Backend, steps: &[Step]) -> Result<bool, Error> {
    let mut kinds: Vec<_> = steps.iter().map(|step| (&step.kind, step.class)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (kind, class) in kinds {
        if waits(backend, kind, class).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn waits(backend: &Backend, kind: &Name, class: Class) -> Result<bool, Error> {
    Ok(backend.queue.depth(&QueueName { kind: kind.clone(), class }).await? > 0)
}

/// Removes the finished jobs that were made before the tenant's keeping began, and uploaded inputs and cached results
/// that were last written before then.
async fn remove_expired(backend: &Backend, of: &Name, swept: &mut Swept) -> Result<(), Error> {
    let Some(days) = backend.settings.tenants.get(of).and_then(|tenant| tenant.keep_days) else { return Ok(()) };
    let before_ms = backend.clock.now_ms().saturating_sub(u64::from(days) * DAY_MS);
    let mut after = Some(tenant::index_before(of, before_ms));
    loop {
        let page = backend.store.list(&tenant::index(of), after.as_deref(), 1_000).await?;
        for job in page.objects.iter().filter_map(|object| tenant::job_of(&object.key)) {
            let expired = match ended_ms(&*backend.store, of, job).await {
                Ok(ended_ms) => ended_ms.is_some_and(|ended_ms| ended_ms <= before_ms),
                Err(Error::NoSuchJob(_)) => false,
                Err(Error::Damaged { .. }) => true,
                Err(error) => return Err(error),
            };
            if expired {
                deletion::delete(backend, of, job).await?;
                swept.removed += 1;
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // A job may have been accepted with an input that was a day old.
    let before_ms = before_ms.saturating_sub(DAY_MS);
    removal::remove_older(&*backend.store, &tenant::cache(of), before_ms).await?;
    removal::remove_older(&*backend.store, &tenant::inputs(of), before_ms).await
}

/// When a job ended; none while it has not.
async fn ended_ms(store: &dyn Store, of: &Name, job: JobId) -> Result<Option<u64>, Error> {
    let keys = JobKeys::new(of, job);
    if documents::read::<Job>(store, &keys.job()).await?.is_none() {
        return Err(Error::NoSuchJob(job));
    }
    let manifest = documents::read::<Manifest>(store, &keys.manifest()).await?;
    Ok(manifest.map(|manifest| manifest.timings.finished_ms))
}
