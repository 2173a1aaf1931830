//! Many at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::*;

/// Eight consumers on two connections, with publishers beside them, every fate of a step mixed: nothing is lost, and
/// what was settled does not come again.
pub(crate) async fn nothing_is_lost_among_many(place: &dyn Place) {
    const STEPS: usize = 1_200;
    let queues = [place.open().await, place.open().await];
    let done = Arc::new(Mutex::new(BTreeMap::<u64, u32>::new()));
    let taken = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for publisher in 0..6 {
        let queue = Arc::clone(&queues[publisher % 2]);
        tasks.spawn(async move {
            let class = Class::ALL[publisher % 2];
            let mine: Vec<_> = (0..STEPS).filter(|n| n % 6 == publisher).collect();
            for some in mine.chunks(if publisher < 2 { 1 } else { 25 }) {
                let some: Vec<_> = some.iter().map(|&n| step("many", class, u32::try_from(n).unwrap())).collect();
                queue.publish(&some).await.unwrap();
            }
        });
    }
    for consumer in 0..8 {
        let queue = Arc::clone(&queues[consumer % 2]);
        let (done, taken) = (Arc::clone(&done), Arc::clone(&taken));
        tasks.spawn(async move {
            let mut consumer = queue.consume(&both("many")).await.unwrap();
            while done.lock().unwrap().len() < STEPS {
                let Ok(delivery) = tokio::time::timeout(GLANCE, consumer.next()).await else { continue };
                let delivery = delivery.unwrap();
                let nth = taken.fetch_add(1, Ordering::Relaxed);
                match nth % 40 {
                    7 => queue.hand_back(delivery).await.unwrap(),
                    17 => queue.retry_later(delivery, Duration::from_millis(1)).await.unwrap(),
                    27 => drop(delivery),
                    _ => {
                        let n = number(&delivery.step);
                        queue.ack(delivery).await.unwrap();
                        *done.lock().unwrap().entry(n).or_default() += 1;
                    }
                }
            }
        });
    }
    let all = async { while tasks.join_next().await.transpose().unwrap().is_some() {} };
    let ended = tokio::time::timeout(PATIENCE, all).await;
    let done = done.lock().unwrap();
    assert!(ended.is_ok(), "only {} of {STEPS} steps were done", done.len());
    let twice: Vec<_> = done.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "acknowledged and given out again without any fault: {twice:?}");
}

/// Whoever publishes at the same time shares the disk's waits; none is told before its steps are safe.
pub(crate) async fn publishing_together_loses_nothing(place: &dyn Place) {
    let queue = place.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..300 {
        let queue = Arc::clone(&queue);
        tasks.spawn(async move { queue.publish(&[step("together", Class::Batch, n)]).await.unwrap() });
    }
    while tasks.join_next().await.transpose().unwrap().is_some() {}
    depth_becomes(&*queue, &queue_name("together", Class::Batch), 300).await;
}
