//! One suite for every `Queue`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod queue_suite;

use std::{path::Path, sync::Arc};

use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldArray, FieldTable},
};
use medley_runtime::queue::{AmqpConfig, AmqpQueue, Queue, QueueName, SqliteOptions, SqliteQueue};
use medley_tests::rabbitmq::Broker;
use queue_suite::Place;

const UNREADABLE: &str = "medley.unreadable";

/// Makes a test of each case for each kind of place.
macro_rules! conformance {
    ($($module:ident :: { $($case:ident),* $(,)? })*) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::queue_suite::$module::$case(&crate::SqlitePlace::new()).await;
                }
            )*)*
        }

        mod amqp {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::queue_suite::$module::$case(&crate::AmqpPlace::new()).await;
                }
            )*)*
        }
    };
}

conformance! {
    delivery::{
        a_step_arrives_as_it_was_published,
        a_step_published_before_anyone_listens_waits,
        publishing_nothing_is_nothing,
        a_waiting_consumer_is_woken,
        only_the_queues_asked_for_are_taken_from,
        a_consumer_holds_only_what_it_was_asked_for,
        depth_counts_what_waits,
        steps_may_be_large_and_not_too_large,
        interactive_goes_before_batch_by_four_to_one,
        batch_is_not_starved,
        an_interactive_step_does_not_wait_for_the_batch,
    }
    failing::{
        handing_back_charges_nothing,
        a_retry_is_charged_and_comes_after_its_delay,
        a_long_delay_does_not_hold_up_a_short_one,
        a_dropped_delivery_comes_back_as_a_loss,
        giving_up_waiting_loses_nothing,
        a_killed_process_loses_its_step_at_once,
        dead_letters_keep_their_failure,
        a_step_lost_too_often_becomes_a_dead_letter,
        what_cannot_be_read_is_put_aside,
        what_others_write_stops_nobody,
        a_step_may_be_put_aside,
        a_delivery_of_another_queue_is_refused,
    }
    load::{ nothing_is_lost_among_many, publishing_together_loses_nothing }
    signals::{ events_reach_those_who_asked, cancellations_reach_everyone, nobody_needs_to_listen }
}

struct SqlitePlace {
    folder: tempfile::TempDir,
}

impl SqlitePlace {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("queue.db")
    }

    fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

#[async_trait::async_trait]
impl Place for SqlitePlace {
    async fn open(&self) -> Arc<dyn Queue> {
        // Nothing that is seen here comes of a lease that has ended: it is longer than any test.
        let options = SqliteOptions { lease: 10 * queue_suite::PATIENCE, ..SqliteOptions::default() };
        Arc::new(SqliteQueue::open_with(&self.path(), options).await.unwrap())
    }

    fn answers_at_once(&self) -> bool {
        true
    }

    fn spec(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    async fn inject(&self, queue: &QueueName, body: &[u8]) {
        self.sql()
            .execute("INSERT INTO steps (queue, place, body) VALUES (?1, 0, ?2)", (queue.to_string(), body))
            .unwrap();
    }

    async fn inject_lost(&self, queue: &QueueName, body: &[u8]) {
        let insert = "INSERT INTO steps (queue, place, body, lost) VALUES (?1, 0, ?2, ?3)";
        self.sql().execute(insert, (queue.to_string(), body, i64::MAX)).unwrap();
    }

    async fn reasons(&self) -> Vec<String> {
        let (sql, reasons) = (self.sql(), "SELECT failure FROM steps WHERE queue = 'medley.unreadable'");
        let mut reasons = sql.prepare(reasons).unwrap();
        let reasons = reasons.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        reasons.map(|reason| String::from_utf8(reason.unwrap()).unwrap()).collect()
    }

    async fn unreadable(&self) -> usize {
        let count = "SELECT count(*) FROM steps WHERE queue = 'medley.unreadable'";
        self.sql().query_row(count, [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
    }
}

/// A virtual host of its own on the broker that all tests share.
struct AmqpPlace {
    url: String,
}

impl AmqpPlace {
    fn new() -> Self {
        Self { url: Broker::shared().vhost() }
    }

    async fn send(&self, queue: &QueueName, body: &[u8], properties: BasicProperties) {
        let (_connection, channel) = self.channel().await;
        assert!(channel_depth(&channel, &queue.to_string()).await.is_some(), "whoever consumes declares {queue}");
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish("medley.steps".into(), queue.to_string().into(), options, body, properties);
        sent.await.unwrap().await.unwrap();
    }

    async fn channel(&self) -> (Connection, lapin::Channel) {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }
}

async fn amqp(url: &str) -> AmqpQueue {
    // On a machine that is busy with something else the broker may take longer than the client waits.
    for _ in 0..20 {
        match AmqpQueue::connect(AmqpConfig { url: url.to_owned(), ..AmqpConfig::default() }).await {
            Ok(queue) => return queue,
            Err(error) => eprintln!("the broker cannot be reached yet: {error}"),
        }
    }
    panic!("the broker cannot be reached");
}

#[async_trait::async_trait]
impl Place for AmqpPlace {
    async fn open(&self) -> Arc<dyn Queue> {
        Arc::new(amqp(&self.url).await)
    }

    fn spec(&self) -> String {
        self.url.clone()
    }

    fn answers_at_once(&self) -> bool {
        false
    }

    async fn inject(&self, queue: &QueueName, body: &[u8]) {
        self.send(queue, body, BasicProperties::default().with_delivery_mode(2)).await;
    }

    /// With everything else that a broker would act on when it is published again.
    async fn inject_lost(&self, queue: &QueueName, body: &[u8]) {
        let mut headers = FieldTable::default();
        headers.insert("x-medley-lost".into(), AMQPValue::LongUInt(u32::MAX));
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(5));
        headers.insert("x-medley-failure".into(), AMQPValue::LongString("{".into()));
        headers.insert("traceparent".into(), AMQPValue::LongLongInt(i64::MIN));
        headers.insert("CC".into(), AMQPValue::FieldArray(FieldArray::default()));
        let properties = BasicProperties::default().with_headers(headers).with_user_id("test".into());
        self.send(queue, body, properties).await;
    }

    async fn reasons(&self) -> Vec<String> {
        let (_connection, channel) = self.channel().await;
        let mut reasons = Vec::new();
        // Those that are looked at stay unsettled, and go back with the channel.
        while let Some(message) = channel.basic_get(UNREADABLE.into(), BasicGetOptions::default()).await.unwrap() {
            let headers = message.delivery.properties.headers().clone().unwrap_or_default();
            match headers.inner().get("x-medley-reason") {
                Some(AMQPValue::LongString(reason)) => reasons.push(reason.to_string()),
                other => panic!("put aside without a reason: {other:?}"),
            }
        }
        reasons
    }

    async fn unreadable(&self) -> usize {
        let (_connection, channel) = self.channel().await;
        channel_depth(&channel, UNREADABLE).await.unwrap().try_into().unwrap()
    }
}

async fn channel_depth(channel: &lapin::Channel, queue: &str) -> Option<u32> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
    declared.ok().map(|declared| declared.message_count())
}

/// Not a case by itself: the second process of `a_killed_process_loses_its_step_at_once`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "only this test reads it")]
async fn holder() {
    let Ok(spec) = std::env::var("MEDLEY_TEST_HOLDER") else { return };
    if let Some(path) = spec.strip_prefix("sqlite:") {
        queue_suite::failing::hold(&SqliteQueue::open(Path::new(path)).await.unwrap()).await;
    } else {
        queue_suite::failing::hold(&amqp(&spec).await).await;
    }
}
