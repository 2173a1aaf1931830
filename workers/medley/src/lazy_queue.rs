//! A queue that is connected to when something is first asked of it: who only looks at the store does without, also while
//! the broker is away.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{future::BoxFuture, stream::BoxStream};
use medley_proto::{Event, Failure, JobId, Name, Step};
use medley_runtime::queue::{Consumer, DeadConsumer, Delivery, EventStream, Queue, QueueError, QueueName};
use tokio::sync::OnceCell;

type Connecting = BoxFuture<'static, Result<Arc<dyn Queue>, QueueError>>;

pub(crate) struct LazyQueue {
    connect: Box<dyn Fn() -> Connecting + Send + Sync>,
    queue: OnceCell<Arc<dyn Queue>>,
}

impl LazyQueue {
    /// `connect` is asked again when it failed.
    pub(crate) fn new(connect: impl Fn() -> Connecting + Send + Sync + 'static) -> Self {
        Self { connect: Box::new(connect), queue: OnceCell::new() }
    }

    /// # Errors
    /// When there is no connection and none can be made.
    pub(crate) async fn connected(&self) -> Result<&Arc<dyn Queue>, QueueError> {
        self.queue.get_or_try_init(|| (self.connect)()).await
    }
}

#[async_trait]
impl Queue for LazyQueue {
    async fn publish(&self, steps: &[Step]) -> Result<(), QueueError> {
        self.connected().await?.publish(steps).await
    }

    async fn consume(&self, queues: &[QueueName]) -> Result<Box<dyn Consumer>, QueueError> {
        self.connected().await?.consume(queues).await
    }

    async fn ack(&self, delivery: Delivery) -> Result<(), QueueError> {
        self.connected().await?.ack(delivery).await
    }

    async fn retry_later(&self, delivery: Delivery, delay: Duration) -> Result<(), QueueError> {
        self.connected().await?.retry_later(delivery, delay).await
    }

    async fn hand_back(&self, delivery: Delivery) -> Result<(), QueueError> {
        self.connected().await?.hand_back(delivery).await
    }

    async fn dead_letter(&self, delivery: Delivery, failure: &Failure) -> Result<(), QueueError> {
        self.connected().await?.dead_letter(delivery, failure).await
    }

    async fn put_aside(&self, delivery: Delivery, reason: &str) -> Result<(), QueueError> {
        self.connected().await?.put_aside(delivery, reason).await
    }

    async fn consume_dead(&self) -> Result<Box<dyn DeadConsumer>, QueueError> {
        self.connected().await?.consume_dead().await
    }

    async fn depth(&self, queue: &QueueName) -> Result<u64, QueueError> {
        self.connected().await?.depth(queue).await
    }

    async fn oldest_ms(&self, queue: &QueueName) -> Result<Option<u64>, QueueError> {
        self.connected().await?.oldest_ms(queue).await
    }

    async fn send_event(&self, event: &Event) -> Result<(), QueueError> {
        self.connected().await?.send_event(event).await
    }

    async fn events(&self, tenant: &Name, job: Option<JobId>) -> Result<EventStream, QueueError> {
        self.connected().await?.events(tenant, job).await
    }

    async fn send_cancel(&self, tenant: &Name, job: JobId) -> Result<(), QueueError> {
        self.connected().await?.send_cancel(tenant, job).await
    }

    async fn cancels(&self) -> Result<BoxStream<'static, (Name, JobId)>, QueueError> {
        self.connected().await?.cancels().await
    }
}
