//! Events by topic, cancellations by fanout. Both are lossy: a listener that is away misses them.

use std::sync::Arc;

use futures_util::{StreamExt, stream::BoxStream};
use lapin::{
    Channel, Connection,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use medley_proto::{Event, JobId, Name};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::queue::QueueError;

use super::link::{Link, classify};

/// How many signals wait for a slow listener before the oldest are dropped.
const BACKLOG: i32 = 10_000;

/// What is sent to every worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Control {
    Cancel { tenant: Name, job: JobId },
}

/// `<tenant>.<job>.<step>`, or `-` in the step's place for events of the whole job.
pub(super) fn event_key(event: &Event) -> String {
    let step = event.step.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    format!("{}.{}.{step}", event.tenant, event.job)
}

pub(super) fn event_pattern(tenant: &Name, job: Option<JobId>) -> String {
    match job {
        Some(job) => format!("{tenant}.{job}.*"),
        None => format!("{tenant}.*.*"),
    }
}

/// Closes the channel, and with it the queue, when the stream is dropped.
struct Listener {
    consumer: lapin::Consumer,
    _channel: Channel,
    _connection: Arc<Connection>,
}

/// What is sent to an exchange from now on, in a queue that lives as long as the stream.
pub(super) async fn listen<T: DeserializeOwned + Send + 'static>(
    link: &Link,
    exchange: &str,
    key: &str,
) -> Result<BoxStream<'static, T>, QueueError> {
    let connection = link.connection().await?;
    let consumer = async {
        let channel = connection.create_channel().await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(BACKLOG));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let queue = channel.queue_declare("".into(), options, arguments).await?.name().clone();
        channel
            .queue_bind(queue.clone(), exchange.into(), key.into(), QueueBindOptions::default(), FieldTable::default())
            .await?;
        let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..Default::default() };
        let consumer = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
        Ok::<_, lapin::Error>((consumer, channel))
    };
    let (consumer, channel) = consumer.await.map_err(classify)?;
    let listener = Listener { consumer, _channel: channel, _connection: connection };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        loop {
            // The stream ends when the connection does.
            let delivery = listener.consumer.next().await?.ok()?;
            if let Ok(signal) = serde_json::from_slice(&delivery.data) {
                return Some((signal, listener));
            }
        }
    });
    Ok(stream.boxed())
}
