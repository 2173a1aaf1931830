//! What the headers of a message say, and how a message is published once more.

use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable},
};

use super::publisher::Outgoing;
use crate::queue::{DEAD, UNREADABLE};

/// Losses before the message was republished: the broker counts anew for each message.
const LOST: &str = "x-medley-lost";
/// The broker's own count, absent on the first delivery.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// The last failure of a dead letter, as JSON.
pub(super) const FAILURE: &str = "x-medley-failure";
/// A failure that is larger than this as JSON loses its causes: headers share one frame of 128 KiB.
pub(super) const FAILURE_BYTES: usize = 48 << 10;
/// W3C's `traceparent`, which has 55 characters as long as its version is 00.
pub(super) const TRACE: &str = "traceparent";
pub(super) const TRACE_BYTES: usize = 512;
/// Why a message was put aside, and where it lay.
pub(super) const REASON: &str = "x-medley-reason";
pub(super) const CAME_FROM: &str = "x-medley-queue";
/// A message that outlives a restart of the broker.
pub(super) const PERSISTENT: u8 = 2;

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
    count(LOST).unwrap_or(0).saturating_add(count(DELIVERY_COUNT).unwrap_or(0))
}

/// Notes on a new message what the broker would forget.
pub(super) fn count_losses(message: &mut Outgoing, lost: u32) {
    let mut headers = message.properties.headers().clone().unwrap_or_default();
    headers.insert(LOST.into(), AMQPValue::LongUInt(lost));
    message.properties = message.properties.clone().with_headers(headers);
}

/// Turns a message to where a person finds it, and says why.
pub(super) fn put_aside(message: &mut Outgoing, reason: &str) {
    const REASON_CHARS: usize = 1_000;
    let mut headers = message.properties.headers().clone().unwrap_or_default();
    let reason: String = reason.chars().take(REASON_CHARS).collect();
    headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
    headers.insert(CAME_FROM.into(), AMQPValue::LongString(message.key.as_str().into()));
    message.properties = message.properties.clone().with_headers(headers);
    message.exchange = String::new();
    message.key = UNREADABLE.to_owned();
}

/// The same message once more, for the end of its queue.
///
/// Only what a step's message of ours has is taken over. The broker acts on the rest, and refuses some of it: `user-id`
/// must be the publisher's own, `CC` must be a list, `expiration` throws the message away.
pub(super) fn republished(queue: &str, delivery: &Delivery) -> Outgoing {
    let mut again = Outgoing::to_steps(queue, delivery.data.clone(), ours(&delivery.properties));
    count_losses(&mut again, lost_before(&delivery.properties));
    if queue == DEAD {
        again.exchange = DEAD.to_owned();
    }
    again
}

fn ours(properties: &BasicProperties) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, max_bytes) in [(FAILURE, FAILURE_BYTES), (TRACE, TRACE_BYTES)] {
        let value = properties.headers().as_ref().and_then(|headers| headers.inner().get(name));
        if let Some(AMQPValue::LongString(text)) = value
            && text.as_bytes().len() <= max_bytes
        {
            headers.insert(name.into(), AMQPValue::LongString(text.clone()));
        }
    }
    let mut own = BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(headers);
    if let Some(kind) = properties.kind() {
        own = own.with_type(kind.clone());
    }
    if let Some(id) = properties.message_id() {
        own = own.with_message_id(id.clone());
    }
    if let Some(time) = properties.timestamp() {
        own = own.with_timestamp(*time);
    }
    own.with_content_type("application/json".into()).with_app_id("medley".into())
}

#[cfg(test)]
mod tests {
    use lapin::types::{LongString, ShortString};
    use proptest::prelude::*;

    use super::*;

    fn with(headers: FieldTable) -> BasicProperties {
        BasicProperties::default().with_headers(headers)
    }

    fn number() -> impl Strategy<Value = AMQPValue> {
        prop_oneof![
            any::<i64>().prop_map(AMQPValue::LongLongInt),
            any::<i32>().prop_map(AMQPValue::LongInt),
            any::<u32>().prop_map(AMQPValue::LongUInt),
            any::<i16>().prop_map(AMQPValue::ShortInt),
            any::<u16>().prop_map(AMQPValue::ShortUInt),
            any::<i8>().prop_map(AMQPValue::ShortShortInt),
            any::<u64>().prop_map(AMQPValue::Timestamp),
            any::<f64>().prop_map(AMQPValue::Double),
            any::<String>().prop_map(|text| AMQPValue::LongString(LongString::from(text))),
            Just(AMQPValue::LongUInt(u32::MAX)),
            Just(AMQPValue::LongLongInt(i64::MIN)),
            Just(AMQPValue::Void),
        ]
    }

    proptest! {
        #[test]
        fn no_header_makes_a_count_overflow(lost in number(), delivered in number()) {
            let mut headers = FieldTable::default();
            headers.insert(LOST.into(), lost);
            headers.insert(DELIVERY_COUNT.into(), delivered);
            lost_before(&with(headers));
        }
    }

    #[test]
    fn losses_add_up_and_stop_at_the_largest_number() {
        let counts = |lost, delivered| {
            let mut headers = FieldTable::default();
            headers.insert(LOST.into(), AMQPValue::LongLongInt(lost));
            headers.insert(DELIVERY_COUNT.into(), AMQPValue::LongLongInt(delivered));
            lost_before(&with(headers))
        };
        assert_eq!((counts(2, 3), counts(i64::from(u32::MAX), 5), counts(-1, 5)), (5, u32::MAX, 5));
    }

    #[test]
    fn what_the_broker_would_act_on_is_not_published_again() {
        let mut headers = FieldTable::default();
        for name in ["CC", "x-death", "x-delay", "whatever"] {
            headers.insert(name.into(), AMQPValue::LongUInt(1));
        }
        headers.insert(TRACE.into(), AMQPValue::LongString("00-a-b-01".into()));
        headers.insert(FAILURE.into(), AMQPValue::LongString("x".repeat(FAILURE_BYTES + 1).into()));
        let foreign = with(headers)
            .with_user_id("somebody".into())
            .with_expiration("1".into())
            .with_delivery_mode(1)
            .with_message_id("m".into());
        let own = ours(&foreign);
        let names: Vec<_> = own.headers().iter().flat_map(|headers| headers.inner().keys()).collect();
        assert_eq!(names, [&ShortString::from(TRACE)]);
        assert_eq!((own.user_id(), own.expiration(), own.delivery_mode()), (&None, &None, &Some(PERSISTENT)));
        assert_eq!(own.message_id().as_ref().map(ShortString::as_str), Some("m"));
    }
}
