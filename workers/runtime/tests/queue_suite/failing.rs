//! A step that is not simply done: handed back, retried, dropped, killed, given up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::{Duration, Instant};

use medley_proto::{Class, ErrorCode, Failure};
use medley_runtime::queue::{DELIVERY_LIMIT, QueueError};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;

pub(crate) async fn handing_back_charges_nothing(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    here.publish(&[step("back", Class::Interactive, 1)]).await.unwrap();
    let mut consumer = here.consume(&both("back")).await.unwrap();
    let delivery = next(&mut *consumer).await;
    let published = delivery.step.clone();
    here.hand_back(delivery).await.unwrap();
    drop(consumer);
    let delivery = next(&mut *there.consume(&both("back")).await.unwrap()).await;
    assert_eq!(delivery.step, published);
    assert_eq!(delivery.lost_before, 0);
    there.ack(delivery).await.unwrap();
    depth_becomes(&*here, &queue_name("back", Class::Interactive), 0).await;
}

pub(crate) async fn a_retry_is_charged_and_comes_after_its_delay(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&[step("retry", Class::Batch, 1)]).await.unwrap();
    let mut consumer = queue.consume(&both("retry")).await.unwrap();
    for attempt in 1..4 {
        let delivery = next(&mut *consumer).await;
        assert_eq!(delivery.step.attempt, attempt);
        assert_eq!(delivery.lost_before, 0);
        let before = Instant::now();
        queue.retry_later(delivery, Duration::from_secs(1)).await.unwrap();
        let delivery = next(&mut *consumer).await;
        let after = before.elapsed();
        assert!(after >= Duration::from_millis(700), "after {after:?}, not one second");
        queue.hand_back(delivery).await.unwrap();
    }
    let delivery = next(&mut *consumer).await;
    assert_eq!(delivery.step, medley_proto::Step { attempt: 4, ..step("retry", Class::Batch, 1) });
    queue.ack(delivery).await.unwrap();
}

pub(crate) async fn a_long_delay_does_not_hold_up_a_short_one(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&steps("delays", Class::Interactive, 3)).await.unwrap();
    let mut consumer = queue.consume(&both("delays")).await.unwrap();
    for delay_s in [3600, 2, 1] {
        let delivery = next(&mut *consumer).await;
        queue.retry_later(delivery, Duration::from_secs(delay_s)).await.unwrap();
    }
    let (a, b) = (next(&mut *consumer).await, next(&mut *consumer).await);
    let mut came = [number(&a.step), number(&b.step)];
    came.sort_unstable();
    assert_eq!(came, [1, 2]);
    queue.ack(a).await.unwrap();
    queue.ack(b).await.unwrap();
}

pub(crate) async fn a_dropped_delivery_comes_back_as_a_loss(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&[step("dropped", Class::Interactive, 1)]).await.unwrap();
    let mut consumer = queue.consume(&both("dropped")).await.unwrap();
    for lost in 0..3 {
        let delivery = next(&mut *consumer).await;
        assert_eq!(delivery.lost_before, lost);
        assert_eq!(delivery.step.attempt, 1);
    }
    let delivery = next(&mut *consumer).await;
    queue.ack(delivery).await.unwrap();
    depth_becomes(&*queue, &queue_name("dropped", Class::Interactive), 0).await;
}

pub(crate) async fn giving_up_waiting_loses_nothing(place: &dyn Place) {
    let queue = place.open().await;
    let mut consumer = queue.consume(&both("giving-up")).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let publisher = tokio::spawn({
        let queue = place.open().await;
        async move {
            for one in steps("giving-up", Class::Interactive, 200) {
                queue.publish(&[one]).await.unwrap();
            }
        }
    });
    // At every point of what `next` does, and once in a while not at all.
    for round in 1.. {
        let came = match round % 6 {
            0 => Some(next(&mut *consumer).await),
            looks => give_up_after(looks, &mut *consumer).await,
        };
        if let Some(delivery) = came {
            assert_eq!(delivery.lost_before, 0, "what was never handed out is no loss");
            seen.insert(number(&delivery.step));
            queue.ack(delivery).await.unwrap();
        }
        if seen.len() == 200 {
            break;
        }
    }
    publisher.await.unwrap();
    nothing(&mut *consumer).await;
}

/// A process of its own takes a step and is killed.
pub(crate) async fn a_killed_process_loses_its_step_at_once(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&[step("killed", Class::Interactive, 1)]).await.unwrap();
    let mut holder = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--nocapture"])
        .env("MEDLEY_TEST_HOLDER", place.spec())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().expect("the holder takes the step").contains("holding") {}
    let mut consumer = queue.consume(&both("killed")).await.unwrap();
    nothing(&mut *consumer).await;
    holder.kill().await.unwrap();
    // Long before its lease ends, which is longer than anybody waits here.
    let delivery = next(&mut *consumer).await;
    assert_eq!(delivery.lost_before, 1);
    assert_eq!(delivery.step.attempt, 1);
    queue.ack(delivery).await.unwrap();
}

/// The process of the case above.
pub(crate) async fn hold(queue: &dyn Queue) {
    let mut consumer = queue.consume(&both("killed")).await.unwrap();
    let _held = next(&mut *consumer).await;
    println!("holding");
    std::future::pending::<()>().await;
}

fn failure() -> Failure {
    Failure {
        v: VERSION,
        code: ErrorCode::COMPUTE_CRASHED,
        message: "the step crashed – 崩溃".into(),
        causes: vec!["signal 11".into()],
        attempt: 3,
        at_ms: 1,
    }
}

pub(crate) async fn dead_letters_keep_their_failure(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&[step("dead", Class::Batch, 1)]).await.unwrap();
    let mut consumer = queue.consume(&both("dead")).await.unwrap();
    let delivery = next(&mut *consumer).await;
    let published = delivery.step.clone();
    queue.dead_letter(delivery, &failure()).await.unwrap();
    nothing(&mut *consumer).await;
    let mut dead = queue.consume_dead().await.unwrap();
    let letter = tokio::time::timeout(PATIENCE, dead.next()).await.unwrap().unwrap();
    assert_eq!((&letter.0.step, &letter.1), (&published, &Some(failure())));
    // Whoever moves it to the store dies before it has.
    drop(letter);
    let letter = tokio::time::timeout(PATIENCE, dead.next()).await.unwrap().unwrap();
    assert_eq!((&letter.0.step, &letter.1), (&published, &Some(failure())));
    queue.ack(letter.0).await.unwrap();
    assert!(tokio::time::timeout(GLANCE, dead.next()).await.is_err());
}

pub(crate) async fn a_step_lost_too_often_becomes_a_dead_letter(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&[step("hopeless", Class::Interactive, 1)]).await.unwrap();
    let mut consumer = queue.consume(&both("hopeless")).await.unwrap();
    for lost in 0..=DELIVERY_LIMIT {
        assert_eq!(next(&mut *consumer).await.lost_before, lost);
    }
    nothing(&mut *consumer).await;
    let mut dead = queue.consume_dead().await.unwrap();
    let (letter, failure) = tokio::time::timeout(PATIENCE, dead.next()).await.unwrap().unwrap();
    assert_eq!((number(&letter.step), failure), (1, None));
    queue.ack(letter).await.unwrap();
}

pub(crate) async fn what_cannot_be_read_is_put_aside(place: &dyn Place) {
    let queue = place.open().await;
    let name = queue_name("unreadable", Class::Interactive);
    let mut consumer = queue.consume(std::slice::from_ref(&name)).await.unwrap();
    let newer =
        medley_proto::Step { v: medley_proto::Step::MAX_VERSION + 1, ..step("unreadable", Class::Interactive, 1) };
    for body in [&b"\xff\x00"[..], b"{}", b"", &serde_json::to_vec(&newer).unwrap()] {
        place.inject(&name, body).await;
    }
    queue.publish(&[step("unreadable", Class::Interactive, 5)]).await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(number(&delivery.step), 5);
    queue.ack(delivery).await.unwrap();
    unreadable_becomes(place, 4).await;
    assert!(place.reasons().await.iter().any(|reason| reason.contains("newer than this build")));
}

async fn unreadable_becomes(place: &dyn Place, wanted: usize) {
    let deadline = Instant::now() + PATIENCE;
    while place.unreadable().await < wanted {
        assert!(Instant::now() < deadline, "only {} of {wanted} were put aside", place.unreadable().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(place.unreadable().await, wanted, "nothing is thrown away");
}

/// Numbers, kinds and headers that none of our programs writes: what means something is served, the rest is put aside,
/// and in both cases the next step comes.
pub(crate) async fn what_others_write_stops_nobody(place: &dyn Place) {
    let queue = place.open().await;
    let name = queue_name("foreign", Class::Interactive);
    let mut consumer = queue.consume(std::slice::from_ref(&name)).await.unwrap();
    let body = |change: &dyn Fn(&mut medley_proto::Step)| {
        let mut step = step("foreign", Class::Interactive, 1);
        change(&mut step);
        serde_json::to_vec(&step).unwrap()
    };
    let served = [
        body(&|step| (step.lineage.compute_ms, step.lineage.steps) = (u64::MAX, u64::MAX)),
        body(&|step| (step.attempt, step.published_ms, step.deadline_ms) = (u32::MAX, u64::MAX, Some(u64::MAX))),
        body(&|step| step.traceparent = Some("x".repeat(300_000))),
    ];
    for body in &served {
        place.inject_lost(&name, body).await;
        let delivery = next(&mut *consumer).await;
        assert!(delivery.lost_before > 1_000_000, "{}", delivery.lost_before);
        queue.hand_back(delivery).await.unwrap();
        let delivery = next(&mut *consumer).await;
        queue.retry_later(delivery, Duration::from_millis(1)).await.unwrap();
        let delivery = next(&mut *consumer).await;
        queue.ack(delivery).await.unwrap();
    }
    let refused = [
        body(&|step| step.group_size = 0),
        body(&|step| step.group_size = u32::MAX),
        body(&|step| step.id.n = 64),
        body(&|step| step.attempt = 0),
        body(&|step| step.kind = Name::from_static("other")),
        br#"{"v":1,"attempt":1e999}"#.to_vec(),
        "[".repeat(100_000).into_bytes(),
    ];
    for body in &refused {
        place.inject_lost(&name, body).await;
    }
    queue.publish(&[step("foreign", Class::Interactive, 5)]).await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(number(&delivery.step), 5);
    queue.ack(delivery).await.unwrap();
    unreadable_becomes(place, refused.len()).await;
    assert!(place.reasons().await.iter().any(|reason| reason.contains("lies in the queue")));
}

/// A step whose job cannot be read is kept with its reason, and its queue goes on.
pub(crate) async fn a_step_may_be_put_aside(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&[step("aside", Class::Batch, 1), step("aside", Class::Batch, 2)]).await.unwrap();
    let mut consumer = queue.consume(&both("aside")).await.unwrap();
    let delivery = next(&mut *consumer).await;
    queue.put_aside(delivery, "its job is damaged").await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(number(&delivery.step), 2);
    queue.ack(delivery).await.unwrap();
    unreadable_becomes(place, 1).await;
    assert_eq!(place.reasons().await, ["its job is damaged"]);
}

pub(crate) async fn a_delivery_of_another_queue_is_refused(place: &dyn Place) {
    let queue = place.open().await;
    let stranger = Delivery { step: step("stranger", Class::Batch, 1), lost_before: 0, token: Box::new("not a token") };
    assert!(matches!(queue.ack(stranger).await, Err(QueueError::Refused(..))));
}
