//! What a broker and a network do to those who depend on them.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{PATIENCE, both, next, nothing, number, step};
use medley_proto::{Class, Name, Step};
use medley_runtime::queue::{AmqpConfig, AmqpQueue, Queue, QueueError, QueueName, definitions};
use medley_tests::rabbitmq::Broker;

async fn connect(url: &str) -> AmqpQueue {
    AmqpQueue::connect(AmqpConfig { url: url.to_owned(), ..AmqpConfig::default() }).await.unwrap()
}

/// The broker is killed and started again while steps are published, held, retried and acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_loses_nothing() {
    const STEPS: u32 = 120;
    let broker = Arc::new(Broker::start());
    let url = broker.vhost();
    let queue = connect(&url).await;
    let (half, at_half) = tokio::sync::oneshot::channel();
    let publisher = tokio::spawn({
        let queue = queue.clone();
        async move {
            let mut half = Some(half);
            for n in 0..STEPS {
                if n == STEPS / 2 {
                    half.take().unwrap().send(()).unwrap();
                }
                let one = [step("storm", Class::Interactive, n)];
                while queue.publish(&one).await.is_err() {}
            }
        }
    });
    let killer = tokio::task::spawn_blocking({
        let broker = Arc::clone(&broker);
        move || {
            at_half.blocking_recv().unwrap();
            broker.start_again();
        }
    });
    let mut done = BTreeSet::new();
    let mut consumer = queue.consume(&both("storm")).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while done.len() < STEPS as usize {
        assert!(Instant::now() < deadline, "only {} of {STEPS} came", done.len());
        let Ok(Ok(delivery)) = tokio::time::timeout(Duration::from_secs(1), consumer.next()).await else { continue };
        let n = number(&delivery.step);
        if n % 10 == 3 && delivery.step.attempt == 1 {
            let _ = queue.retry_later(delivery, Duration::from_secs(1)).await;
        } else if queue.ack(delivery).await.is_ok() {
            done.insert(n);
        }
    }
    publisher.await.unwrap();
    killer.await.unwrap();
}

/// Connections are closed by the operator; a step that was held comes back, with its loss counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_are_made_again() {
    let url = Broker::shared().vhost();
    let queue = connect(&url).await;
    let mut consumer = queue.consume(&both("cut")).await.unwrap();
    queue.publish(&[step("cut", Class::Batch, 1)]).await.unwrap();
    let held = next(&mut *consumer).await;
    tokio::task::spawn_blocking(move || Broker::shared().cut(&url)).await.unwrap();
    let again = next(&mut *consumer).await;
    assert_eq!((again.lost_before, again.step.attempt), (1, 1));
    queue.ack(held).await.expect("what came too late is no error: the step is given out again");
    queue.ack(again).await.unwrap();
    queue.publish(&[step("cut", Class::Batch, 2)]).await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(number(&delivery.step), 2);
    queue.ack(delivery).await.unwrap();
    nothing(&mut *consumer).await;
}

/// A queue that an operator deletes is there again for those who take from it and for those who publish.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_queue_is_declared_again() {
    let url = Broker::shared().vhost();
    let vhost = url.rsplit_once('/').unwrap().1.to_owned();
    let queue = connect(&url).await;
    let mut consumer = queue.consume(&both("gone")).await.unwrap();
    nothing(&mut *consumer).await;
    let name = QueueName { kind: Name::from_static("gone"), class: Class::Batch }.to_string();
    let delete = move || Broker::shared().ctl(&["delete_queue", "-p", &vhost, &name]);
    tokio::task::spawn_blocking(delete).await.unwrap();
    queue.publish(&[step("gone", Class::Batch, 1)]).await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(number(&delivery.step), 1);
    queue.ack(delivery).await.unwrap();
}

/// A worker is busy for longer than the broker waits for a sign of life.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_go_on_while_steps_are_held() {
    let url = format!("{}?heartbeat=6", Broker::shared().vhost());
    let queue = connect(&url).await;
    let mut consumer = queue.consume(&both("busy")).await.unwrap();
    queue.publish(&[step("busy", Class::Batch, 1)]).await.unwrap();
    let held = next(&mut *consumer).await;
    // The first bytes may be of something else that the client had to say.
    for _ in 0..4 {
        let received = || async {
            let url = url.clone();
            tokio::task::spawn_blocking(move || Broker::shared().received(&url)).await.unwrap()
        };
        let before = received().await;
        let deadline = Instant::now() + PATIENCE;
        while received().await.iter().zip(&before).any(|(now, before)| now <= before) {
            assert!(Instant::now() < deadline, "a connection gives no sign of life: {before:?}");
        }
    }
    queue.ack(held).await.unwrap();
    nothing(&mut *consumer).await;
}

/// What a worker took and cannot start does not wait for it for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_step_goes_back_to_the_others() {
    let url = Broker::shared().vhost();
    let (here, there) = (connect(&url).await, connect(&url).await);
    let names = [Class::Interactive, Class::Batch].map(|class| QueueName { kind: Name::from_static("parked"), class });
    here.publish(&[step("parked", Class::Interactive, 1), step("parked", Class::Batch, 2)]).await.unwrap();
    let mut first = here.consume(&names).await.unwrap();
    let busy = next(&mut *first).await;
    let mut second = there.consume(&names).await.unwrap();
    let delivery = next(&mut *second).await;
    // Which of them comes first is the broker's to say.
    assert_eq!(number(&busy.step) + number(&delivery.step), 3, "the other one");
    assert_eq!(delivery.lost_before, 0, "handing back is no loss");
    there.ack(delivery).await.unwrap();
}

#[tokio::test]
async fn a_broker_that_will_never_let_us_in_is_told_apart() {
    let url = Broker::shared().vhost();
    let refused = [url.replace("test:test", "test:wrong"), url.replace("/t", "/no-such-vhost-"), "nonsense".into()];
    for url in refused {
        let answer = AmqpQueue::connect(AmqpConfig { url: url.clone(), ..AmqpConfig::default() }).await;
        assert!(matches!(answer, Err(QueueError::Refused(..))), "{url}: {answer:?}");
        assert!(!answer.unwrap_err().to_string().contains("wrong"), "the password is not shown");
    }
    let nobody = format!("amqp://127.0.0.1:{}", medley_tests::free_port());
    let answer = AmqpQueue::connect(AmqpConfig { url: nobody, ..AmqpConfig::default() }).await;
    assert!(matches!(answer, Err(QueueError::Unavailable(..))), "{answer:?}");
}

#[tokio::test]
async fn credentials_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    std::fs::write(&file, "test:test\n").unwrap();
    let url = Broker::shared().vhost().replace("test:test", "nobody:nothing");
    AmqpQueue::connect(AmqpConfig { url, credentials_file: Some(file), ..AmqpConfig::default() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_trusts_the_ca_that_it_is_given_and_no_other() {
    let broker = Broker::start_with_tls();
    let (url, ca_file) = broker.tls_vhost();
    let stranger = AmqpQueue::connect(AmqpConfig { url: url.clone(), ..AmqpConfig::default() }).await;
    assert!(stranger.is_err(), "a certificate of an unknown CA was trusted");
    let queue = AmqpQueue::connect(AmqpConfig { url, ca_file: Some(ca_file), ..AmqpConfig::default() }).await.unwrap();
    queue.publish(&[step("tls", Class::Batch, 1)]).await.unwrap();
    let delivery = next(&mut *queue.consume(&both("tls")).await.unwrap()).await;
    queue.ack(delivery).await.unwrap();
}

/// An operator declared everything from the exported file; the fleet finds its queues as it wants them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exported_definitions_are_what_is_declared() {
    let broker = Broker::shared();
    let url = broker.vhost();
    let vhost = url.rsplit_once('/').unwrap().1.to_owned();
    let names = both("exported");
    broker.import(&definitions(&vhost, &names));
    let listed = broker.ctl(&["list_queues", "-p", &vhost, "name", "type"]);
    assert!(names.iter().all(|name| listed.contains(&format!("{name}\tquorum"))), "{listed}");
    let queue = connect(&url).await;
    queue.publish(&[step("exported", Class::Batch, 1)]).await.unwrap();
    let mut consumer = queue.consume(&names).await.unwrap();
    let delivery = next(&mut *consumer).await;
    queue.retry_later(delivery, Duration::from_secs(1)).await.unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(delivery.step, Step { attempt: 2, ..step("exported", Class::Batch, 1) });
    queue.ack(delivery).await.unwrap();
}
