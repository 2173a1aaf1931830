//! Exchanges, queues and bindings as data: declared by whoever needs them, and exported for operators who declare
//! everything up front (docs/decisions/0022-rabbitmq-topology.md).

use std::time::Duration;

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use serde_json::{Map, Value, json};

use crate::queue::{DEAD, DELIVERY_LIMIT, QueueName, UNREADABLE};

pub(super) const STEPS: &str = "medley.steps";
pub(super) const EVENTS: &str = "medley.events";
pub(super) const CONTROL: &str = "medley.control";

/// The delays that a failed step can wait; one queue each, since a queue's messages expire in order.
pub(super) const DELAYS_S: [u64; 11] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/// Of queues whose messages no number of deliveries may remove. RabbitMQ 4 would put 20 where nothing is said.
const NO_LIMIT: u32 = 1_000_000;

/// The queue (and the exchange of the same name) of one delay: `medley.retry.60s`.
pub(super) fn retry_queue(delay_s: u64) -> String {
    format!("medley.retry.{delay_s}s")
}

/// The fixed delay for a wanted one: one of the two neighbours, by chance, so that on average it is the wanted one and
/// steps that failed together do not come back together.
pub(super) fn fixed_delay(wanted: Duration, chance: f64) -> u64 {
    let wanted_s = wanted.as_secs_f64();
    let above = DELAYS_S.iter().position(|&delay| delay as f64 >= wanted_s);
    match above {
        None => DELAYS_S[DELAYS_S.len() - 1],
        Some(0) => DELAYS_S[0],
        Some(above) => {
            let (low, high) = (DELAYS_S[above - 1], DELAYS_S[above]);
            let share = (wanted_s - low as f64) / (high - low) as f64;
            if chance < share { high } else { low }
        }
    }
}

struct Exchange {
    name: String,
    kind: ExchangeKind,
}

struct Queue {
    name: String,
    arguments: Map<String, Value>,
    /// Exchange and routing key.
    bound_to: Option<(String, String)>,
}

/// What one queue of steps, or everything that is there anyway, consists of.
pub(super) struct Topology {
    exchanges: Vec<Exchange>,
    queues: Vec<Queue>,
}

/// At-least-once dead-lettering keeps a message in its queue until the target has confirmed it.
fn dead_lettering_to(exchange: &str) -> [(&'static str, Value); 3] {
    [
        ("x-dead-letter-exchange", exchange.into()),
        ("x-dead-letter-strategy", "at-least-once".into()),
        ("x-overflow", "reject-publish".into()),
    ]
}

fn quorum(delivery_limit: u32, more: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    let own = [("x-queue-type", Value::from("quorum")), ("x-delivery-limit", delivery_limit.into())];
    own.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Topology {
    /// What every fleet has.
    pub(super) fn common() -> Self {
        let mut exchanges = vec![
            Exchange { name: STEPS.into(), kind: ExchangeKind::Direct },
            Exchange { name: DEAD.into(), kind: ExchangeKind::Fanout },
            Exchange { name: EVENTS.into(), kind: ExchangeKind::Topic },
            Exchange { name: CONTROL.into(), kind: ExchangeKind::Fanout },
        ];
        let mut queues = vec![
            Queue { name: DEAD.into(), arguments: quorum(NO_LIMIT, []), bound_to: Some((DEAD.into(), String::new())) },
            Queue { name: UNREADABLE.into(), arguments: quorum(NO_LIMIT, []), bound_to: None },
        ];
        for delay_s in DELAYS_S {
            // A fanout keeps the routing key, which leads the expired message back to its own queue.
            let name = retry_queue(delay_s);
            exchanges.push(Exchange { name: name.clone(), kind: ExchangeKind::Fanout });
            let ttl = ("x-message-ttl", Value::from(delay_s * 1000));
            let arguments = quorum(NO_LIMIT, dead_lettering_to(STEPS).into_iter().chain([ttl]));
            queues.push(Queue { name: name.clone(), arguments, bound_to: Some((name, String::new())) });
        }
        Self { exchanges, queues }
    }

    /// The queue of one kind and class.
    pub(super) fn of_steps(queue: &str) -> Self {
        let arguments = quorum(DELIVERY_LIMIT, dead_lettering_to(DEAD));
        let bound_to = Some((STEPS.to_owned(), queue.to_owned()));
        Self { exchanges: Vec::new(), queues: vec![Queue { name: queue.into(), arguments, bound_to }] }
    }

    /// Declares what is missing; what is there must be the same.
    pub(super) async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        for exchange in &self.exchanges {
            let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
            channel
                .exchange_declare(exchange.name.as_str().into(), exchange.kind.clone(), options, FieldTable::default())
                .await?;
        }
        for queue in &self.queues {
            let name = queue.name.as_str();
            channel.queue_declare(name.into(), QueueDeclareOptions::durable(), table(&queue.arguments)).await?;
            if let Some((exchange, key)) = &queue.bound_to {
                channel
                    .queue_bind(
                        name.into(),
                        exchange.as_str().into(),
                        key.as_str().into(),
                        QueueBindOptions::default(),
                        FieldTable::default(),
                    )
                    .await?;
            }
        }
        Ok(())
    }
}

fn table(arguments: &Map<String, Value>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        let value = match value {
            Value::String(text) => AMQPValue::LongString(text.as_str().into()),
            number => AMQPValue::LongLongInt(number.as_i64().unwrap_or_default()),
        };
        table.insert(name.as_str().into(), value);
    }
    table
}

/// The topology of a fleet that serves these queues, as RabbitMQ's definitions file has it (`load_definitions`,
/// `rabbitmqctl import_definitions`). Users and permissions are the operator's.
pub fn definitions(vhost: &str, queues: &[QueueName]) -> Value {
    let names: Vec<_> = queues.iter().map(QueueName::to_string).collect();
    let parts: Vec<_> =
        std::iter::once(Topology::common()).chain(names.iter().map(|name| Topology::of_steps(name))).collect();
    let exchange = |exchange: &Exchange| {
        let kind = match exchange.kind {
            ExchangeKind::Topic => "topic",
            ExchangeKind::Direct => "direct",
            _ => "fanout",
        };
        json!({ "name": exchange.name, "vhost": vhost, "type": kind, "durable": true, "auto_delete": false,
                "internal": false, "arguments": {} })
    };
    let queue = |queue: &Queue| {
        json!({ "name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false,
                "arguments": queue.arguments })
    };
    let binding = |queue: &Queue| {
        let (source, routing_key) = queue.bound_to.as_ref()?;
        Some(json!({ "source": source, "vhost": vhost, "destination": queue.name, "destination_type": "queue",
                     "routing_key": routing_key, "arguments": {} }))
    };
    let all_queues = || parts.iter().flat_map(|part| &part.queues);
    json!({
        "vhosts": [{ "name": vhost }],
        "exchanges": parts.iter().flat_map(|part| &part.exchanges).map(exchange).collect::<Vec<_>>(),
        "queues": all_queues().map(queue).collect::<Vec<_>>(),
        "bindings": all_queues().filter_map(binding).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_delays_are_the_wanted_ones_on_average() {
        for (wanted_ms, chance, delay_s) in [
            (0, 0.5, 1),
            (1000, 0.0, 1),
            (1000, 0.99, 1),
            (1500, 0.4, 2),
            (1500, 0.6, 1),
            (5000, 0.5, 5),
            (86_400_000, 0.5, 3600),
        ] {
            assert_eq!(fixed_delay(Duration::from_millis(wanted_ms), chance), delay_s, "{wanted_ms} ms");
        }
        let average = (0..1000).map(|n| fixed_delay(Duration::from_secs(20), f64::from(n) / 1000.0)).sum::<u64>();
        assert_eq!(average / 1000, 20);
    }
}
