//! Follows a job to its end.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use medley_proto::{Event, EventBody, JobId, JobState, Manifest, Name, VERSION};

use super::Client;
use crate::{
    Error,
    layout::{
        documents::{self, PlannedWork},
        keys::JobKeys,
    },
    queue::EventStream,
};

/// Events are lossy, so a watcher also looks for itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Client {
    /// The job's events from now on. The last one is [`EventBody::Finished`], also when the job had ended before.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or one of the store. Without the queue only the end is reported.
    pub fn watch<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<EventStream, Error>> {
        self.watch_every(of, job, LOOK_EVERY)
    }

    /// As [`watch`](Self::watch), for whoever watches many jobs: looks at the store that often, since events are lossy.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    pub fn watch_every<'a>(
        &'a self,
        of: &'a Name,
        job: JobId,
        look_every: Duration,
    ) -> BoxFuture<'a, Result<EventStream, Error>> {
        async move {
            let (events, over) = self.follow(of, job, look_every).await?;
            let before = if over { None } else { self.work_so_far(of, job).await? };
            Ok(stream::iter(before).chain(events).boxed())
        }
        .boxed()
    }

    /// The events from now on, and whether the job has ended.
    async fn follow(&self, of: &Name, job: JobId, look_every: Duration) -> Result<(EventStream, bool), Error> {
        let events = self.backend.queue.events(of, Some(job)).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "events cannot be heard; the job is looked at now and then");
            stream::empty().boxed()
        });
        // After the subscription, so that an end in between is not missed.
        let over = self.status(of, job).await?.state.is_final();
        let look = tokio::time::interval(look_every);
        let watch = Watch { client: self.clone(), tenant: of.clone(), job, events, look, over: false };
        Ok((stream::unfold(watch, Watch::next).boxed(), over))
    }

    /// What a watcher from the beginning has heard of the job's planned work.
    async fn work_so_far(&self, of: &Name, job: JobId) -> Result<Option<Event>, Error> {
        let (store, keys) = (&*self.backend.store, JobKeys::new(of, job));
        let Some(planned) = documents::read::<PlannedWork>(store, &keys.planned()).await? else { return Ok(None) };
        let (stage, mut done, mut after) = (keys.stage(&planned.stage), 0, None::<String>);
        loop {
            let page = store.list(&stage, after.as_deref(), usize::MAX).await?;
            done += page.objects.iter().filter(|object| object.key.as_str().ends_with("/result.json")).count();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let PlannedWork { stage, steps, work, unit } = planned;
        let done = u32::try_from(done).unwrap_or(u32::MAX).min(steps);
        let body = EventBody::Planned { steps, work, unit, stage: Some(stage), done };
        Ok(Some(self.event(of, job, body)))
    }

    fn event(&self, of: &Name, job: JobId, body: EventBody) -> Event {
        Event { v: VERSION, tenant: of.clone(), job, step: None, at_ms: self.backend.clock.now_ms(), body }
    }

    /// Waits until the job has ended.
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub fn wait<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<Manifest, Error>> {
        async move {
            let (mut events, _) = self.follow(of, job, LOOK_EVERY).await?;
            while events.next().await.is_some() {}
            self.manifest(of, job).await
        }
        .boxed()
    }
}

struct Watch {
    client: Client,
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
                _ = self.look.tick() => match self.client.status(&self.tenant, self.job).await {
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
        self.client.event(&self.tenant, self.job, EventBody::Finished { state })
    }
}
