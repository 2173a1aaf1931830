//! The embedded queue: one SQLite file on a local disk, shared by any number of processes of this machine
//! (docs/decisions/0020-sqlite-as-the-embedded-queue.md).

mod db;
mod thread;

use std::{
    any::Any,
    fmt,
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use medley_proto::{Class, Event, Failure, JobId, Name, Step};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, oneshot};

use self::{
    db::{Db, Lease, Settle, Taken},
    thread::{Reply, Request, Thread, Wanted},
};

use super::{DEAD, decode, encode, now_ms, weights::Weights};
use crate::queue::{Consumer, DeadConsumer, Delivery, EventStream, Queue, QueueError, QueueName};

/// How many requests may wait for the database; more callers wait before they are let in.
const REQUESTS: usize = 4096;
/// How many signals a listener may lag behind before it loses the oldest.
const SIGNALS: usize = 1024;

/// How leases live. The defaults are what is used; tests are more hurried.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// A process that is silent for so long loses what it holds. One that is known to be dead loses it at once.
    pub lease: Duration,
    /// How often a process that holds steps says that it is alive.
    pub heartbeat: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), heartbeat: Duration::from_secs(5) }
    }
}

/// A queue in an SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    handle: Arc<Handle>,
}

impl SqliteQueue {
    /// Opens the file, or makes it; its folder must exist.
    pub async fn open(path: &Path) -> Result<Self, QueueError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    pub async fn open_with(path: &Path, options: SqliteOptions) -> Result<Self, QueueError> {
        let (opened, open) = oneshot::channel();
        let (send, inbox) = mpsc::channel();
        let path = path.to_owned();
        let start = move || {
            let (signals, _) = broadcast::channel(SIGNALS);
            match Db::open(&path, options.lease) {
                Ok(db) => {
                    let _ = opened.send(Ok(()));
                    Thread::new(db, inbox, signals, options.heartbeat).run();
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        };
        let spawned = std::thread::Builder::new().name("medley-queue".into()).spawn(start);
        spawned.map_err(|error| QueueError::Unavailable("no thread can be started".into(), Some(error.into())))?;
        open.await.map_err(|_| thread_gone())??;
        Ok(Self { handle: Arc::new(Handle { send, room: Arc::new(Semaphore::new(REQUESTS)) }) })
    }

    /// Whether an error says that the file is no database, or one that was damaged: nothing in it will be read again.
    pub fn is_damaged(error: &QueueError) -> bool {
        db::is_damaged(error)
    }

    async fn settle(&self, delivery: Delivery, how: Settle) -> Result<(), QueueError> {
        let token = delivery.token.downcast::<Token>().map_err(|_| {
            QueueError::Refused(format!("step {} was not taken from this queue", delivery.step.id), None)
        })?;
        let lease = token.held.keep();
        // A caller that stops waiting has still settled it, or the lease ends with the process.
        self.handle.ask(|reply| Request::Settle { lease, how, reply }).await
    }

    async fn signals(&self) -> Result<broadcast::Receiver<Signal>, QueueError> {
        self.handle.ask(|reply| Request::Listen { reply }).await
    }
}

/// The way to the thread.
struct Handle {
    send: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SQLite")
    }
}

struct Message {
    request: Request,
    _room: Option<OwnedSemaphorePermit>,
}

fn thread_gone() -> QueueError {
    QueueError::Unavailable("the queue's thread has ended".into(), None)
}

impl Handle {
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, QueueError> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| thread_gone())?;
        let (reply, answer) = oneshot::channel();
        let message = Message { request: request(reply), _room: Some(room) };
        self.send.send(message).map_err(|_| thread_gone())?;
        answer.await.map_err(|_| thread_gone())?
    }

    /// Without waiting for room or an answer.
    fn tell(&self, request: Request) {
        let _ = self.send.send(Message { request, _room: None });
    }

    /// Lossy: not sent when there is no room.
    fn signal(&self, signal: Signal) {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            let _ = self.send.send(Message { request: Request::Signal(signal), _room: Some(room) });
        }
    }
}

/// What listeners are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Signal {
    Event(Event),
    Cancel(Name, JobId),
}

/// A lease that is given back when it is dropped. Until the consumer has handed it out that is no loss.
struct Held {
    taken: Option<Taken>,
    lease: Option<Lease>,
    handle: Arc<Handle>,
    handed_out: bool,
}

impl Held {
    fn new(taken: Taken, handle: Arc<Handle>) -> Self {
        Self { lease: Some(taken.lease), taken: Some(taken), handle, handed_out: false }
    }

    /// The lease, which the caller now answers for.
    fn keep(mut self) -> Lease {
        self.lease.take().expect("a lease is kept or dropped, once")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            let how = if self.handed_out { Settle::Lost } else { Settle::HandBack };
            self.handle.tell(Request::GiveBack { lease, how });
        }
    }
}

struct Token {
    held: Held,
}

/// Waits for a step in any of the queues, the first list before the second.
async fn take(handle: &Arc<Handle>, queues: [Vec<String>; 2]) -> Result<(Delivery, Option<Vec<u8>>), QueueError> {
    loop {
        let own = Arc::clone(handle);
        let queues = queues.clone();
        let mut held = handle.ask(|reply| Request::Take { wanted: Wanted { queues, handle: own, reply } }).await?;
        let taken = held.taken.take().expect("a step that was just taken is there");
        match decode(&taken.queue, &taken.body) {
            Ok(step) => {
                held.handed_out = true;
                let token: Box<dyn Any + Send + Sync> = Box::new(Token { held });
                return Ok((Delivery { step, lost_before: taken.lost, token }, taken.failure));
            }
            Err(error) => {
                tracing::error!(%error, queue = taken.queue, "a message was put aside in {}", super::UNREADABLE);
                let (lease, how) = (held.keep(), Settle::Unreadable { reason: error.to_string() });
                handle.ask(|reply| Request::Settle { lease, how, reply }).await?;
            }
        }
    }
}

struct SqliteConsumer {
    handle: Arc<Handle>,
    interactive: Vec<String>,
    batch: Vec<String>,
    weights: Weights,
}

#[async_trait]
impl Consumer for SqliteConsumer {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        let queues = self.weights.order().map(|class| match class {
            Class::Interactive => self.interactive.clone(),
            Class::Batch => self.batch.clone(),
        });
        let (delivery, _) = take(&self.handle, queues).await?;
        self.weights.took(delivery.step.class);
        Ok(delivery)
    }
}

struct SqliteDeadConsumer {
    handle: Arc<Handle>,
}

#[async_trait]
impl DeadConsumer for SqliteDeadConsumer {
    async fn next(&mut self) -> Result<(Delivery, Option<Failure>), QueueError> {
        let (delivery, failure) = take(&self.handle, [vec![DEAD.to_owned()], Vec::new()]).await?;
        Ok((delivery, failure.and_then(|failure| serde_json::from_slice(&failure).ok())))
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn publish(&self, steps: &[Step]) -> Result<(), QueueError> {
        if steps.is_empty() {
            return Ok(());
        }
        let row = |step: &Step| {
            let queue = QueueName { kind: step.kind.clone(), class: step.class };
            Ok((queue.to_string(), encode(step)?))
        };
        let steps = steps.iter().map(row).collect::<Result<_, QueueError>>()?;
        self.handle.ask(|reply| Request::Publish { steps, reply }).await
    }

    async fn consume(&self, queues: &[QueueName]) -> Result<Box<dyn Consumer>, QueueError> {
        let of = |class| queues.iter().filter(|queue| queue.class == class).map(QueueName::to_string).collect();
        Ok(Box::new(SqliteConsumer {
            handle: Arc::clone(&self.handle),
            interactive: of(Class::Interactive),
            batch: of(Class::Batch),
            weights: Weights::default(),
        }))
    }

    async fn ack(&self, delivery: Delivery) -> Result<(), QueueError> {
        self.settle(delivery, Settle::Ack).await
    }

    async fn retry_later(&self, delivery: Delivery, delay: Duration) -> Result<(), QueueError> {
        let mut step = delivery.step.clone();
        step.attempt = step.attempt.saturating_add(1);
        let due_ms = now_ms().saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)).min(FAR_MS);
        let body = encode(&step)?;
        self.settle(delivery, Settle::Retry { body, due_ms }).await
    }

    async fn hand_back(&self, delivery: Delivery) -> Result<(), QueueError> {
        self.settle(delivery, Settle::HandBack).await
    }

    async fn dead_letter(&self, delivery: Delivery, failure: &Failure) -> Result<(), QueueError> {
        let failure = serde_json::to_vec(failure)
            .map_err(|error| QueueError::Unreadable("a failure cannot be written".into(), Some(error.into())))?;
        self.settle(delivery, Settle::Dead { failure }).await
    }

    async fn put_aside(&self, delivery: Delivery, reason: &str) -> Result<(), QueueError> {
        self.settle(delivery, Settle::Unreadable { reason: reason.to_owned() }).await
    }

    async fn consume_dead(&self) -> Result<Box<dyn DeadConsumer>, QueueError> {
        Ok(Box::new(SqliteDeadConsumer { handle: Arc::clone(&self.handle) }))
    }

    async fn depth(&self, queue: &QueueName) -> Result<u64, QueueError> {
        let queue = queue.to_string();
        self.handle.ask(|reply| Request::Depth { queue, reply }).await
    }

    async fn oldest_ms(&self, queue: &QueueName) -> Result<Option<u64>, QueueError> {
        let queue = queue.to_string();
        let oldest = self.handle.ask(|reply| Request::Oldest { queue, reply }).await?;
        Ok(Some(oldest).filter(|published_ms| *published_ms > 0))
    }

    async fn send_event(&self, event: &Event) -> Result<(), QueueError> {
        self.handle.signal(Signal::Event(event.clone()));
        Ok(())
    }

    async fn events(&self, tenant: &Name, job: Option<JobId>) -> Result<EventStream, QueueError> {
        let tenant = tenant.clone();
        Ok(listen(self.signals().await?, move |signal| match signal {
            Signal::Event(event) if event.tenant == tenant && job.is_none_or(|job| job == event.job) => Some(event),
            _ => None,
        }))
    }

    async fn send_cancel(&self, tenant: &Name, job: JobId) -> Result<(), QueueError> {
        self.handle.signal(Signal::Cancel(tenant.clone(), job));
        Ok(())
    }

    async fn cancels(&self) -> Result<BoxStream<'static, (Name, JobId)>, QueueError> {
        Ok(listen(self.signals().await?, |signal| match signal {
            Signal::Cancel(tenant, job) => Some((tenant, job)),
            Signal::Event(_) => None,
        }))
    }
}

/// The latest time that fits: far enough not to come.
const FAR_MS: u64 = 1 << 52;

/// The signals that are wanted, without those that were missed by being slow.
fn listen<T: Send + 'static>(
    signals: broadcast::Receiver<Signal>,
    wanted: impl Fn(Signal) -> Option<T> + Send + Sync + 'static,
) -> BoxStream<'static, T> {
    futures_util::stream::unfold((signals, wanted), |(mut signals, wanted)| async move {
        loop {
            match signals.recv().await {
                Ok(signal) => {
                    if let Some(it) = wanted(signal) {
                        return Some((it, (signals, wanted)));
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    })
    .boxed()
}
