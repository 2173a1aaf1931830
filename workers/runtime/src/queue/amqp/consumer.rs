//! Takes from several sources by weight.

use std::sync::Arc;

use async_trait::async_trait;
use lapin::message::Delivery as Message;
use medley_proto::{Class, Failure};
use tokio::{sync::Notify, time::Instant};

use super::{
    headers::{FAILURE, lost_before},
    source::{Look, Parked, Source},
};
use crate::queue::{Consumer, DeadConsumer, Delivery, QueueError, UNREADABLE, decode, weights::Weights};

/// The sources that one consumer takes from; it leaves them when it is dropped.
pub(super) struct Sources {
    sources: Vec<(Class, Arc<Source>)>,
    /// Rings when a source has something to look at.
    bell: Arc<Notify>,
}

impl Sources {
    pub(super) fn new(sources: Vec<(Class, Arc<Source>)>) -> Self {
        Self { sources, bell: Arc::default() }
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.sources.iter().for_each(|(_, source)| source.part());
    }
}

/// Somebody waits; while this lives the sources take.
struct Asking<'a>(&'a Sources);

impl<'a> Asking<'a> {
    fn begin(sources: &'a Sources) -> Self {
        sources.sources.iter().for_each(|(_, source)| source.ask(&sources.bell));
        Self(sources)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.sources.iter().for_each(|(_, source)| source.ask_no_more(&self.0.bell));
    }
}

enum Found {
    Taken(Box<Parked>),
    Nothing { look_again: Option<Instant> },
}

impl Sources {
    /// Waits for a message that can be read. Nothing is lost when the caller stops waiting: a message leaves its source
    /// in the same breath in which it is returned, or goes back when it is dropped.
    async fn next(&self, weights: &Weights) -> Result<(Delivery, Message), QueueError> {
        let asking = Asking::begin(self);
        loop {
            match self.find(weights)? {
                Found::Taken(parked) => {
                    let Parked { held, delivery: message, .. } = *parked;
                    match decode(&held.source().queue, &message.data) {
                        Ok(step) => {
                            drop(asking);
                            let lost_before = lost_before(&message.properties);
                            return Ok((Delivery { step, lost_before, token: Box::new(held) }, message));
                        }
                        Err(error) => {
                            tracing::error!(%error, queue = held.source().queue, "a message was put aside in {}", UNREADABLE);
                            let source = Arc::clone(held.source());
                            source.publisher.publish(vec![source.put_aside(&message, &error.to_string())]).await?;
                            held.ack().await?;
                            source.ask_again(&self.bell);
                        }
                    }
                }
                Found::Nothing { look_again: Some(until) } => {
                    drop(tokio::time::timeout_at(until, self.bell.notified()).await);
                }
                Found::Nothing { look_again: None } => self.bell.notified().await,
            }
        }
    }

    /// Looks at the preferred class first. What it may still bring is waited for, for a moment, before the other class is
    /// taken from.
    fn find(&self, weights: &Weights) -> Result<Found, QueueError> {
        for class in weights.order() {
            let mut unknown: Option<Instant> = None;
            for (_, source) in self.sources.iter().filter(|(of, _)| *of == class) {
                match source.look(&self.bell)? {
                    Look::Took(parked) => return Ok(Found::Taken(parked)),
                    Look::Empty => {}
                    Look::Unknown(until) => unknown = unknown.max(Some(until)),
                }
            }
            if unknown.is_some() {
                return Ok(Found::Nothing { look_again: unknown });
            }
        }
        Ok(Found::Nothing { look_again: None })
    }
}

pub(super) struct AmqpConsumer {
    pub(super) sources: Sources,
    pub(super) weights: Weights,
}

#[async_trait]
impl Consumer for AmqpConsumer {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        let (delivery, _) = self.sources.next(&self.weights).await?;
        self.weights.took(delivery.step.class);
        Ok(delivery)
    }
}

pub(super) struct AmqpDeadConsumer {
    pub(super) sources: Sources,
}

#[async_trait]
impl DeadConsumer for AmqpDeadConsumer {
    async fn next(&mut self) -> Result<(Delivery, Option<Failure>), QueueError> {
        let (delivery, message) = self.sources.next(&Weights::default()).await?;
        let headers = message.properties.headers().as_ref();
        let failure = headers.and_then(|headers| headers.inner().get(FAILURE)).and_then(|failure| match failure {
            lapin::types::AMQPValue::LongString(json) => serde_json::from_slice(json.as_bytes()).ok(),
            _ => None,
        });
        Ok((delivery, failure))
    }
}
