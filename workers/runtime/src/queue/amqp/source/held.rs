//! A message that was delivered and is not settled yet.

use std::sync::Arc;

use lapin::{
    Acker,
    message::Delivery,
    options::{BasicAckOptions, BasicCancelOptions, BasicRejectOptions},
};

use super::{Source, lane::Lane};
use crate::queue::QueueError;

/// Goes back to the queue, as a loss, unless it is settled.
pub(in crate::queue::amqp) struct Held {
    source: Arc<Source>,
    lane: Arc<Lane>,
    acker: Option<Acker>,
    tag: u64,
    runtime: tokio::runtime::Handle,
}

impl Held {
    pub(in crate::queue::amqp) fn new(source: Arc<Source>, lane: Arc<Lane>, delivery: &Delivery, tag: u64) -> Self {
        let runtime = tokio::runtime::Handle::current();
        Self { source, lane, acker: Some(delivery.acker.clone()), tag, runtime }
    }

    pub(in crate::queue::amqp) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The message is done with. When its channel is gone, the broker has taken it back and gives it out again, which is
    /// harmless: its result is durable.
    pub(in crate::queue::amqp) async fn ack(mut self) -> Result<(), QueueError> {
        let acker = self.acker.take().expect("a message is settled once");
        // A task of its own, so that a caller that stops waiting does not leave the message unsettled.
        let settling = tokio::spawn(async move {
            self.make_way().await;
            acker.ack(BasicAckOptions::default()).await
        });
        match settling.await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => tracing::debug!("a message was settled after its channel had closed"),
            Ok(Err(error)) => tracing::debug!(%error, "a message was settled too late"),
            Err(error) => return Err(QueueError::Unavailable("the runtime is stopping".into(), Some(error.into()))),
        }
        Ok(())
    }

    /// The message is about to be published again for others: this process is not to get it, unless it asks.
    pub(in crate::queue::amqp) async fn step_aside(&self) {
        if self.source.steps_aside(self.tag) {
            self.cancel().await;
        }
    }

    async fn make_way(&self) {
        if self.source.has_to_go(self.tag) {
            self.cancel().await;
        }
    }

    /// Ends the consumer. Its one message is not settled yet, so that none can cross this.
    async fn cancel(&self) {
        let tag = self.tag.to_string();
        let _ = self.lane.channel.basic_cancel(tag.into(), BasicCancelOptions::default()).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(acker) = self.acker.take().filter(Acker::usable) else { return };
        let settled = Self {
            source: Arc::clone(&self.source),
            lane: Arc::clone(&self.lane),
            acker: None,
            tag: self.tag,
            runtime: self.runtime.clone(),
        };
        self.runtime.spawn(async move {
            settled.make_way().await;
            // Of the two ways back only `reject` counts a delivery in every version (`nack` does not from 4.3 on).
            let _ = acker.reject(BasicRejectOptions { requeue: true }).await;
        });
    }
}
