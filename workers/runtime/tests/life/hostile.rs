//! Messages and records that none of our programs writes: they stop no worker, and what comes after them is done.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;

use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use libtest_mimic::Trial;
use medley_proto::{Class, ErrorCode, JobId, JobState, Lineage, Name, Outcome, Step, StepId, VERSION};
use medley_runtime::store::{Key, ObjectMeta};
use serde_json::json;

use crate::{
    fleet::{Fleet, Remote, TENANT, numbers, until},
    kinds::Do,
    test,
};

const QUEUE: &str = "medley.act.interactive";
const UNREADABLE: &str = "medley.unreadable";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("sums_and_counts_that_do_not_fit_stop_nobody", sums_and_counts_that_do_not_fit_stop_nobody),
        test("messages_that_mean_nothing_are_put_aside", messages_that_mean_nothing_are_put_aside),
        test("a_step_of_a_job_that_cannot_be_read_is_put_aside", a_step_of_a_damaged_job_is_put_aside),
        test("a_damaged_result_ends_its_job", a_damaged_result_ends_its_job),
        test("a_dead_letter_of_any_number_of_attempts_is_kept", a_dead_letter_of_any_attempt_is_kept),
    ]
}

/// A step that nobody planned.
fn step(job: JobId, act: &Do) -> Step {
    Step {
        v: VERSION,
        tenant: TENANT,
        job,
        job_kind: Name::from_static("acts"),
        id: StepId::new(Name::from_static("extra"), 0, 0),
        kind: Name::from_static("act"),
        class: Class::Interactive,
        group_size: 1,
        stage_size: None,
        attempt: 1,
        params: json!(act),
        inputs: Vec::new(),
        cache_key: None,
        deadline_ms: None,
        published_ms: 0,
        lineage: Lineage::default(),
        traceparent: None,
    }
}

/// Puts a message where a worker of acts takes it, as one that was lost more often than can be counted.
async fn inject(folder: &Path, body: &[u8]) {
    let Some(remote) = Remote::of(folder) else {
        let insert = "INSERT INTO steps (queue, place, body, lost) VALUES (?1, 0, ?2, ?3)";
        let sql = rusqlite::Connection::open(folder.join("queue.db")).unwrap();
        sql.execute(insert, (QUEUE, body, i64::MAX)).unwrap();
        return;
    };
    let connection = Connection::connect(&remote.broker, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut headers = FieldTable::default();
    headers.insert("x-medley-lost".into(), AMQPValue::LongUInt(u32::MAX));
    headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(5));
    let properties = BasicProperties::default().with_headers(headers);
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let sent = channel.basic_publish("medley.steps".into(), QUEUE.into(), options, body, properties).await.unwrap();
    assert!(matches!(sent.await.unwrap(), lapin::Confirmation::Ack(None)), "the queue is there");
}

/// How many messages lie where a person finds them.
async fn put_aside(folder: &Path) -> u64 {
    let Some(remote) = Remote::of(folder) else {
        let sql = rusqlite::Connection::open(folder.join("queue.db")).unwrap();
        let count = "SELECT count(*) FROM steps WHERE queue = ?1";
        return sql.query_row(count, [UNREADABLE], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned();
    };
    let connection = Connection::connect(&remote.broker, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
    let declared = channel.queue_declare(UNREADABLE.into(), options, FieldTable::default()).await.unwrap();
    declared.message_count().into()
}

/// A job whose own step waits for ever, so that what is injected is what happens to it.
async fn waiting_job(fleet: &Fleet) -> JobId {
    fleet.submit(&[Do::CountWhen { number: 1, file: fleet.folder.path().join("never") }]).await
}

async fn the_next_job_is_done(fleet: &Fleet) {
    let job = fleet.submit(&numbers(3)).await;
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
}

async fn damage(fleet: &Fleet, key: &str) {
    let key = Key::parse(key).unwrap();
    let garbage = bytes::Bytes::from_static(br#"{"v":1,"id":"#);
    fleet.client.store().put(&key, garbage, &ObjectMeta::default()).await.unwrap();
}

async fn sums_and_counts_that_do_not_fit_stop_nobody() {
    let fleet = Fleet::new().await;
    let job = waiting_job(&fleet).await;
    let mut hostile = step(job, &Do::Count { number: 1, ms: 0 });
    (hostile.lineage.compute_ms, hostile.lineage.steps) = (u64::MAX, u64::MAX);
    (hostile.published_ms, hostile.deadline_ms) = (u64::MAX, Some(u64::MAX));
    inject(fleet.folder.path(), &serde_json::to_vec(&hostile).unwrap()).await;
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    // The recipe has no such stage: what an unknown step leaves must not pass for the job's end.
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Failed, u64::MAX));
    let error = manifest.error.unwrap();
    assert!(error.code == ErrorCode::INTERNAL && error.message.contains("has no stage 'extra'"), "{error:?}");
    the_next_job_is_done(&fleet).await;
    workers.stop().await.unwrap();
    assert!(fleet.attempts(job).await.is_empty());
}

async fn messages_that_mean_nothing_are_put_aside() {
    let fleet = Fleet::new().await;
    let job = waiting_job(&fleet).await;
    let with = |change: fn(&mut Step)| {
        let mut step = step(job, &Do::Count { number: 1, ms: 0 });
        change(&mut step);
        serde_json::to_vec(&step).unwrap()
    };
    let bodies = [
        b"\xff\x00".to_vec(),
        b"{}".to_vec(),
        with(|step| step.v = u16::MAX),
        with(|step| step.group_size = u32::MAX),
        with(|step| step.id.n = u32::MAX),
        with(|step| step.attempt = 0),
        // Nobody could start a process for it.
        with(|step| step.kind = Name::from_static("nonsense")),
    ];
    for body in &bodies {
        inject(fleet.folder.path(), body).await;
    }
    let workers = fleet.workers();
    let folder = fleet.folder.path();
    until("all of them to be put aside", || async { put_aside(folder).await == bodies.len() as u64 }).await;
    the_next_job_is_done(&fleet).await;
    workers.stop().await.unwrap();
}

async fn a_step_of_a_damaged_job_is_put_aside() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&numbers(1)).await;
    damage(&fleet, &format!("test/jobs/{job}/job.json")).await;
    let workers = fleet.workers();
    let folder = fleet.folder.path();
    until("it to be put aside", || async { put_aside(folder).await == 1 }).await;
    the_next_job_is_done(&fleet).await;
    workers.stop().await.unwrap();
}

async fn a_damaged_result_ends_its_job() {
    let fleet = Fleet::new().await;
    let gate = fleet.folder.path().join("gate");
    let job = fleet.submit(&[Do::Count { number: 1, ms: 0 }, Do::CountWhen { number: 2, file: gate.clone() }]).await;
    let workers = fleet.workers();
    let result = format!("test/jobs/{job}/steps/act/0/0/result.json");
    until("the first result", || async { fleet.keys().await.contains(&result) }).await;
    damage(&fleet, &result).await;
    std::fs::write(&gate, b"").unwrap();
    let error = fleet.wait(job).await.error.unwrap();
    assert_eq!(error.code, ErrorCode::new("state_damaged"), "{error:?}");
    the_next_job_is_done(&fleet).await;
    workers.stop().await.unwrap();
}

async fn a_dead_letter_of_any_attempt_is_kept() {
    let fleet = Fleet::new().await;
    let job = waiting_job(&fleet).await;
    let hostile = Step { attempt: u32::MAX, ..step(job, &Do::FailWhile { file: "/".into() }) };
    inject(fleet.folder.path(), &serde_json::to_vec(&hostile).unwrap()).await;
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Failed);
    assert_eq!(fleet.state(job).await, JobState::Failed);
    let letters = fleet.client.dead_letters_of(&TENANT, job).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts.len()), (1, 1), "{letters:?}");
    the_next_job_is_done(&fleet).await;
    workers.stop().await.unwrap();
}
