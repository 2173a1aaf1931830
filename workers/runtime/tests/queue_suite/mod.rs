//! What every `Queue` promises, as cases over a place where one can be opened any number of times.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod amqp;
pub(crate) mod delivery;
pub(crate) mod failing;
pub(crate) mod load;
pub(crate) mod signals;
mod sqlite;

use std::{sync::Arc, task::Poll, time::Duration};

use medley_proto::{Class, JobId, Lineage, Name, Step, StepId, VERSION};
use medley_runtime::queue::{Consumer, Delivery, Queue, QueueName};
use serde_json::json;

/// Long enough for a busy machine; nothing waits so long that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// How long to look for what must not come. A slow machine shows less of it, and never something that is not there.
pub(crate) const GLANCE: Duration = Duration::from_millis(300);

/// Where a queue is: what `open` takes.
#[async_trait::async_trait]
pub(crate) trait Place: Send + Sync {
    /// Another way to the same queue, as another process would open it.
    async fn open(&self) -> Arc<dyn Queue>;

    /// What `open_spec` of a second process opens.
    fn spec(&self) -> String;

    /// Puts a message that no build can read into a queue.
    async fn inject(&self, queue: &QueueName, body: &[u8]);

    /// Publishes a step with counts of losses as only somebody else would write them.
    async fn inject_lost(&self, queue: &QueueName, body: &[u8]);

    /// Why messages were put aside.
    async fn reasons(&self) -> Vec<String>;

    /// Whether what waits in a queue is known at once, and does not have to come over a network first.
    fn answers_at_once(&self) -> bool;

    /// How many messages were put aside as unreadable.
    async fn unreadable(&self) -> usize;
}

pub(crate) fn queue_name(kind: &str, class: Class) -> QueueName {
    QueueName { kind: kind.parse().unwrap(), class }
}

pub(crate) fn both(kind: &str) -> Vec<QueueName> {
    Class::ALL.map(|class| queue_name(kind, class)).to_vec()
}

pub(crate) fn tenant() -> Name {
    Name::from_static("tenant")
}

pub(crate) fn job(key: &str) -> JobId {
    JobId::from_key(&tenant(), key)
}

/// The `n`th step of a made-up job.
pub(crate) fn step(kind: &str, class: Class, n: u32) -> Step {
    Step {
        v: VERSION,
        tenant: tenant(),
        job: job("job"),
        job_kind: kind.parse().unwrap(),
        id: StepId::new(Name::from_static("stage"), n / 64, n % 64),
        kind: kind.parse().unwrap(),
        class,
        group_size: 64,
        stage_size: None,
        attempt: 1,
        params: json!({ "n": n, "text": "录音 №1 \u{1f399} – \u{0} \"quoted\" \u{202e}" }),
        inputs: Vec::new(),
        cache_key: None,
        deadline_ms: Some(u64::MAX >> 11),
        published_ms: 1_700_000_000_000,
        lineage: Lineage::default(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
    }
}

pub(crate) fn steps(kind: &str, class: Class, count: u32) -> Vec<Step> {
    (0..count).map(|n| step(kind, class, n)).collect()
}

pub(crate) fn number(step: &Step) -> u64 {
    step.params["n"].as_u64().unwrap()
}

/// The next step, which must come.
pub(crate) async fn next(consumer: &mut dyn Consumer) -> Delivery {
    tokio::time::timeout(PATIENCE, consumer.next()).await.expect("a step comes").expect("the queue works")
}

/// Nothing must come.
pub(crate) async fn nothing(consumer: &mut dyn Consumer) {
    let came = tokio::time::timeout(GLANCE, consumer.next()).await;
    assert!(came.is_err(), "nothing was to come: {came:?}");
}

/// Asks for a step and gives up after so many looks at what `next` waits for, however long they take.
pub(crate) async fn give_up_after(looks: usize, consumer: &mut dyn Consumer) -> Option<Delivery> {
    let mut next = std::pin::pin!(consumer.next());
    let mut left = looks;
    let looked = std::future::poll_fn(|cx| {
        left -= 1;
        match next.as_mut().poll(cx) {
            Poll::Ready(came) => Poll::Ready(Some(came)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    tokio::time::timeout(PATIENCE, looked).await.expect("something happens").map(|came| came.expect("the queue works"))
}

/// Waits until a queue is as deep as that: what happens to a dropped delivery takes its time.
pub(crate) async fn depth_becomes(queue: &dyn Queue, name: &QueueName, wanted: u64) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let depth = queue.depth(name).await.unwrap();
        if depth == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "the depth of {name} stays {depth}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
