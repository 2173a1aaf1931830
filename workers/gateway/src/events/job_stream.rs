//! One client that follows one job.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::response::sse;
use futures_util::{Stream, stream};
use medley_proto::{Event, EventBody, JobId, JobState};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{COME_BACK, hub::Watched};
use crate::{
    access::Caller,
    jobs::{JobView, ProgressView, look},
    problem::Problem,
    state::App,
};

/// Progress is told this often at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// Steps that are done are counted in the store this often at most.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// What a client still has to hear of a job.
pub(crate) struct JobStream {
    app: Arc<App>,
    caller: Caller,
    job: JobId,
    /// None when it had ended before.
    heard: Option<(Arc<Watched>, Receiver<Arc<Event>>)>,
    ready: VecDeque<Result<sse::Event, axum::Error>>,
    /// The id of the job as the client knows it.
    known: Option<String>,
    counted: Instant,
    told: Option<(Instant, ProgressView)>,
    over: bool,
}

impl JobStream {
    /// None when the client knows how the job ended.
    pub(crate) async fn open(
        app: Arc<App>,
        caller: Caller,
        job: JobId,
        after: Option<String>,
    ) -> Result<Option<Self>, Problem> {
        let mut view = look(&app, &caller, job).await?;
        let mut heard = None;
        if !view.state.is_final() {
            // Heard before it is looked at again, so that nothing falls in between.
            let watched = app.hub.watch(&caller.tenant, job);
            let events = watched.subscribe();
            heard = Some((watched, events));
            view = look(&app, &caller, job).await?;
        }
        let id = id_of(&app, &caller, &view).await?;
        if view.state.is_final() && after.as_deref() == Some(&id) {
            return Ok(None);
        }
        let (ready, counted) = (VecDeque::new(), Instant::now());
        let mut stream = Self { app, caller, job, heard, ready, known: after, counted, told: None, over: false };
        stream.tell(&view, id);
        if stream.ready.is_empty() {
            // The client knows all of it; the head of the answer goes out with this.
            stream.ready.push_back(Ok(sse::Event::default().comment("nothing new").retry(COME_BACK)));
        }
        Ok(Some(stream))
    }

    pub(crate) fn events(self) -> impl Stream<Item = Result<sse::Event, axum::Error>> + Send + 'static {
        stream::unfold(self, |mut stream| async move { Some((stream.next().await?, stream)) })
    }

    async fn next(&mut self) -> Option<Result<sse::Event, axum::Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            let (_, events) = self.heard.as_mut()?;
            match events.recv().await {
                Ok(event) => self.take(&event).await,
                Err(RecvError::Lagged(_)) => self.look().await,
                // Whoever watches has ended: the client comes back, and finds the job as it is then.
                Err(RecvError::Closed) => {
                    self.look().await;
                    self.over = true;
                }
            }
        }
    }

    async fn take(&mut self, event: &Event) {
        match &event.body {
            EventBody::Progress { .. } => self.progress(),
            EventBody::Planned { .. } => self.look().await,
            EventBody::Finished { .. } => {
                self.look().await;
                self.over = true;
            }
            EventBody::Started { .. } | EventBody::Done { .. } | EventBody::Retrying { .. } => {
                self.ready.push_back(sse::Event::default().event("step").json_data(event));
                self.progress();
                if self.counted.elapsed() >= COUNT_EVERY {
                    self.look().await;
                }
            }
        }
    }

    fn progress(&mut self) {
        let estimate = self.heard.as_ref().and_then(|(watched, _)| watched.estimate());
        let Some(progress) = estimate.map(ProgressView::from) else { return };
        let soon = |(at, told): &(Instant, ProgressView)| at.elapsed() < PROGRESS_EVERY || *told == progress;
        if self.told.as_ref().is_some_and(soon) {
            return;
        }
        self.ready.push_back(sse::Event::default().event("progress").json_data(&progress));
        self.told = Some((Instant::now(), progress));
    }

    /// Looks at the store, and tells what the client does not know.
    async fn look(&mut self) {
        self.counted = Instant::now();
        let looked = async {
            let view = look(&self.app, &self.caller, self.job).await?;
            let id = id_of(&self.app, &self.caller, &view).await?;
            Ok::<_, Problem>((view, id))
        };
        match looked.await {
            Ok((view, id)) => self.tell(&view, id),
            Err(problem) if problem.status.is_client_error() => {
                self.ready.push_back(Ok(sse::Event::default().event("gone").data("{}")));
                self.over = true;
            }
            // The store does not answer now; the next event is another occasion.
            Err(_) => {}
        }
    }

    fn tell(&mut self, view: &JobView, id: String) {
        self.over = view.state.is_final();
        if self.known.as_deref() == Some(&id) {
            return;
        }
        let event = sse::Event::default().event("job").id(&id).retry(COME_BACK);
        self.ready.push_back(event.json_data(view));
        self.known = Some(id);
    }
}

/// The id of a job as it is: the same from every gateway that looks at the same keys.
async fn id_of(app: &App, caller: &Caller, view: &JobView) -> Result<String, Problem> {
    let rank = match view.state {
        JobState::Queued => 0,
        JobState::Running => 1,
        JobState::Cancelling => 2,
        JobState::Succeeded => 3,
        JobState::Failed => 4,
        JobState::Cancelled => 5,
    };
    match view.finished_ms {
        Some(finished_ms) => Ok(format!("{rank}-{finished_ms}-{}", view.revision)),
        None => Ok(format!("{rank}-{}", app.client.steps_done(&caller.tenant, view.id()).await?)),
    }
}
