//! A message that was delivered and is not settled yet.

use std::sync::Arc;

use lapin::{
    Acker, BasicProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicCancelOptions, BasicRejectOptions},
    types::{AMQPValue, FieldTable},
};
use medley_step::QueueError;

use super::{
    publisher::Outgoing,
    source::{Lane, Source},
};
use crate::queue::DEAD;

/// Losses before the message was republished: the broker counts anew for each message.
const LOST: &str = "x-medley-lost";
/// The broker's own count, absent on the first delivery.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// The last failure of a dead letter, as JSON.
pub(super) const FAILURE: &str = "x-medley-failure";

/// Goes back to the queue, as a loss, unless it is settled.
pub(super) struct Held {
    source: Arc<Source>,
    lane: Arc<Lane>,
    acker: Option<Acker>,
    tag: u64,
    runtime: tokio::runtime::Handle,
}

impl Held {
    pub(super) fn new(source: Arc<Source>, lane: Arc<Lane>, delivery: &Delivery, tag: u64) -> Self {
        let runtime = tokio::runtime::Handle::current();
        Self { source, lane, acker: Some(delivery.acker.clone()), tag, runtime }
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The message is done with. When its channel is gone, the broker has taken it back and gives it out again, which is
    /// harmless: its result is durable.
    pub(super) async fn ack(mut self) -> Result<(), QueueError> {
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
    pub(super) async fn step_aside(&self) {
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

/// How often the message was delivered without being settled.
pub(super) fn lost_before(properties: &BasicProperties) -> u32 {
    let count = |name: &str| {
        let value = properties.headers().as_ref().and_then(|headers| headers.inner().get(name))?;
        match value {
            AMQPValue::LongLongInt(count) => u32::try_from(*count).ok(),
            AMQPValue::LongInt(count) => u32::try_from(*count).ok(),
            AMQPValue::LongUInt(count) => Some(*count),
            AMQPValue::ShortInt(count) => u32::try_from(*count).ok(),
            AMQPValue::ShortUInt(count) => Some((*count).into()),
            AMQPValue::ShortShortInt(count) => u32::try_from(*count).ok(),
            AMQPValue::ShortShortUInt(count) => Some((*count).into()),
            _ => None,
        }
    };
    count(LOST).unwrap_or(0) + count(DELIVERY_COUNT).unwrap_or(0)
}

/// Notes on a new message what the broker would forget.
pub(super) fn count_losses(message: &mut Outgoing, lost: u32) {
    let mut headers = message.properties.headers().clone().unwrap_or_default();
    headers.insert(LOST.into(), AMQPValue::LongUInt(lost));
    message.properties = message.properties.clone().with_headers(headers);
}

/// The same message once more, for the end of its queue.
pub(super) fn republished(queue: &str, delivery: &Delivery) -> Outgoing {
    let mut headers = FieldTable::default();
    for (name, value) in delivery.properties.headers().iter().flat_map(|headers| headers.inner()) {
        if !name.as_str().starts_with("x-") || name.as_str() == FAILURE {
            headers.insert(name.clone(), value.clone());
        }
    }
    let properties = delivery.properties.clone().with_headers(headers);
    let mut again = Outgoing::to_steps(queue, delivery.data.clone(), properties);
    count_losses(&mut again, lost_before(&delivery.properties));
    if queue == DEAD {
        again.exchange = DEAD.to_owned();
    }
    again
}
