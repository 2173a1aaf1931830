//! A step from publish to ack.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::Duration;

use medley_proto::{Class, Step};
use medley_runtime::queue::{MAX_MESSAGE_BYTES, QueueError};
use serde_json::json;

use super::*;

pub(crate) async fn a_step_arrives_as_it_was_published(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    let published = step("plain", Class::Interactive, 7);
    let mut consumer = there.consume(&both("plain")).await.unwrap();
    here.publish(std::slice::from_ref(&published)).await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(delivery.step, published);
    assert_eq!(delivery.lost_before, 0);
    there.ack(delivery).await.unwrap();
    nothing(&mut *consumer).await;
    depth_becomes(&*here, &queue_name("plain", Class::Interactive), 0).await;
}

pub(crate) async fn a_step_published_before_anyone_listens_waits(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&steps("early", Class::Batch, 3)).await.unwrap();
    drop(queue);
    let queue = place.open().await;
    let mut consumer = queue.consume(&both("early")).await.unwrap();
    for n in 0..3 {
        let delivery = next(&mut *consumer).await;
        assert_eq!(number(&delivery.step), n, "steps of one queue come in order when nothing goes wrong");
        queue.ack(delivery).await.unwrap();
    }
}

pub(crate) async fn publishing_nothing_is_nothing(place: &dyn Place) {
    place.open().await.publish(&[]).await.unwrap();
}

pub(crate) async fn a_waiting_consumer_is_woken(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    let mut consumer = there.consume(&both("woken")).await.unwrap();
    for publisher in [&here, &there] {
        let delivery = {
            let mut waiting = std::pin::pin!(next(&mut *consumer));
            assert!(futures_util::poll!(&mut waiting).is_pending(), "nothing was published yet");
            publisher.publish(&[step("woken", Class::Interactive, 0)]).await.unwrap();
            waiting.await
        };
        there.ack(delivery).await.unwrap();
    }
}

pub(crate) async fn only_the_queues_asked_for_are_taken_from(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&[step("mine", Class::Batch, 1), step("other", Class::Interactive, 2)]).await.unwrap();
    queue.publish(&[step("mine", Class::Interactive, 3), step("third", Class::Batch, 4)]).await.unwrap();
    let wanted = [queue_name("mine", Class::Batch), queue_name("third", Class::Batch)];
    let mut consumer = queue.consume(&wanted).await.unwrap();
    let (a, b) = (next(&mut *consumer).await, next(&mut *consumer).await);
    let mut numbers = [number(&a.step), number(&b.step)];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 4]);
    nothing(&mut *consumer).await;
    queue.ack(a).await.unwrap();
    queue.ack(b).await.unwrap();
    depth_becomes(&*queue, &queue_name("mine", Class::Interactive), 1).await;
}

pub(crate) async fn a_consumer_holds_only_what_it_was_asked_for(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    here.publish(&steps("few", Class::Interactive, 3)).await.unwrap();
    let mut first = here.consume(&both("few")).await.unwrap();
    let a = next(&mut *first).await;
    // `first` is busy now: the other consumer gets the rest, without delay.
    let mut second = there.consume(&both("few")).await.unwrap();
    let (b, c) = (next(&mut *second).await, next(&mut *second).await);
    assert_eq!([number(&a.step), number(&b.step), number(&c.step)], [0, 1, 2]);
    for (queue, delivery) in [(&here, a), (&there, b), (&there, c)] {
        queue.ack(delivery).await.unwrap();
    }
}

pub(crate) async fn depth_counts_what_waits(place: &dyn Place) {
    let queue = place.open().await;
    let name = queue_name("deep", Class::Batch);
    assert_eq!(queue.depth(&name).await.unwrap(), 0, "of a queue that nobody has heard of");
    queue.publish(&steps("deep", Class::Batch, 5)).await.unwrap();
    depth_becomes(&*queue, &name, 5).await;
    let mut consumer = queue.consume(std::slice::from_ref(&name)).await.unwrap();
    let held = next(&mut *consumer).await;
    drop(consumer);
    depth_becomes(&*queue, &name, 4).await;
    queue.retry_later(held, Duration::from_secs(3600)).await.unwrap();
    depth_becomes(&*queue, &name, 4).await;
}

pub(crate) async fn steps_may_be_large_and_not_too_large(place: &dyn Place) {
    let queue = place.open().await;
    let sized = |bytes: usize| Step {
        params: json!({ "n": 1, "text": "字".repeat(bytes / 3) }),
        ..step("large", Class::Interactive, 1)
    };
    let large = sized(MAX_MESSAGE_BYTES - 2048);
    let too_large = queue.publish(&[sized(MAX_MESSAGE_BYTES)]).await;
    assert!(matches!(too_large, Err(QueueError::TooLarge { .. })), "{too_large:?}");
    queue.publish(std::slice::from_ref(&large)).await.unwrap();
    let mut consumer = queue.consume(&both("large")).await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert!(delivery.step == large, "the large step came back different");
    queue.ack(delivery).await.unwrap();
}

pub(crate) async fn interactive_goes_before_batch_by_four_to_one(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&steps("weights", Class::Batch, 40)).await.unwrap();
    queue.publish(&steps("weights", Class::Interactive, 40)).await.unwrap();
    let mut consumer = queue.consume(&both("weights")).await.unwrap();
    let mut taken = Vec::new();
    while taken.len() < 50 {
        let delivery = next(&mut *consumer).await;
        taken.push(delivery.step.class);
        queue.ack(delivery).await.unwrap();
    }
    let batch = taken.iter().filter(|&&class| class == Class::Batch).count();
    // Of a broker on a busy machine an urgent step may come too late for its turn.
    let most = if place.answers_at_once() { 12 } else { 25 };
    assert!((8..=most).contains(&batch), "{batch} of 50 were batch steps, not 10: {taken:?}");
}

pub(crate) async fn batch_is_not_starved(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&steps("starved", Class::Interactive, 10)).await.unwrap();
    queue.publish(&[step("starved", Class::Batch, 0)]).await.unwrap();
    let mut consumer = queue.consume(&both("starved")).await.unwrap();
    for n in 10..60 {
        let delivery = next(&mut *consumer).await;
        let class = delivery.step.class;
        queue.ack(delivery).await.unwrap();
        if class == Class::Batch {
            return;
        }
        queue.publish(&[step("starved", Class::Interactive, n)]).await.unwrap();
    }
    panic!("a batch step waited while 50 interactive ones were taken");
}

pub(crate) async fn an_interactive_step_does_not_wait_for_the_batch(place: &dyn Place) {
    let queue = place.open().await;
    queue.publish(&steps("urgent", Class::Batch, 300)).await.unwrap();
    let mut consumer = queue.consume(&both("urgent")).await.unwrap();
    for _ in 0..50 {
        let delivery = next(&mut *consumer).await;
        queue.ack(delivery).await.unwrap();
    }
    queue.publish(&[step("urgent", Class::Interactive, 0)]).await.unwrap();
    for taken in 0.. {
        let delivery = next(&mut *consumer).await;
        let class = delivery.step.class;
        queue.ack(delivery).await.unwrap();
        if class == Class::Interactive {
            return;
        }
        let most = if place.answers_at_once() { 8 } else { 60 };
        assert!(taken < most, "the interactive step waits behind {taken} batch steps");
    }
}
