//! Cancelling in every state, and stopping gently.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use futures_util::StreamExt;
use libtest_mimic::Trial;
use medley_proto::{ErrorCode, EventBody, JobState, Outcome};

use crate::{
    fleet::{Doomed, Fleet, TENANT, numbers, until},
    kinds::Do,
    test,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_queued_job_is_cancelled", a_queued_job_is_cancelled),
        test("a_running_job_is_cancelled", a_running_job_is_cancelled),
        test("a_job_whose_step_hears_nothing_is_cancelled", a_deaf_job_is_cancelled),
        test("a_scattered_job_is_cancelled", a_scattered_job_is_cancelled),
        test("an_ended_job_is_not_cancelled", an_ended_job_is_not_cancelled),
        test("a_stopping_worker_hands_back_uncharged", a_stopping_worker_hands_back_uncharged),
        test("a_stopping_worker_lets_short_steps_end", a_stopping_worker_lets_short_steps_end),
        test("a_terminated_worker_exits_with_0", a_terminated_worker_exits_with_0),
    ]
}

async fn a_queued_job_is_cancelled() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&numbers(3)).await;
    assert_eq!(fleet.client.cancel(&TENANT, job).await.unwrap(), JobState::Cancelling);
    assert_eq!(fleet.state(job).await, JobState::Cancelling);
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    assert_eq!((manifest.outcome, manifest.error.unwrap().code), (Outcome::Cancelled, ErrorCode::CANCELLED));
    workers.stop().await.unwrap();
    let results = fleet.keys().await.into_iter().filter(|key| key.ends_with("result.json"));
    assert_eq!(results.count(), 0, "nothing of it was computed");
}

async fn a_running_job_is_cancelled() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&[Do::Linger]).await;
    let workers = fleet.started(job, || fleet.workers()).await;
    fleet.client.cancel(&TENANT, job).await.unwrap();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Cancelled);
    // Its slots are free again.
    for job in [fleet.submit(&numbers(2)).await, fleet.submit(&numbers(2)).await] {
        assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
    }
    workers.stop().await.unwrap();
}

async fn a_deaf_job_is_cancelled() {
    let fleet = Fleet::with(|settings| settings.worker.slots = 1).await;
    let job = fleet.submit(&[Do::Hang]).await;
    let workers = fleet.started(job, || fleet.workers()).await;
    fleet.client.cancel(&TENANT, job).await.unwrap();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Cancelled);
    let next = fleet.submit(&numbers(1)).await;
    assert_eq!(fleet.wait(next).await.outcome, Outcome::Succeeded, "the slot was taken from it");
    workers.stop().await.unwrap();
}

async fn a_scattered_job_is_cancelled() {
    let fleet = Fleet::new().await;
    let acts: Vec<_> = (0..130).map(|number| Do::Count { number, ms: 20 }).collect();
    let job = fleet.submit(&acts).await;
    let workers = fleet.workers();
    until("some results", || async { fleet.state(job).await == JobState::Running }).await;
    fleet.client.cancel(&TENANT, job).await.unwrap();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Cancelled);
    workers.stop().await.unwrap();
}

async fn an_ended_job_is_not_cancelled() {
    let fleet = Fleet::new().await;
    let job = fleet.run(&numbers(1)).await.job;
    assert_eq!(fleet.client.cancel(&TENANT, job).await.unwrap(), JobState::Succeeded);
    assert_eq!(fleet.state(job).await, JobState::Succeeded);
}

async fn a_stopping_worker_hands_back_uncharged() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&[Do::Linger]).await;
    for _ in 0..3 {
        let workers = fleet.started(job, || fleet.workers()).await;
        workers.stop().await.unwrap();
    }
    assert!(fleet.attempts(job).await.is_empty());
    assert_eq!(fleet.state(job).await, JobState::Queued);
}

async fn a_stopping_worker_lets_short_steps_end() {
    let fleet = Fleet::with(|settings| settings.worker.drain_s = 30).await;
    let job = fleet.submit(&[Do::Count { number: 1, ms: 500 }]).await;
    let workers = fleet.started(job, || fleet.workers()).await;
    workers.stop().await.unwrap();
    assert_eq!(fleet.state(job).await, JobState::Running, "the step has its result");
}

async fn a_terminated_worker_exits_with_0() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&[Do::Linger]).await;
    let mut events = fleet.client.watch(&TENANT, job).await.unwrap();
    let worker = Doomed::start("worker", fleet.folder.path(), "nowhere");
    // What was planned is told first.
    while !matches!(events.next().await.unwrap().body, EventBody::Started { .. }) {}
    worker.signal(libc::SIGTERM);
    assert_eq!(worker.died().await.code(), Some(0));
    assert!(fleet.attempts(job).await.is_empty());
}
