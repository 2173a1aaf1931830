//! What can be done with jobs that were accepted: watched, fetched, cancelled, listed, deleted.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use medley_proto::{Artifact, ErrorCode, Event, EventBody, Job, JobId, JobState, Manifest, Name, VERSION};
use medley_step::{EventStream, Key, StepError};
use serde_json::json;

use crate::{
    Error, JobStatus, Medley,
    advance::FinishParams,
    breakpoint::breakpoint,
    inputs,
    keys::{JobKeys, tenant},
    records,
};

/// Events are lossy, so a watcher also looks for itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One page of a tenant's jobs, the newest first.
#[derive(Debug, Clone, Default)]
pub struct JobPage {
    pub jobs: Vec<JobStatus>,
    /// Pass it for the next page; none at the end.
    pub next: Option<String>,
}

impl Medley {
    /// The job's events from now on. The last one is [`EventBody::Finished`], also when the job had ended before.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of queue or store.
    pub async fn watch(&self, of: &Name, job: JobId) -> Result<impl Stream<Item = Event> + Send + use<>, Error> {
        let events = self.queue.events(of, Some(job)).await?;
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
        records::write(&*self.store, &keys.cancel(), &json!({ "v": VERSION, "at_ms": self.clock.now_ms() })).await?;
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
        let mut jobs = Vec::with_capacity(page.objects.len());
        for job in page.objects.iter().filter_map(|object| tenant::job_of(&object.key)) {
            match self.status(of, job).await {
                Ok(status) => jobs.push(status),
                // Not written yet, or deleted meanwhile.
                Err(Error::NoSuchJob(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(JobPage { jobs, next: page.next })
    }

    /// Stops the job if it runs, and removes all of it.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of the store; then it may be asked for again.
    pub async fn delete(&self, of: &Name, job: JobId) -> Result<(), Error> {
        let keys = JobKeys::new(of, job);
        let envelope = records::read::<Job>(&*self.store, &keys.job()).await?.ok_or(Error::NoSuchJob(job))?;
        if !records::exists(&*self.store, &keys.manifest()).await? {
            records::write(&*self.store, &keys.cancel(), &json!({ "v": VERSION, "at_ms": self.clock.now_ms() }))
                .await?;
            if let Err(error) = self.queue.send_cancel(of, job).await {
                tracing::debug!(%error, "workers see the deletion at their next look");
            }
        }
        // The envelope and what leads to it go last: until then the deletion can be asked for again, and workers see
        // that the job was cancelled.
        self.remove_below(&keys.root(), &[keys.job(), keys.cancel()]).await?;
        self.remove_below(&keys.dead_letters(), &[]).await?;
        self.store.delete(&keys.open()).await?;
        self.store.delete(&keys.index(envelope.created_ms)).await?;
        self.store.delete(&keys.job()).await?;
        Ok(self.remove_below(&keys.root(), &[]).await?)
    }

    async fn remove_below(&self, prefix: &Key, but: &[Key]) -> Result<(), medley_step::StoreError> {
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

    /// Puts the artifacts of a finished job and its `manifest.json` into a folder; what is there already and the same
    /// stays. Returns the artifacts' paths in the manifest's order.
    ///
    /// # Errors
    /// [`Error::NotFinished`], [`Error::NoSuchJob`], one of the store, or when a file cannot be written.
    pub async fn fetch(&self, of: &Name, job: JobId, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let manifest = self.manifest(of, job).await?;
        let keys = JobKeys::new(of, job);
        let failed = |what: &str| {
            let what = format!("{} {what}", into.display());
            |error| Error::local(what, error)
        };
        tokio::fs::create_dir_all(into).await.map_err(failed("cannot be made"))?;
        let mut paths = Vec::with_capacity(manifest.artifacts.len());
        for artifact in &manifest.artifacts {
            paths.push(self.fetch_artifact(&keys, artifact, into).await?);
        }
        let text = serde_json::to_vec_pretty(&manifest).map_err(StepError::from)?;
        tokio::fs::write(into.join("manifest.json"), text).await.map_err(failed("cannot be written to"))?;
        Ok(paths)
    }

    async fn fetch_artifact(&self, keys: &JobKeys, artifact: &Artifact, into: &Path) -> Result<PathBuf, Error> {
        // A valid key has valid segments: the name cannot leave the folder.
        let key = keys.artifact(artifact)?;
        let path = into.join(&artifact.name);
        if same(path.clone(), artifact.clone()).await {
            return Ok(path);
        }
        let part = into.join(format!(".{}.part", artifact.sha256));
        self.store.fetch(&key, &part).await?;
        if !same(part.clone(), artifact.clone()).await {
            let message = format!("{} arrived damaged; fetch it again", artifact.name);
            return Err(StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, message).into());
        }
        let what = format!("{} cannot be written", path.display());
        tokio::fs::rename(&part, &path).await.map_err(|error| Error::local(what, error))?;
        Ok(path)
    }
}

/// Whether the file is the artifact.
async fn same(path: PathBuf, artifact: Artifact) -> bool {
    let same = move || -> std::io::Result<bool> {
        let mut file = std::fs::File::open(path)?;
        Ok(file.metadata()?.len() == artifact.bytes && inputs::hash(&mut file)? == artifact.sha256)
    };
    matches!(tokio::task::spawn_blocking(same).await, Ok(Ok(true)))
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
