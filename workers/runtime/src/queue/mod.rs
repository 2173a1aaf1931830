//! Where steps wait: an SQLite file on one machine, RabbitMQ for a fleet. Both pass `tests/conformance_queue.rs`.

mod amqp;
mod sqlite;
mod weights;

use medley_proto::{Step, VERSION};
use medley_step::QueueError;

pub use amqp::{AmqpConfig, AmqpQueue, definitions};
pub use sqlite::{SqliteOptions, SqliteQueue};

/// How often a step may be lost with the worker that held it before the queue gives it up as a dead letter. A high, fixed
/// net: what kills its compute is found and charged by the worker long before.
pub const DELIVERY_LIMIT: u32 = 20;

/// The largest message. RabbitMQ 4 takes 16 MiB unless told otherwise.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// Where dead letters wait for the handler that moves them into the store.
pub(crate) const DEAD: &str = "medley.dead";

/// Where messages are put that this build cannot read: nothing takes from it but a person.
pub(crate) const UNREADABLE: &str = "medley.unreadable";

fn encode(step: &Step) -> Result<Vec<u8>, QueueError> {
    let body = serde_json::to_vec(step)
        .map_err(|error| QueueError::Unreadable(format!("step {} cannot be written", step.id), Some(error.into())))?;
    if body.len() > MAX_MESSAGE_BYTES {
        return Err(QueueError::TooLarge { bytes: body.len(), limit: MAX_MESSAGE_BYTES });
    }
    Ok(body)
}

fn decode(body: &[u8]) -> Result<Step, QueueError> {
    let step: Step = serde_json::from_slice(body)
        .map_err(|error| QueueError::Unreadable("it is not a step".into(), Some(error.into())))?;
    if step.v > VERSION {
        return Err(QueueError::Unreadable(format!("it is of version {}, newer than this build", step.v), None));
    }
    Ok(step)
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
