//! The sweeper and retention, with a clock that the test sets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use libtest_mimic::Trial;
use medley_proto::{Name, Outcome, Step};
use medley_runtime::{
    Client, Clock, Error, Request, Settings, Swept, TenantSettings,
    store::{Key, ObjectMeta},
};
use serde_json::json;

use crate::{
    fleet::{self, Doomed, Fleet, TENANT, gathered, numbers, request},
    kinds::act,
    test,
};

pub(crate) const HOUR_MS: u64 = 3_600_000;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_job_whose_messages_were_lost_is_pushed_on", a_lost_job_is_pushed_on),
        test("marks_that_were_lost_are_written", marks_that_were_lost_are_written),
        test("a_job_that_version_1_began_ends", a_job_that_version_1_began_ends),
        test("a_damaged_job_keeps_no_other_from_the_sweeper", a_damaged_job_keeps_no_other_from_the_sweeper),
        test("a_cancelled_job_whose_messages_were_lost_ends", a_lost_cancellation_is_pushed_on),
        test("a_long_queue_is_not_a_lost_one", a_long_queue_is_not_a_lost_one),
        test("markers_that_lead_nowhere_are_removed", markers_that_lead_nowhere_are_removed),
        test("finished_jobs_are_kept_as_long_as_agreed", finished_jobs_are_kept_as_long_as_agreed),
    ]
}

pub(crate) struct Late {
    pub(crate) fleet: Fleet,
    ahead_ms: Arc<AtomicU64>,
}

/// A fleet whose clock can be put forward.
pub(crate) async fn late(change: impl FnOnce(&mut Settings)) -> Late {
    let mut fleet = Fleet::with(change).await;
    let ahead_ms = Arc::new(AtomicU64::new(0));
    let ahead = ahead_ms.clone();
    let clock = Clock::new(move || Clock::system().now_ms() + ahead.load(Ordering::Relaxed));
    fleet.client = Client::new(fleet.client.backend().clone().with_clock(clock));
    Late { fleet, ahead_ms }
}

impl Late {
    pub(crate) fn put_forward(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// The same store with a queue that knows of nothing.
    pub(crate) async fn lose_the_queue(&mut self) {
        let elsewhere = self.fleet.folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        fleet::furnish(&elsewhere);
        let ahead = self.ahead_ms.clone();
        let clock = Clock::new(move || Clock::system().now_ms() + ahead.load(Ordering::Relaxed));
        let client = &self.fleet.client;
        let lost =
            fleet::over(fleet::queue(&elsewhere).await, client.store().clone(), client.backend().settings().clone());
        self.fleet.client = Client::new(lost.backend().clone().with_clock(clock));
    }
}

async fn a_lost_job_is_pushed_on() {
    let mut late = late(|_| ()).await;
    let job = late.fleet.submit(&numbers(70)).await;
    late.lose_the_queue().await;
    assert_eq!(late.fleet.sweep().await.unwrap(), Swept::default(), "it is too early to tell");
    late.put_forward(2 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().pushed, 1);
    let workers = late.fleet.workers();
    let manifest = late.fleet.wait(job).await;
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Succeeded, 73));
    workers.stop().await.unwrap();
}

/// All steps are done and none is queued: only the marks of their groups are missing.
async fn marks_that_were_lost_are_written() {
    let mut late = late(|_| ()).await;
    let job = late.fleet.client.submit(gathered(70)).await.unwrap().job.id;
    let status = Doomed::start("worker", late.fleet.folder.path(), "before_mark:2").died().await;
    assert!(!status.success());
    late.lose_the_queue().await;
    late.put_forward(2 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().pushed, 1);
    let workers = late.fleet.workers();
    let manifest = late.fleet.wait(job).await;
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Succeeded, 73));
    workers.stop().await.unwrap();
}

/// Its steps lie in the queue as version 1 wrote them: without the size of their stage.
async fn a_job_that_version_1_began_ends() {
    let mut late = late(|_| ()).await;
    let job = late.fleet.client.submit(gathered(70)).await.unwrap().job.id;
    late.lose_the_queue().await;
    let step = |n: u32| {
        let message = json!({
            "v": 1, "tenant": "test", "job": job, "job_kind": "gathered", "id": act(n), "kind": "act",
            "class": "batch", "group_size": if n < 64 { 64 } else { 6 }, "attempt": 1,
            "params": { "leave": { "number": n } }, "published_ms": 1,
        });
        serde_json::from_value::<Step>(message).unwrap()
    };
    let steps: Vec<Step> = (0..70).map(step).collect();
    assert!(steps.iter().all(|step| step.stage_size.is_none()));
    late.fleet.client.backend().queue().publish(&steps).await.unwrap();
    let workers = late.fleet.workers();
    let manifest = late.fleet.wait(job).await;
    workers.stop().await.unwrap();
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Succeeded, 73));
    let out = late.fleet.folder.path().join("out");
    let paths = late.fleet.client.fetch(&TENANT, job, &out).await.unwrap();
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), (0..70).sum::<u64>().to_string());
}

async fn a_damaged_job_keeps_no_other_from_the_sweeper() {
    let mut late = late(|settings| {
        settings
            .tenants
            .insert(Name::from_static("test"), TenantSettings { keep_days: Some(2), ..TenantSettings::default() });
    })
    .await;
    let store = late.fleet.client.store().clone();
    for _ in 0..2 {
        let damaged = late.fleet.submit(&numbers(1)).await;
        let key = Key::new(["test", "jobs", &damaged.to_string(), "job.json"]).unwrap();
        store.put(&key, bytes::Bytes::from_static(b"{"), &ObjectMeta::default()).await.unwrap();
    }
    let job = late.fleet.submit(&numbers(2)).await;
    late.lose_the_queue().await;
    late.put_forward(72 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().pushed, 1);
    let workers = late.fleet.workers();
    assert_eq!(late.fleet.wait(job).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
}

async fn a_lost_cancellation_is_pushed_on() {
    let mut late = late(|_| ()).await;
    let job = late.fleet.submit(&numbers(1)).await;
    late.fleet.client.cancel(&TENANT, job).await.unwrap();
    late.lose_the_queue().await;
    late.put_forward(2 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().pushed, 1);
    let workers = late.fleet.workers();
    assert_eq!(late.fleet.wait(job).await.outcome, Outcome::Cancelled);
    workers.stop().await.unwrap();
}

async fn a_long_queue_is_not_a_lost_one() {
    let late = late(|_| ()).await;
    late.fleet.submit(&numbers(3)).await;
    late.put_forward(48 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap(), Swept::default());
}

async fn markers_that_lead_nowhere_are_removed() {
    let late = late(|_| ()).await;
    let ended = late.fleet.run(&numbers(1)).await.job;
    let store = late.fleet.client.store();
    let marker = |job: &str| Key::new(["test", "open", job]).unwrap();
    for job in [ended.to_string(), "01ARZ3NDEKTSV4RRFFQ69G5FAV".into()] {
        let body = bytes::Bytes::from_static(br#"{"created_ms":5,"sweeps":0}"#);
        store.put(&marker(&job), body, &ObjectMeta::default()).await.unwrap();
    }
    late.put_forward(2 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap(), Swept { markers: 2, ..Swept::default() });
    assert!(!late.fleet.keys().await.iter().any(|key| key.starts_with("test/open/")));
}

async fn finished_jobs_are_kept_as_long_as_agreed() {
    let late = late(|settings| {
        settings
            .tenants
            .insert(Name::from_static("test"), TenantSettings { keep_days: Some(2), ..TenantSettings::default() });
    })
    .await;
    let cached = Request { params: json!({ "acts": numbers(1), "cached": true }), ..request(&[]) };
    let job = late.fleet.client.submit(cached).await.unwrap().job.id;
    let workers = late.fleet.workers();
    late.fleet.wait(job).await;
    workers.stop().await.unwrap();
    let cache = || async { late.fleet.keys().await.into_iter().filter(|key| key.starts_with("test/cache/")).count() };
    assert!(cache().await > 0);
    let open = late.fleet.submit(&numbers(1)).await;
    late.put_forward(47 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().removed, 0);
    late.put_forward(2 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().removed, 1);
    assert_eq!(cache().await, 0, "what only this job made goes with it");
    assert!(matches!(late.fleet.client.status(&TENANT, job).await, Err(Error::NoSuchJob(_))));
    late.fleet.client.status(&TENANT, open).await.unwrap();
    late.put_forward(24 * HOUR_MS);
    late.fleet.sweep().await.unwrap();
    assert_eq!(cache().await, 0);
}
