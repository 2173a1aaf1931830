//! The fleet's queue: RabbitMQ 3.10 or later (docs/decisions/0022-rabbitmq-topology.md, docs/fleet.md).

mod consumer;
mod headers;
mod link;
mod publisher;
mod signals;
mod source;
mod topology;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use lapin::{
    BasicProperties, ErrorKind,
    options::QueueDeclareOptions,
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable},
};
use medley_proto::{Class, ErrorCode, Event, Failure, JobId, Name, Step};

use self::{
    consumer::{AmqpConsumer, AmqpDeadConsumer, Sources},
    headers::{FAILURE, FAILURE_BYTES, PERSISTENT, TRACE, TRACE_BYTES},
    link::{Link, classify},
    publisher::{Outgoing, Publisher},
    signals::Control,
    source::Held,
    source::Source,
    topology::{CONTROL, EVENTS},
};

pub use self::{link::AmqpConfig, topology::definitions};
use super::{DEAD, encode, weights::Weights};
use crate::queue::{Consumer, DeadConsumer, Delivery, EventStream, Queue, QueueError, QueueName};

/// A queue on RabbitMQ. Two connections: the broker may hold up the one that publishes when it is short of memory, and
/// acknowledgements must still get through. A third one takes dead letters: what the client cannot parse (a name that is
/// not UTF-8) breaks its connection, ends here after some deliveries, and must not break that of the steps for ever.
#[derive(Clone)]
pub struct AmqpQueue {
    publisher: Arc<Publisher>,
    link: Arc<Link>,
    dead_link: Arc<Link>,
    sources: Arc<Mutex<HashMap<String, Arc<Source>>>>,
}

impl fmt::Debug for AmqpQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AmqpQueue")
    }
}

impl AmqpQueue {
    /// Connects and declares what every fleet has; `Refused` when the broker would never let it.
    pub async fn connect(config: AmqpConfig) -> Result<Self, QueueError> {
        let publisher = Arc::new(Publisher::new(Link::new(config.clone(), "publisher")));
        publisher.check().await?;
        let dead_link = Arc::new(Link::new(config.clone(), "dead letters"));
        Ok(Self { publisher, link: Arc::new(Link::new(config, "consumer")), dead_link, sources: Arc::default() })
    }

    /// One source for each queue, shared by all consumers of this process.
    fn source(&self, queue: String) -> Arc<Source> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(&queue).filter(|source| source.join()) {
            return Arc::clone(source);
        }
        let link = if queue == DEAD { &self.dead_link } else { &self.link };
        let (link, publisher) = (Arc::clone(link), Arc::clone(&self.publisher));
        let source = Source::start(queue.clone(), link, publisher);
        sources.insert(queue, Arc::clone(&source));
        source
    }

    fn sources(&self, queues: impl IntoIterator<Item = (Class, String)>) -> Sources {
        Sources::new(queues.into_iter().map(|(class, queue)| (class, self.source(queue))).collect())
    }

    /// The message takes the delivery's place: it is confirmed first, and the delivery acknowledged then.
    async fn replace(&self, held: Held, message: Outgoing) -> Result<(), QueueError> {
        self.publisher.publish(vec![message]).await?;
        held.ack().await
    }
}

fn held(delivery: Delivery) -> Result<(Step, Held), QueueError> {
    let Delivery { step, token, .. } = delivery;
    match token.downcast::<Held>() {
        Ok(held) => Ok((step, *held)),
        Err(_) => Err(QueueError::Refused(format!("step {} was not taken from this queue", step.id), None)),
    }
}

fn message(step: &Step) -> Result<Outgoing, QueueError> {
    let queue = QueueName { kind: step.kind.clone(), class: step.class }.to_string();
    let mut headers = FieldTable::default();
    if let Some(traceparent) = step.traceparent.as_deref().filter(|text| text.len() <= TRACE_BYTES) {
        headers.insert(TRACE.into(), AMQPValue::LongString(traceparent.into()));
    }
    Ok(Outgoing::to_steps(&queue, encode(step)?, properties(step).with_headers(headers)))
}

#[cfg(test)]
pub(super) fn can_be_sent(step: &Step) -> Result<(), QueueError> {
    message(step).map(drop)
}

fn properties(step: &Step) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_type(format!("medley.step.v{}", step.v).into())
        .with_app_id("medley".into())
        .with_message_id(format!("{}/{}/{}", step.job, step.id, step.attempt).into())
        .with_timestamp(step.published_ms / 1000)
}

fn json_of(failure: &Failure) -> Result<String, QueueError> {
    let write = |failure: &Failure| {
        serde_json::to_string(failure)
            .map_err(|error| QueueError::Unreadable("a failure cannot be written".into(), Some(error.into())))
    };
    let json = write(failure)?;
    if json.len() <= FAILURE_BYTES {
        return Ok(json);
    }
    let message = failure.message.chars().take(FAILURE_BYTES / 8).collect();
    let code = match failure.code.as_str().len() {
        0..=64 => failure.code.clone(),
        _ => ErrorCode::INTERNAL,
    };
    write(&Failure { message, code, causes: Vec::new(), ..failure.clone() })
}

#[async_trait]
impl Queue for AmqpQueue {
    async fn publish(&self, steps: &[Step]) -> Result<(), QueueError> {
        let messages = steps.iter().map(message).collect::<Result<_, _>>()?;
        self.publisher.publish(messages).await
    }

    async fn consume(&self, queues: &[QueueName]) -> Result<Box<dyn Consumer>, QueueError> {
        for queue in queues {
            self.publisher.declare(&queue.to_string()).await?;
        }
        let sources = self.sources(queues.iter().map(|queue| (queue.class, queue.to_string())));
        Ok(Box::new(AmqpConsumer { sources, weights: Weights::default() }))
    }

    async fn ack(&self, delivery: Delivery) -> Result<(), QueueError> {
        held(delivery)?.1.ack().await
    }

    async fn retry_later(&self, delivery: Delivery, delay: Duration) -> Result<(), QueueError> {
        let (mut step, held) = held(delivery)?;
        step.attempt = step.attempt.saturating_add(1);
        let delay_s = topology::fixed_delay(delay, rand::random());
        let later = Outgoing { exchange: topology::retry_queue(delay_s), ..message(&step)? };
        self.replace(held, later).await
    }

    async fn hand_back(&self, delivery: Delivery) -> Result<(), QueueError> {
        let lost = delivery.lost_before;
        let (step, held) = held(delivery)?;
        held.step_aside().await;
        let mut again = message(&step)?;
        headers::count_losses(&mut again, lost);
        self.replace(held, again).await
    }

    async fn dead_letter(&self, delivery: Delivery, failure: &Failure) -> Result<(), QueueError> {
        let (step, held) = held(delivery)?;
        let failure = json_of(failure)?;
        let mut headers = FieldTable::default();
        headers.insert(FAILURE.into(), AMQPValue::LongString(failure.into()));
        let letter = message(&step)?;
        let properties = properties(&step).with_headers(headers);
        self.replace(held, Outgoing { exchange: DEAD.to_owned(), properties, ..letter }).await
    }

    async fn put_aside(&self, delivery: Delivery, reason: &str) -> Result<(), QueueError> {
        let (step, held) = held(delivery)?;
        let mut aside = message(&step)?;
        headers::put_aside(&mut aside, reason);
        self.replace(held, aside).await
    }

    async fn consume_dead(&self) -> Result<Box<dyn DeadConsumer>, QueueError> {
        Ok(Box::new(AmqpDeadConsumer { sources: self.sources([(Class::Interactive, DEAD.to_owned())]) }))
    }

    async fn depth(&self, queue: &QueueName) -> Result<u64, QueueError> {
        let connection = self.link.connection().await?;
        let channel = connection.create_channel().await.map_err(classify)?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        match channel.queue_declare(queue.to_string().into(), options, FieldTable::default()).await {
            Ok(declared) => Ok(declared.message_count().into()),
            Err(error) => match error.kind() {
                ErrorKind::ProtocolError(amqp) if *amqp.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Ok(0),
                _ => Err(classify(error)),
            },
        }
    }

    async fn send_event(&self, event: &Event) -> Result<(), QueueError> {
        let body = serde_json::to_vec(event)
            .map_err(|error| QueueError::Unreadable("an event cannot be written".into(), Some(error.into())))?;
        self.publisher.tell(EVENTS, &signals::event_key(event), &body).await
    }

    async fn events(&self, tenant: &Name, job: Option<JobId>) -> Result<EventStream, QueueError> {
        self.publisher.check().await?;
        signals::listen(&self.link, EVENTS, &signals::event_pattern(tenant, job)).await
    }

    async fn send_cancel(&self, tenant: &Name, job: JobId) -> Result<(), QueueError> {
        let body = serde_json::to_vec(&Control::Cancel { tenant: tenant.clone(), job })
            .map_err(|error| QueueError::Unreadable("a cancellation cannot be written".into(), Some(error.into())))?;
        self.publisher.tell(CONTROL, "", &body).await
    }

    async fn cancels(&self) -> Result<BoxStream<'static, (Name, JobId)>, QueueError> {
        self.publisher.check().await?;
        let controls = signals::listen(&self.link, CONTROL, "").await?;
        Ok(controls.map(|Control::Cancel { tenant, job }| (tenant, job)).boxed())
    }
}
