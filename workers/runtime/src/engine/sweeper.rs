//! The sweeper: any worker, now and then. Heals jobs whose messages were lost, and removes those that were kept for long
//! enough.

use std::{sync::Arc, time::Duration};

use medley_proto::{Class, Job, Name, Step};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Medley, WorkersError,
    client::submit::OpenMarker,
    engine::executor::Bench,
    engine::outcome::jittered,
    engine::planner::{FINISH, FinishParams},
    engine::progress::Standing,
    layout::documents,
    layout::keys::{JobKeys, tenant},
    queue::QueueName,
    store::Key,
};

const DAY_MS: u64 = 86_400_000;
/// The back-off between sweeps of one job doubles up to this many times.
const MOST_DOUBLINGS: u32 = 6;

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Jobs that were pushed on.
    pub pushed: u64,
    /// Markers of jobs that had ended or never were.
    pub markers: u64,
    /// Jobs that were removed because they had been kept for long enough.
    pub removed: u64,
}

impl Bench {
    pub(crate) async fn sweep_now_and_then(self: Arc<Self>, stop: CancellationToken) -> Result<(), WorkersError> {
        let every = Duration::from_secs(self.medley.settings.worker.sweep_every_s.max(1));
        while stop.run_until_cancelled(tokio::time::sleep(jittered(every))).await.is_some() {
            match self.medley.sweep().await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(?swept, "swept"),
                Err(error) => tracing::warn!(%error, "the sweep broke off; the next one goes on"),
            }
        }
        Ok(())
    }
}

impl Medley {
    /// One round over all tenants' open jobs and expired ones.
    ///
    /// # Errors
    /// Those of queue and store; the next round goes on.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(&tenant::all(), after.as_deref(), 1_000).await?;
            for object in &page.objects {
                let name = object.key.as_str().rsplit('/').next().unwrap_or_default();
                if let Ok(of) = name.parse::<Name>() {
                    self.sweep_open(&of, &mut swept).await?;
                    self.remove_expired(&of, &mut swept).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(swept);
            }
        }
    }

    async fn sweep_open(&self, of: &Name, swept: &mut Swept) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(&tenant::open(of), after.as_deref(), 1_000).await?;
            for object in &page.objects {
                let age_ms = self.clock.now_ms().saturating_sub(object.modified_ms);
                if age_ms >= self.lost_after_ms()
                    && let Some(job) = tenant::job_of(&object.key)
                {
                    match self.sweep_job(&JobKeys::new(of, job), age_ms, swept).await {
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

    fn lost_after_ms(&self) -> u64 {
        self.settings.worker.lost_after_s.saturating_mul(1_000)
    }

    async fn sweep_job(&self, keys: &JobKeys, age_ms: u64, swept: &mut Swept) -> Result<(), Error> {
        let store = &*self.store;
        let marker = match documents::read::<OpenMarker>(store, &keys.open()).await {
            Ok(Some(marker)) => marker,
            Ok(None) => return Ok(()),
            // It stands for the job by its name.
            Err(Error::Damaged { .. }) => OpenMarker::default(),
            Err(error) => return Err(error),
        };
        let Some(job) = documents::read::<Job>(store, &keys.job()).await? else {
            // Its submission broke off; nobody was told that it was accepted.
            self.sweep_if_deleted(keys).await?;
            store.delete(&keys.index(marker.created_ms)).await?;
            store.delete(&keys.open()).await?;
            swept.markers += 1;
            return Ok(());
        };
        if documents::exists(store, &keys.manifest()).await? {
            store.delete(&keys.open()).await?;
            swept.markers += 1;
            return Ok(());
        }
        if age_ms < self.lost_after_ms().saturating_mul(1 << marker.sweeps.min(MOST_DOUBLINGS)) {
            return Ok(());
        }
        if self.push_on_if_lost(&job, keys).await? {
            // Written anew, so that the next look is an hour away.
            let sweeps = marker.sweeps.saturating_add(1);
            documents::write(store, &keys.open(), &OpenMarker { sweeps, ..marker }).await?;
            swept.pushed += 1;
        }
        Ok(())
    }

    async fn push_on_if_lost(&self, job: &Job, keys: &JobKeys) -> Result<bool, Error> {
        if documents::exists(&*self.store, &keys.cancel()).await? {
            self.publish_finish(job, &FinishParams::cancelled(), &medley_proto::Lineage::default()).await?;
            return Ok(true);
        }
        let walked = match self.walk(job).await {
            Ok(walked) => walked,
            // A kind that this worker does not know is another's to sweep.
            Err(Error::Refused(error)) => {
                tracing::debug!(job = %job.id, %error, "a job that this worker cannot sweep");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if self.clock.now_ms().saturating_sub(walked.newest_ms) < self.lost_after_ms() {
            return Ok(false);
        }
        let waiting = match &walked.standing {
            Standing::Open(steps) => self.any_waits(steps).await?,
            Standing::Failed(_) | Standing::Done(..) | Standing::Stuck(..) => self.waits(&FINISH, job.class).await?,
        };
        if waiting {
            return Ok(false);
        }
        tracing::warn!(job = %job.id, standing = ?walked.standing, "a job got stuck; it is pushed on");
        self.push_on(job, walked.standing).await?;
        Ok(true)
    }

    /// A long queue is not a lost one: where steps of the kind still wait, this one may be among them.
    async fn any_waits(&self, steps: &[Step]) -> Result<bool, Error> {
        let mut kinds: Vec<_> = steps.iter().map(|step| (&step.kind, step.class)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for (kind, class) in kinds {
            if self.waits(kind, class).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn waits(&self, kind: &Name, class: Class) -> Result<bool, Error> {
        Ok(self.queue.depth(&QueueName { kind: kind.clone(), class }).await? > 0)
    }

    /// Removes the finished jobs that were made before the tenant's keeping began, and uploaded inputs and cached results
    /// that nobody wrote since then.
    async fn remove_expired(&self, of: &Name, swept: &mut Swept) -> Result<(), Error> {
        let Some(days) = self.settings.tenants.get(of).and_then(|tenant| tenant.keep_days) else { return Ok(()) };
        let before_ms = self.clock.now_ms().saturating_sub(u64::from(days) * DAY_MS);
        let mut after = Some(tenant::index_before(of, before_ms));
        loop {
            let page = self.store.list(&tenant::index(of), after.as_deref(), 1_000).await?;
            for job in page.objects.iter().filter_map(|object| tenant::job_of(&object.key)) {
                match self.status(of, job).await {
                    Ok(status) if status.manifest.as_ref().is_some_and(|end| end.timings.finished_ms <= before_ms) => {
                        self.delete(of, job).await?;
                        swept.removed += 1;
                    }
                    Ok(_) | Err(Error::NoSuchJob(_)) => {}
                    Err(Error::Damaged { .. }) => {
                        self.delete(of, job).await?;
                        swept.removed += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // A job may have been accepted with an input that was a day old.
        let before_ms = before_ms.saturating_sub(DAY_MS);
        self.remove_older(&tenant::cache(of), before_ms).await?;
        self.remove_older(&tenant::inputs(of), before_ms).await
    }

    async fn remove_older(&self, prefix: &Key, before_ms: u64) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(prefix, after.as_deref(), 1_000).await?;
            for object in page.objects.iter().filter(|object| object.modified_ms < before_ms) {
                self.store.delete(&object.key).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
