//! Messages that have arrived when `publish` returns: persistent, mandatory, confirmed, tried again while there is time.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::time::Instant;

use super::{
    link::{Link, backoff, classify},
    topology::{STEPS, Topology},
};
use crate::queue::{DEAD, QueueError};

/// How long a publish may take in all, reconnecting and trying again; what is not confirmed by then may have arrived.
const PUBLISH_LIMIT: Duration = Duration::from_secs(30);
/// How long to wait for one confirm before the connection counts as dead. A publish that was under way when the broker
/// restarted is never confirmed.
const CONFIRM_LIMIT: Duration = Duration::from_secs(10);
/// How many messages of one call may wait for their confirms.
const UNCONFIRMED: usize = 256;

/// One message and where it goes.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub(super) exchange: String,
    pub(super) key: String,
    pub(super) body: Arc<Vec<u8>>,
    pub(super) properties: BasicProperties,
}

impl Outgoing {
    pub(super) fn to_steps(queue: &str, body: Vec<u8>, properties: BasicProperties) -> Self {
        Self { exchange: STEPS.into(), key: queue.into(), body: Arc::new(body), properties }
    }
}

/// A channel in confirm mode, one without for what may be lost, and the queues that are known to be there.
struct Lane {
    _connection: Arc<Connection>,
    channel: Channel,
    unconfirmed: Channel,
    declared: Mutex<HashSet<String>>,
}

pub(super) struct Publisher {
    link: Link,
    lane: tokio::sync::Mutex<Option<Arc<Lane>>>,
}

enum Trouble {
    /// Nobody can repair it by trying again.
    Refused(QueueError),
    /// The lane is broken, or may be.
    Broken(QueueError),
}

impl Publisher {
    pub(super) fn new(link: Link) -> Self {
        Self { link, lane: tokio::sync::Mutex::new(None) }
    }

    /// Connects where that is not done, and declares what every fleet has: an early answer to whether the broker can be used.
    pub(super) async fn check(&self) -> Result<(), QueueError> {
        self.lane().await.map(drop)
    }

    /// Declares a queue unless it is known to be there; those that every fleet has are as soon as there is a lane.
    pub(super) async fn declare(&self, queue: &str) -> Result<(), QueueError> {
        let lane = self.lane().await?;
        match tokio::time::timeout(CONFIRM_LIMIT, lane.declare(queue)).await {
            Ok(declared) => declared.map_err(|(Trouble::Refused(error) | Trouble::Broken(error))| error),
            Err(_) => Err(QueueError::Unavailable("the broker did not declare a queue in time".into(), None)),
        }
    }

    /// Something that was declared may be gone: the next lane declares everything again.
    pub(super) async fn forget_lane(&self) {
        *self.lane.lock().await = None;
    }

    pub(super) async fn publish(&self, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        let deadline = Instant::now() + PUBLISH_LIMIT;
        let mut left = messages;
        let mut attempt = 0;
        loop {
            let trouble = match self.attempt(&mut left, deadline).await {
                Ok(()) => return Ok(()),
                Err(Trouble::Refused(error)) => return Err(error),
                Err(Trouble::Broken(error)) => error,
            };
            let pause = backoff(attempt);
            if Instant::now() + pause >= deadline {
                return Err(trouble);
            }
            tracing::debug!(error = %trouble, "a publish is tried again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// Publishes what is left and keeps in `left` what was not confirmed.
    async fn attempt(&self, left: &mut Vec<Outgoing>, deadline: Instant) -> Result<(), Trouble> {
        let lane = self.lane().await.map_err(|error| match error {
            QueueError::Unavailable(..) => Trouble::Broken(error),
            other => Trouble::Refused(other),
        })?;
        let outcome = lane.send(left, deadline).await;
        if outcome.is_err() {
            // The next attempt gets a new channel; a dead connection shows there.
            let mut current = self.lane.lock().await;
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &lane)) {
                *current = None;
            }
        }
        outcome
    }

    async fn lane(&self) -> Result<Arc<Lane>, QueueError> {
        let mut current = self.lane.lock().await;
        if let Some(lane) = current.as_ref().filter(|lane| lane.is_open()) {
            return Ok(Arc::clone(lane));
        }
        *current = None;
        let connection = self.link.connection().await?;
        let opening = async {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Topology::common().declare(&channel).await?;
            Ok::<_, lapin::Error>((channel, connection.create_channel().await?))
        };
        let (channel, unconfirmed) = tokio::time::timeout(CONFIRM_LIMIT, opening)
            .await
            .map_err(|_| QueueError::Unavailable("the broker did not open a channel in time".into(), None))?
            .map_err(classify)?;
        let lane = Arc::new(Lane { _connection: connection, channel, unconfirmed, declared: Mutex::default() });
        *current = Some(Arc::clone(&lane));
        Ok(lane)
    }

    /// A message that may be lost, without waiting for anything but the socket.
    pub(super) async fn tell(&self, exchange: &str, key: &str, body: &[u8]) -> Result<(), QueueError> {
        let lane = self.lane().await?;
        let properties = BasicProperties::default().with_content_type("application/json".into());
        let sent = async {
            let options = BasicPublishOptions::default();
            lane.unconfirmed.basic_publish(exchange.into(), key.into(), options, body, properties).await?.await
        };
        tokio::time::timeout(CONFIRM_LIMIT, sent)
            .await
            .map_err(|_| QueueError::Unavailable("the broker did not take a message in time".into(), None))?
            .map(drop)
            .map_err(classify)
    }
}

impl Lane {
    fn is_open(&self) -> bool {
        self.channel.status().connected() && self.unconfirmed.status().connected()
    }

    async fn send(&self, left: &mut Vec<Outgoing>, deadline: Instant) -> Result<(), Trouble> {
        while !left.is_empty() {
            let count = left.len().min(UNCONFIRMED);
            let limit = CONFIRM_LIMIT.min(deadline.saturating_duration_since(Instant::now()));
            tokio::time::timeout(limit, self.send_some(&left[..count])).await.unwrap_or_else(|_| {
                let message = "the broker did not confirm a message in time; it may have arrived";
                Err(Trouble::Broken(QueueError::Unavailable(message.into(), None)))
            })?;
            left.drain(..count);
        }
        Ok(())
    }

    async fn send_some(&self, messages: &[Outgoing]) -> Result<(), Trouble> {
        for message in messages.iter().filter(|message| message.exchange == STEPS) {
            self.declare(&message.key).await?;
        }
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let confirm = self.channel.basic_publish(
                message.exchange.as_str().into(),
                message.key.as_str().into(),
                options,
                &message.body,
                message.properties.clone(),
            );
            confirms.push(confirm.await.map_err(|error| Trouble::Broken(classify(error)))?);
        }
        for (confirm, message) in confirms.into_iter().zip(messages) {
            match confirm.await.map_err(|error| Trouble::Broken(classify(error)))? {
                Confirmation::Ack(None) => {}
                Confirmation::Ack(Some(_)) => {
                    // The queue was deleted: declared again, the next attempt finds it.
                    self.declared().remove(&message.key);
                    return Err(Trouble::Broken(QueueError::Unavailable(
                        format!("no queue takes messages for {}", message.key),
                        None,
                    )));
                }
                Confirmation::Nack(_) | Confirmation::NotRequested => {
                    return Err(Trouble::Broken(QueueError::Unavailable(
                        format!("the broker did not take a message for {}", message.key),
                        None,
                    )));
                }
            }
        }
        Ok(())
    }

    async fn declare(&self, queue: &str) -> Result<(), Trouble> {
        if queue == DEAD || self.declared().contains(queue) {
            return Ok(());
        }
        Topology::of_steps(queue).declare(&self.channel).await.map_err(|error| match classify(error) {
            refused @ QueueError::Refused(..) => Trouble::Refused(refused),
            other => Trouble::Broken(other),
        })?;
        self.declared().insert(queue.to_owned());
        Ok(())
    }

    fn declared(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
