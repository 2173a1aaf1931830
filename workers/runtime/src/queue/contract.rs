//! What every queue does. `tests/conformance_queue.rs` checks it for each of them.

use std::{any::Any, fmt, path::PathBuf, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use medley_proto::{Class, ErrorCode, Event, Failure, JobId, Name, Step};

use medley_step::{Cause, Retryable, StepError};

/// Where the steps of one kind and urgency wait: `medley.<kind>.<interactive|batch>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueName {
    pub kind: Name,
    pub class: Class,
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "medley.{}.{}", self.kind, self.class.as_str())
    }
}

/// A step that this process holds. It is the queue's to lose until one of [`Queue::ack`], [`Queue::retry_later`],
/// [`Queue::hand_back`] or [`Queue::dead_letter`] takes it; a delivery that is dropped or whose process dies comes
/// back. The implementation keeps it alive (leases, heartbeats) as long as it exists.
pub struct Delivery {
    pub step: Step,
    /// How often the step was handed out before without being settled: deaths of whole workers.
    pub lost_before: u32,
    /// The implementation's own handle.
    pub token: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("step", &self.step.id)
            .field("lost_before", &self.lost_before)
            .finish_non_exhaustive()
    }
}

/// Takes steps from several queues, `interactive` before `batch` by four to one, neither ever starved.
#[async_trait]
pub trait Consumer: Send {
    /// The next step; waits for one. Called when a slot is free and not otherwise, so that no step is held that
    /// nobody works on. Cancel-safe: a step is either returned or still in its queue.
    async fn next(&mut self) -> Result<Delivery, QueueError>;
}

/// Events as they come; ends when the connection does.
pub type EventStream = BoxStream<'static, Event>;

/// A durable queue of steps, delivered at least once.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Every step is durable when this returns. On an error any of them may have been published: publishing again is
    /// harmless, since a step that has a result is not computed again.
    async fn publish(&self, steps: &[Step]) -> Result<(), QueueError>;

    /// Declares the queues and takes from them.
    async fn consume(&self, queues: &[QueueName]) -> Result<Box<dyn Consumer>, QueueError>;

    /// The step is done with: its result (or the job's end) is durable.
    async fn ack(&self, delivery: Delivery) -> Result<(), QueueError>;

    /// A charged failure: the step comes back as `attempt + 1` after the delay.
    async fn retry_later(&self, delivery: Delivery, delay: Duration) -> Result<(), QueueError>;

    /// The step goes back as it is, for anyone to take at once: the worker is stopping or unfit. Nothing is charged.
    async fn hand_back(&self, delivery: Delivery) -> Result<(), QueueError>;

    /// The step's attempts are used up: it goes to the dead queue with its last failure.
    async fn dead_letter(&self, delivery: Delivery, failure: &Failure) -> Result<(), QueueError>;

    /// What the step belongs to cannot be read, and no worker can go on with it: the message is kept where a person finds
    /// it, with the reason, and taken off its queue.
    async fn put_aside(&self, delivery: Delivery, reason: &str) -> Result<(), QueueError>;

    /// Takes from the dead queue; `ack` when the letter is in the store. The failure is unknown when the broker itself
    /// gave the step up (its delivery limit).
    async fn consume_dead(&self) -> Result<Box<dyn DeadConsumer>, QueueError>;

    /// How many steps wait (not: are held) in a queue.
    async fn depth(&self, queue: &QueueName) -> Result<u64, QueueError>;

    /// When the step that has waited longest in a queue was published (Unix time), where the queue can tell without taking it.
    async fn oldest_ms(&self, _queue: &QueueName) -> Result<Option<u64>, QueueError> {
        Ok(None)
    }

    /// Sends an event to those who watch; lossy.
    async fn send_event(&self, event: &Event) -> Result<(), QueueError>;

    /// The events of one job, or of every job of the tenant, from now on.
    async fn events(&self, tenant: &Name, job: Option<JobId>) -> Result<EventStream, QueueError>;

    /// Tells every worker that the job was cancelled, so that they look at `cancel.json` now and not at the next
    /// checkpoint; lossy.
    async fn send_cancel(&self, tenant: &Name, job: JobId) -> Result<(), QueueError>;

    /// The cancellations that others send, from now on.
    async fn cancels(&self) -> Result<BoxStream<'static, (Name, JobId)>, QueueError>;
}

/// Takes dead letters.
#[async_trait]
pub trait DeadConsumer: Send {
    async fn next(&mut self) -> Result<(Delivery, Option<Failure>), QueueError>;
}

/// A queue that failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The broker or database is away, busy or slow: worth trying again.
    #[error("the queue is not available: {0}")]
    Unavailable(String, #[source] Option<Cause>),
    /// Credentials, permissions, a queue declared otherwise: no use trying again.
    #[error("the queue refuses: {0}")]
    Refused(String, #[source] Option<Cause>),
    /// There is no room left on the disk of this folder; what was written before is safe.
    #[error("the disk of {} is full", .0.display())]
    Full(PathBuf, #[source] Option<Cause>),
    /// A step that is larger than a message may be.
    #[error("a step of {bytes} bytes is larger than the {limit} that a queue takes")]
    TooLarge { bytes: usize, limit: usize },
    /// A message that cannot be read (of a newer version, or not ours).
    #[error("a queue message cannot be read: {0}")]
    Unreadable(String, #[source] Option<Cause>),
}

impl Retryable for QueueError {
    fn into_step_error(self) -> StepError {
        match &self {
            Self::Unavailable(..) => {
                StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, "the queue is not available").because(self)
            }
            Self::Refused(..) => {
                StepError::Unfit { message: "the queue refuses this worker".into(), source: Some(self.into()) }
            }
            Self::Full(..) => StepError::Unfit { message: self.to_string(), source: Some(self.into()) },
            Self::TooLarge { .. } => StepError::internal("a step is larger than a queue takes").because(self),
            Self::Unreadable(..) => StepError::internal("a queue message cannot be read").because(self),
        }
    }
}
