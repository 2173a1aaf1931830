//! What can be done with jobs that were accepted: watched, fetched, cancelled, listed, deleted.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use medley_proto::{Event, EventBody, Job, JobId, JobState, Manifest, Name, VERSION};
use serde_json::json;

use crate::{
    Error, JobStatus, Medley,
    breakpoint::breakpoint,
    engine::planner::FinishParams,
    layout::documents,
    layout::keys::{JobKeys, tenant},
    queue::EventStream,
    store::Key,
};

/// Events are lossy, so a watcher also looks for itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One page of a tenant's jobs, the newest first.
#[derive(Debug, Default)]
pub struct JobPage {
    pub jobs: Vec<JobStatus>,
    /// Jobs that cannot be read, each with the reason.
    pub damaged: Vec<(JobId, Error)>,
    /// Pass it for the next page; none at the end.
    pub next: Option<String>,
}

impl Medley {
    /// The job's events from now on. The last one is [`EventBody::Finished`], also when the job had ended before.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of the store. Without the queue only the end is told.
    pub async fn watch(&self, of: &Name, job: JobId) -> Result<impl Stream<Item = Event> + Send + use<>, Error> {
        let events = self.queue.events(of, Some(job)).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "events cannot be heard; the job is looked at now and then");
            stream::empty().boxed()
        });
        // After the subscription, so that an end in between is not missed.
        self.status(of, job).await?;
        let look = tokio::time::interval(LOOK_EVERY);
        let watch = Watch { medley: self.clone(), tenant: of.clone(), job, events, look, over: false };
        Ok(stream::unfold(watch, Watch::next).boxed())
    }

    /// Waits until the job has ended.
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub async fn wait(&self, of: &Name, job: JobId) -> Result<Manifest, Error> {
        let mut events = self.watch(of, job).await?;
        while events.next().await.is_some() {}
        self.manifest(of, job).await
    }

    /// Asks for the job to stop, and returns where it stands: `Cancelling`, or how it had ended before.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of queue or store.
    pub async fn cancel(&self, of: &Name, job: JobId) -> Result<JobState, Error> {
        let JobStatus { job: envelope, state, .. } = self.status(of, job).await?;
        if state.is_final() {
            return Ok(state);
        }
        let keys = JobKeys::new(of, job);
        documents::write(&*self.store, &keys.cancel(), &json!({ "v": VERSION, "at_ms": self.clock.now_ms() })).await?;
        breakpoint("after_cancel");
        self.publish_finish(&envelope, &FinishParams::cancelled(), &medley_proto::Lineage::default()).await?;
        if let Err(error) = self.queue.send_cancel(of, job).await {
            tracing::debug!(%error, "workers see the cancellation at their next look");
        }
        Ok(JobState::Cancelling)
    }

    /// The tenant's jobs, the newest first; `after` is an earlier page's `next`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, of: &Name, after: Option<&str>, limit: usize) -> Result<JobPage, Error> {
        let page = self.store.list(&tenant::index(of), after, limit).await?;
        let (mut jobs, mut damaged) = (Vec::with_capacity(page.objects.len()), Vec::new());
        for job in page.objects.iter().filter_map(|object| tenant::job_of(&object.key)) {
            match self.status(of, job).await {
                Ok(status) => jobs.push(status),
                // Not written yet, or deleted meanwhile.
                Err(Error::NoSuchJob(_)) => {}
                Err(error @ Error::Damaged { .. }) => damaged.push((job, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(JobPage { jobs, damaged, next: page.next })
    }

    /// Stops the job if it runs, and removes all of it: also the uploaded inputs and cached results that no other job uses.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of the store; then it may be asked for again.
    pub async fn delete(&self, of: &Name, job: JobId) -> Result<(), Error> {
        let keys = JobKeys::new(of, job);
        let created_ms = match documents::read::<Job>(&*self.store, &keys.job()).await {
            Ok(Some(envelope)) => Some(envelope.created_ms),
            Ok(None) => return Err(Error::NoSuchJob(job)),
            Err(Error::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        if !documents::exists(&*self.store, &keys.manifest()).await? {
            documents::write(&*self.store, &keys.cancel(), &json!({ "v": VERSION, "at_ms": self.clock.now_ms() }))
                .await?;
            if let Err(error) = self.queue.send_cancel(of, job).await {
                tracing::debug!(%error, "workers see the deletion at their next look");
            }
        }
        self.unshare_all(&keys).await?;
        // The envelope and what leads to it go last: until then the deletion can be asked for again, and workers see
        // that the job was cancelled.
        self.remove_below(&keys.root(), &[keys.job(), keys.cancel()]).await?;
        self.remove_below(&keys.dead_letters(), &[]).await?;
        self.store.delete(&keys.open()).await?;
        self.remove_from_index(of, job, created_ms).await?;
        self.store.delete(&keys.job()).await?;
        // What a step wrote meanwhile; one that comes later sees that its job is gone.
        self.unshare_all(&keys).await?;
        self.remove_below(&keys.root(), &[]).await
    }

    /// The entry is found by its time, or where nobody knows that any more by the job.
    async fn remove_from_index(&self, of: &Name, job: JobId, created_ms: Option<u64>) -> Result<(), Error> {
        if let Some(created_ms) = created_ms {
            return Ok(self.store.delete(&JobKeys::new(of, job).index(created_ms)).await?);
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(&tenant::index(of), after.as_deref(), 1_000).await?;
            for object in page.objects.iter().filter(|object| tenant::job_of(&object.key) == Some(job)) {
                self.store.delete(&object.key).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    pub(crate) async fn remove_below(&self, prefix: &Key, but: &[Key]) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(prefix, after.as_deref(), 1_000).await?;
            for object in page.objects.iter().filter(|object| !but.contains(&object.key)) {
                self.store.delete(&object.key).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

struct Watch {
    medley: Medley,
    tenant: Name,
    job: JobId,
    events: EventStream,
    look: tokio::time::Interval,
    over: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(Event, Self)> {
        if self.over {
            return None;
        }
        let mut listening = true;
        loop {
            let event = tokio::select! {
                event = self.events.next(), if listening => event,
                _ = self.look.tick() => match self.medley.status(&self.tenant, self.job).await {
                    Ok(status) if status.state.is_final() => Some(self.finished(status.state)),
                    Ok(_) => continue,
                    Err(Error::NoSuchJob(_)) => Some(self.finished(JobState::Cancelled)),
                    Err(error) => {
                        tracing::debug!(%error, "a watched job cannot be looked at now");
                        continue;
                    }
                },
            };
            match event {
                Some(event) => {
                    self.over = matches!(event.body, EventBody::Finished { .. });
                    return Some((event, self));
                }
                // The connection is gone; looking goes on.
                None => listening = false,
            }
        }
    }

    fn finished(&self, state: JobState) -> Event {
        Event {
            v: VERSION,
            tenant: self.tenant.clone(),
            job: self.job,
            step: None,
            at_ms: self.medley.clock.now_ms(),
            body: EventBody::Finished { state },
        }
    }
}
