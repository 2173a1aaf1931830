//! The jobs that somebody follows here: each is watched once, for however many who follow it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use medley_proto::{Event, EventBody, JobId, Name};
use medley_runtime::{Client, Estimate, JobProgress};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// A follower that lags behind by more gets the job as it is instead.
const EVENTS: usize = 64;
/// Events are lossy, so the store is looked at too.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A job that nobody follows is watched on for so long: a client that polls asks again, and finds how far it is.
const LINGER: Duration = Duration::from_secs(60);
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// More jobs than this are not watched for their progress alone.
const MAX_LINGERING: usize = 1_000;

type Jobs = HashMap<(Name, JobId), Arc<Watched>>;

/// The jobs that are watched.
pub(crate) struct Hub {
    client: Client,
    jobs: Arc<Mutex<Jobs>>,
    stop: CancellationToken,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("jobs", &lock(&self.jobs).len()).finish_non_exhaustive()
    }
}

/// A job that is watched.
pub(crate) struct Watched {
    events: broadcast::Sender<Arc<Event>>,
    state: Mutex<WatchState>,
}

struct WatchState {
    progress: JobProgress,
    wanted: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    fn new() -> Self {
        let state = WatchState { progress: JobProgress::default(), wanted: Instant::now() };
        Self { events: broadcast::channel(EVENTS).0, state: Mutex::new(state) }
    }

    /// The job's events from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// How far the job is, as far as its events told.
    pub(crate) fn estimate(&self) -> Option<Estimate> {
        lock(&self.state).progress.estimate(Instant::now())
    }

    fn hear(&self, event: Event) {
        lock(&self.state).progress.take(&event, Instant::now());
        // Without followers it is heard for the progress alone.
        let _ = self.events.send(Arc::new(event));
    }

    fn want(&self) {
        lock(&self.state).wanted = Instant::now();
    }

    fn is_wanted(&self) -> bool {
        self.events.receiver_count() > 0 || lock(&self.state).wanted.elapsed() < LINGER
    }
}

impl Hub {
    pub(crate) fn new(client: Client, stop: CancellationToken) -> Self {
        Self { client, jobs: Arc::default(), stop }
    }

    /// The job, watched from now on until it ends or nobody wants it any more. A job that is not there is unwatched at once.
    pub(crate) fn watch(&self, of: &Name, job: JobId) -> Arc<Watched> {
        let mut jobs = lock(&self.jobs);
        let key = (of.clone(), job);
        if let Some(watched) = jobs.get(&key) {
            watched.want();
            return watched.clone();
        }
        let watched = Arc::new(Watched::new());
        jobs.insert(key.clone(), watched.clone());
        drop(jobs);
        let (client, all, stop) = (self.client.clone(), self.jobs.clone(), self.stop.clone());
        let this = watched.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(listen(&client, &key.0, key.1, &this)).await;
            lock(&all).remove(&key);
        });
        watched
    }

    /// How far a job is. The first time nobody knows: from then on it is watched.
    pub(crate) fn progress(&self, of: &Name, job: JobId) -> Option<Estimate> {
        let is_full = {
            let jobs = lock(&self.jobs);
            jobs.len() >= MAX_LINGERING && !jobs.contains_key(&(of.clone(), job))
        };
        if is_full { None } else { self.watch(of, job).estimate() }
    }
}

/// Hears a job's events until it has ended or nobody wants them.
async fn listen(client: &Client, of: &Name, job: JobId, watched: &Watched) {
    let mut events = match client.watch_every(of, job, LOOK_EVERY).await {
        Ok(events) => events,
        Err(error) => {
            tracing::debug!(%error, %job, "a job cannot be watched");
            return;
        }
    };
    let mut tidy = tokio::time::interval(TIDY_EVERY);
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return };
                let over = matches!(event.body, EventBody::Finished { .. });
                watched.hear(event);
                if over {
                    return;
                }
            }
            _ = tidy.tick() => if !watched.is_wanted() { return },
        }
    }
}
