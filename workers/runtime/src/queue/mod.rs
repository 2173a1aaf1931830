//! Where steps wait: an SQLite file on one machine, RabbitMQ for a fleet. Both pass `tests/conformance_queue.rs`.

#[cfg(feature = "amqp")]
mod amqp;
mod contract;
mod sqlite;
mod weights;

#[cfg(test)]
mod hostile;

use medley_proto::{Name, Step};
use medley_step::graph::GROUP_MAX;

#[cfg(feature = "amqp")]
pub use amqp::{AmqpConfig, AmqpQueue, definitions};
pub use contract::{Consumer, DeadConsumer, Delivery, EventStream, Queue, QueueError, QueueName};
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

/// The step that a message of `queue` holds. Whatever else is in a queue is nobody's to run: a step of another kind would
/// be computed by a worker that does not serve it, and numbers that no recipe gives lead nowhere.
fn decode(queue: &str, body: &[u8]) -> Result<Step, QueueError> {
    let unreadable = |why: String| Err(QueueError::Unreadable(why, None));
    if body.len() > MAX_MESSAGE_BYTES {
        return unreadable(format!("it has {} bytes, more than the {MAX_MESSAGE_BYTES} of any message", body.len()));
    }
    let step: Step = serde_json::from_slice(body)
        .map_err(|error| QueueError::Unreadable(format!("it is not a step ({error})"), Some(error.into())))?;
    if step.v > Step::MAX_VERSION {
        return unreadable(format!("it is of version {}, newer than this build", step.v));
    }
    if step.group_size > GROUP_MAX || step.id.n >= step.group_size {
        return unreadable(format!("step {} cannot be one of a group of {}", step.id, step.group_size));
    }
    if step.attempt == 0 {
        return unreadable(format!("step {} is of attempt 0, and the first one is 1", step.id));
    }
    if queue != DEAD && !is_of_kind(queue, &step.kind) {
        return unreadable(format!("step {} of kind '{}' lies in the queue {queue}", step.id, step.kind));
    }
    Ok(step)
}

/// Whether steps of the kind belong there. An operator may move them between the classes.
fn is_of_kind(queue: &str, kind: &Name) -> bool {
    let of = queue.strip_prefix("medley.").and_then(|rest| rest.strip_prefix(kind.as_str()));
    of.is_some_and(|class| class.starts_with('.'))
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
