//! `AmqpQueue` beside the shortest loops that keep the same promises with lapin alone, and beside Celery.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use medley_proto::Step;
use medley_runtime::queue::{AmqpConfig, AmqpQueue, Queue, QueueName};
use medley_tests::rabbitmq::Broker;
use tokio::task::JoinSet;

use super::{ROUNDS, median, rate, step};

const STEPS: u32 = 4_000;
/// Steps in one call of `publish`, as a recipe that scatters makes it.
const GROUP: usize = 64;
/// Workers' slots.
const SLOTS: u32 = 8;

/// How long publishing and how long taking and acknowledging took.
type Phases = (Duration, Duration);
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

async fn ours(url: &str) -> Outcome<Phases> {
    let queue = AmqpQueue::connect(AmqpConfig { url: url.to_owned(), ..AmqpConfig::default() }).await?;
    let steps: Vec<Step> = (0..STEPS).map(step).collect();
    let began = Instant::now();
    for group in steps.chunks(GROUP) {
        queue.publish(group).await?;
    }
    let published = began.elapsed();
    let began = Instant::now();
    let mut slots = JoinSet::new();
    for slot in 0..SLOTS {
        let queue = queue.clone();
        slots.spawn(async move {
            let name = QueueName { kind: step(0).kind, class: step(0).class };
            let mut consumer = queue.consume(&[name]).await.expect("the queue works");
            for _ in (0..STEPS).filter(|n| n % SLOTS == slot) {
                let delivery = consumer.next().await.expect("the queue works");
                queue.ack(delivery).await.expect("the queue works");
            }
        });
    }
    slots.join_all().await;
    Ok((published, began.elapsed()))
}

async fn bare(url: &str) -> Outcome<Phases> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare("bare".into(), QueueDeclareOptions::durable(), arguments).await?;
    let steps: Vec<Step> = (0..STEPS).map(step).collect();
    let began = Instant::now();
    for group in steps.chunks(GROUP) {
        let mut confirms = Vec::new();
        for step in group {
            let body = serde_json::to_vec(step)?;
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let properties = BasicProperties::default().with_delivery_mode(2);
            confirms.push(channel.basic_publish("".into(), "bare".into(), options, &body, properties).await?);
        }
        for confirm in confirms {
            assert!(confirm.await?.is_ack());
        }
    }
    let published = began.elapsed();
    let began = Instant::now();
    let mut slots = JoinSet::new();
    for slot in 0..SLOTS {
        let channel = connection.create_channel().await?;
        slots.spawn(async move {
            channel.basic_qos(1, BasicQosOptions::default()).await.expect("the broker works");
            let consumer =
                channel.basic_consume("bare".into(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
            let mut consumer = consumer.await.expect("the broker works");
            for _ in (0..STEPS).filter(|n| n % SLOTS == slot) {
                let delivery = consumer.next().await.expect("a message comes").expect("the broker works");
                let _: Step = serde_json::from_slice(&delivery.data).expect("it is a step");
                delivery.ack(BasicAckOptions::default()).await.expect("the broker works");
            }
        });
    }
    // A slot that ends early gives its prefetched message back to those that go on.
    slots.join_all().await;
    Ok((published, began.elapsed()))
}

/// Runs Celery's half, which prints the seconds of its two phases.
async fn celery(python: &str, peer: &str, url: &str) -> Outcome<Phases> {
    let output = tokio::process::Command::new(python).args([peer, url, &STEPS.to_string()]).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut seconds = text.split_whitespace().rev().take(2).map(str::parse::<f64>);
    let (Some(Ok(taken)), Some(Ok(published))) = (seconds.next(), seconds.next()) else {
        return Err(format!("celery: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    };
    Ok((Duration::from_secs_f64(published), Duration::from_secs_f64(taken)))
}

pub(super) async fn bench(peer: Option<(&str, &str)>) -> Outcome<()> {
    let broker = tokio::task::spawn_blocking(Broker::shared).await?;
    let (mut own, mut lapin, mut celeries) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        lapin.push(bare(&broker.vhost()).await?);
        own.push(ours(&broker.vhost()).await?);
        // Slow, and steady enough for fewer rounds.
        if let Some((python, script)) = peer.filter(|_| round < 3) {
            celeries.push(celery(python, script, &broker.vhost()).await?);
        }
    }
    println!(
        "RabbitMQ, {STEPS} steps, quorum queue, confirms, {SLOTS} slots of prefetch 1, ack each; median of {ROUNDS}\n"
    );
    println!(
        "| | published a second | taken and acknowledged a second | both | of bare lapin |\n|---|---:|---:|---:|---:|"
    );
    let both = |phases: &[Phases]| median(phases.iter().map(|(publish, take)| *publish + *take).collect());
    let least = both(&lapin);
    for (name, phases) in [("bare lapin", &lapin), ("AmqpQueue", &own), ("Celery, prefetch 8, 8 threads", &celeries)] {
        if phases.is_empty() {
            continue;
        }
        let [publish, take] = [0, 1]
            .map(|phase| rate(STEPS, median(phases.iter().map(|it| if phase == 0 { it.0 } else { it.1 }).collect())));
        let ratio = least.as_secs_f64() / both(phases).as_secs_f64();
        println!("| {name} | {publish:.0} | {take:.0} | {:.0} | {ratio:.2} |", rate(STEPS, both(phases)));
    }
    Ok(())
}
