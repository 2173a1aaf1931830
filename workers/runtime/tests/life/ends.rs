//! Ends of jobs that somebody wants to hear of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::os::unix::process::ExitStatusExt;

use libtest_mimic::Trial;
use medley_proto::{JobId, Name, Outcome};
use medley_runtime::JobEnd;

use crate::{
    fleet::{Doomed, Fleet, TENANT, numbers, until},
    kinds::Do,
    test,
    upkeep::{HOUR_MS, late},
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("ends_are_noted_while_somebody_listens", ends_are_noted),
        test("an_end_outlives_its_job", an_end_outlives_its_job),
        test("a_replayed_job_ends_again", a_replayed_job_ends_again),
        test("an_end_is_noted_wherever_the_worker_dies", an_end_is_noted_after_a_kill),
        test("an_end_is_noted_by_the_sweeper_when_its_message_was_lost", the_sweeper_notes_an_end),
    ]
}

async fn ends(fleet: &Fleet) -> Vec<(JobId, Outcome)> {
    let page = fleet.client.ends(&TENANT, None, 100).await.unwrap();
    page.ends.iter().map(|end| (end.job, end.outcome)).collect()
}

/// Runs a job until its end is noted, which is after its manifest is there.
async fn ended(fleet: &Fleet, acts: &[Do]) -> JobId {
    let job = fleet.submit(acts).await;
    let workers = fleet.workers();
    until("the end to be noted", || async { ends(fleet).await.iter().any(|(of, _)| *of == job) }).await;
    workers.stop().await.unwrap();
    job
}

async fn ends_are_noted() {
    let fleet = Fleet::new().await;
    fleet.run(&numbers(1)).await;
    assert_eq!(ends(&fleet).await, [], "nobody listens");
    fleet.client.listen_to_ends(&TENANT, true).await.unwrap();
    let listened: Vec<Name> = fleet.client.listening().await.unwrap();
    assert!(listened.contains(&TENANT));
    let good = ended(&fleet, &numbers(1)).await;
    let bad = ended(&fleet, &[Do::Refuse]).await;
    assert_eq!(ends(&fleet).await, [(good, Outcome::Succeeded), (bad, Outcome::Failed)], "the oldest first");
    for end in fleet.client.ends(&TENANT, None, 100).await.unwrap().ends {
        assert_eq!(end.code.is_some(), end.outcome == Outcome::Failed);
        fleet.client.forget_end(&TENANT, &end).await.unwrap();
    }
    assert_eq!(ends(&fleet).await, []);
    fleet.client.listen_to_ends(&TENANT, false).await.unwrap();
    fleet.run(&numbers(1)).await;
    assert_eq!(ends(&fleet).await, [], "nobody listens any more");
}

async fn an_end_outlives_its_job() {
    let fleet = Fleet::new().await;
    fleet.client.listen_to_ends(&TENANT, true).await.unwrap();
    let job = ended(&fleet, &numbers(1)).await;
    fleet.client.delete(&TENANT, job).await.unwrap();
    assert_eq!(ends(&fleet).await, [(job, Outcome::Succeeded)]);
}

async fn a_replayed_job_ends_again() {
    let fleet = Fleet::new().await;
    fleet.client.listen_to_ends(&TENANT, true).await.unwrap();
    let there = fleet.folder.path().join("in the way");
    std::fs::write(&there, b"").unwrap();
    let job = ended(&fleet, &[Do::FailWhile { file: there.to_str().unwrap().into() }]).await;
    std::fs::remove_file(there).unwrap();
    fleet.client.replay(&TENANT, job).await.unwrap();
    let workers = fleet.workers();
    let both = [(job, Outcome::Failed), (job, Outcome::Succeeded)];
    until("the second end to be noted", || async { ends(&fleet).await == both }).await;
    workers.stop().await.unwrap();
}

async fn an_end_is_noted_after_a_kill() {
    let fleet = Fleet::new().await;
    fleet.client.listen_to_ends(&TENANT, true).await.unwrap();
    let job = fleet.submit(&numbers(1)).await;
    let status = Doomed::start("worker", fleet.folder.path(), "after_manifest").died().await;
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}");
    assert_eq!(ends(&fleet).await, [], "the worker died before");
    let workers = fleet.workers();
    until("the end to be noted", || async { ends(&fleet).await == [(job, Outcome::Succeeded)] }).await;
    workers.stop().await.unwrap();
}

async fn the_sweeper_notes_an_end() {
    let mut late = late(|_| ()).await;
    late.fleet.client.listen_to_ends(&TENANT, true).await.unwrap();
    let job = late.fleet.submit(&numbers(1)).await;
    let status = Doomed::start("worker", late.fleet.folder.path(), "after_manifest").died().await;
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}");
    late.lose_the_queue().await;
    late.put_forward(2 * HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().markers, 1);
    let noted: Vec<JobEnd> = late.fleet.client.ends(&TENANT, None, 100).await.unwrap().ends;
    assert_eq!(noted.len(), 1);
    assert_eq!((noted[0].job, noted[0].outcome), (job, Outcome::Succeeded));
}
