//! `kill -9` at every named place: the job still ends, with the same artifacts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{os::unix::process::ExitStatusExt, path::Path};

use libtest_mimic::Trial;
use medley_proto::{JobId, Outcome};
use medley_runtime::Request;

use crate::{
    fleet::{Doomed, Fleet, TENANT, gathered, numbers, request, until},
    kinds::Do,
    test,
};

pub(crate) fn tests() -> Vec<Trial> {
    let at_work = [
        "after_take",
        "after_take:3",
        "after_compute",
        "after_artifacts:4",
        "after_result",
        "after_result:3",
        "after_result:4",
        "after_publish_next",
        "after_publish_next:2",
        "before_ack:2",
        "before_ack:4",
        "before_manifest",
        "after_manifest",
        "after_end_noted",
    ];
    let at_marks = ["before_mark", "before_mark:2", "after_mark", "after_mark:2", "after_publish_next:2"];
    let at_submit = ["after_submit_open", "after_submit_job", "after_submit_publish"];
    let at_failure = ["after_error", "after_dead_letter"];
    let mut tests = vec![test("compute_children_do_not_outlive_their_worker", children_do_not_outlive_their_worker)];
    tests.extend(at_work.map(|place| test(&format!("killed_{place}"), move || killed_at_work(place))));
    tests.extend(at_marks.map(|place| test(&format!("killed_{place}_of_a_gather"), move || killed_at_a_mark(place))));
    tests.extend(at_submit.map(|place| test(&format!("killed_{place}"), move || killed_at_submit(place))));
    tests.extend(at_failure.map(|place| test(&format!("killed_{place}"), move || killed_at_failure(place))));
    tests
}

async fn dies_at(role: &str, folder: &Path, place: &str) {
    let status = Doomed::start(role, folder, place).died().await;
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{role} at {place}: {status}");
}

async fn killed_at_work(place: &'static str) {
    let fleet = Fleet::new().await;
    let undisturbed = fleet.run(&numbers(3)).await;
    let job = fleet.submit(&numbers(3)).await;
    dies_at("worker", fleet.folder.path(), place).await;
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    assert_eq!(manifest.outcome, Outcome::Succeeded);
    assert_eq!((manifest.artifacts, manifest.timings.steps), (undisturbed.artifacts, undisturbed.timings.steps));
    assert!(fleet.attempts(job).await.is_empty());
    until("the open marker to go", || async { !fleet.keys().await.contains(&format!("test/open/{job}")) }).await;
    workers.stop().await.unwrap();
}

async fn killed_at_a_mark(place: &'static str) {
    let fleet = Fleet::new().await;
    let submit = || async { fleet.client.submit(gathered(70)).await.unwrap().job.id };
    let undisturbed = submit().await;
    let workers = fleet.workers();
    let undisturbed = fleet.wait(undisturbed).await;
    workers.stop().await.unwrap();
    let job = submit().await;
    dies_at("worker", fleet.folder.path(), place).await;
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    assert_eq!(manifest.outcome, Outcome::Succeeded);
    assert_eq!((manifest.artifacts, manifest.timings.steps), (undisturbed.artifacts, undisturbed.timings.steps));
    workers.stop().await.unwrap();
}

async fn killed_at_submit(place: &'static str) {
    let fleet = Fleet::new().await;
    dies_at("submitter", fleet.folder.path(), place).await;
    let again = Request { idempotency_key: Some("the one".into()), ..request(&numbers(3)) };
    let submitted = fleet.client.submit(again).await.unwrap();
    assert_eq!(submitted.job.id, JobId::from_key(&TENANT, "the one"));
    let workers = fleet.workers();
    assert_eq!(fleet.wait(submitted.job.id).await.timings.steps, 4);
    workers.stop().await.unwrap();
}

async fn killed_at_failure(place: &'static str) {
    let fleet = Fleet::new().await;
    let act = match place {
        "after_error" => Do::Refuse,
        _ => Do::FailWhile { file: "/".into() },
    };
    let job = fleet.submit(&[act]).await;
    dies_at("worker", fleet.folder.path(), place).await;
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Failed);
    workers.stop().await.unwrap();
}

async fn children_do_not_outlive_their_worker() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&[Do::Hang]).await;
    let worker = Doomed::start("worker", fleet.folder.path(), "nowhere");
    until("a compute child", || async { !children_of(worker.pid()).is_empty() }).await;
    let children = children_of(worker.pid());
    worker.signal(libc::SIGKILL);
    worker.died().await;
    until("the children to go", || async { children.iter().all(|pid| is_gone(*pid)) }).await;
    fleet.client.cancel(&TENANT, job).await.unwrap();
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| status_of(*pid).is_some_and(|status| status.contains(&format!("PPid:\t{parent}\n"))))
        .collect()
}

fn status_of(pid: u32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/status")).ok()
}

/// Gone, or waiting to be buried by whoever adopted it.
fn is_gone(pid: u32) -> bool {
    status_of(pid).is_none_or(|status| status.contains("State:\tZ"))
}
