//! Steps that fail, crash, hog and hang: who is charged, what becomes of them, and how they come back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use medley_proto::{ErrorCode, JobState, Name, Outcome};
use medley_runtime::{BREAKPOINT_VARIABLE, ComputeCommand, EngineError, EngineOptions, Error, Request};

use crate::{
    fleet::{Fleet, Running, TENANT, numbers, until},
    kinds::{Do, act},
    test,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_failed_step_is_tried_again_and_its_failures_kept", a_failed_step_is_tried_again_and_its_failures_kept),
        test("used_up_attempts_make_a_dead_letter_that_can_be_replayed", a_dead_letter_can_be_replayed),
        test("a_dead_letter_can_be_dropped", a_dead_letter_can_be_dropped),
        test("a_poison_step_is_alone_to_blame", a_poison_step_is_alone_to_blame),
        test("a_hog_is_alone_to_blame", a_hog_is_alone_to_blame),
        test("a_step_that_notes_down_what_it_dies_at_goes_on_without_it", a_step_that_notes_down_goes_on),
        test("a_step_that_takes_too_long_is_stopped", a_step_that_takes_too_long_is_stopped),
        test("a_step_that_hears_nothing_is_killed_and_its_neighbours_run_again", a_deaf_step_is_killed),
        test("a_worker_that_cannot_compute_hands_back_and_stops", a_worker_that_cannot_compute_stops),
        test("a_child_killed_while_it_starts_is_started_again", a_killed_start_is_made_again),
        test("a_kind_that_does_not_start_is_left_to_others", a_kind_that_does_not_start_is_left_to_others),
        test("a_worker_of_a_kind_that_does_not_start_says_why", a_kind_that_does_not_start_says_why),
    ]
}

async fn a_failed_step_is_tried_again_and_its_failures_kept() {
    let fleet = Fleet::with(|settings| settings.worker.max_attempts = 1_000).await;
    let file = fleet.folder.path().join("obstacle");
    std::fs::write(&file, b"").unwrap();
    let job = fleet.submit(&[Do::FailWhile { file: file.clone() }]).await;
    let workers = fleet.workers();
    crate::fleet::until("two failed attempts", || async { fleet.attempts(job).await.len() >= 2 }).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
}

async fn a_dead_letter_can_be_replayed() {
    let fleet = Fleet::new().await;
    let file = fleet.folder.path().join("obstacle");
    std::fs::write(&file, b"").unwrap();
    let acts = [Do::FailWhile { file: file.clone() }, Do::Count { number: 4, ms: 0 }];
    let job = fleet.submit(&acts).await;
    let workers = fleet.workers();
    let failed = fleet.wait(job).await;
    assert_eq!(failed.outcome, Outcome::Failed);
    assert_eq!(failed.error.as_ref().map(|error| error.attempt), Some(3));
    let letters = fleet.client.dead_letters(&TENANT, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0].step.id, letters[0].attempts.len()), (&act(0), 3), "with its history");

    // Nothing has changed: it dies again.
    assert_eq!(fleet.client.replay(&TENANT, job).await.unwrap(), 1);
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Failed);
    std::fs::remove_file(&file).unwrap();
    crate::fleet::until("the new letter", || async { fleet.client.replay(&TENANT, job).await.is_ok() }).await;
    let manifest = fleet.wait(job).await;
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Succeeded, 3));
    assert!(matches!(fleet.client.replay(&TENANT, job).await, Err(Error::NoDeadLetter(_))));
    workers.stop().await.unwrap();
}

async fn a_dead_letter_can_be_dropped() {
    let fleet = Fleet::with(|settings| settings.worker.max_attempts = 1).await;
    let job = fleet.run(&[Do::FailWhile { file: "/".into() }]).await.job;
    assert_eq!(fleet.client.drop_dead(&TENANT, job).await.unwrap(), 1);
    assert!(fleet.client.dead_letters(&TENANT, 10).await.unwrap().is_empty());
    assert_eq!(fleet.client.manifest(&TENANT, job).await.unwrap().outcome, Outcome::Failed);
}

async fn a_poison_step_is_alone_to_blame() {
    let fleet = Fleet::new().await;
    let file = fleet.folder.path().join("poison");
    std::fs::write(&file, b"").unwrap();
    let neighbours: Vec<_> = (0..6).map(|number| Do::Count { number, ms: 150 }).collect();
    let poison = fleet.submit(&[Do::AbortWhile { file: file.clone() }]).await;
    let innocent = fleet.submit(&neighbours).await;
    let workers = fleet.workers();
    let error = fleet.wait(poison).await.error.unwrap();
    assert_eq!(error.code, ErrorCode::COMPUTE_CRASHED);
    assert!(error.message.contains("SIGABRT"), "{}", error.message);
    assert!(error.causes.iter().any(|cause| cause.contains("about to abort")), "{:?}", error.causes);
    assert_eq!(fleet.wait(innocent).await.outcome, Outcome::Succeeded);
    assert_eq!(fleet.attempts(poison).await.len(), 3);
    assert!(fleet.attempts(innocent).await.is_empty(), "the neighbours are not charged");

    std::fs::remove_file(&file).unwrap();
    fleet.client.replay(&TENANT, poison).await.unwrap();
    assert_eq!(fleet.wait(poison).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
}

async fn a_hog_is_alone_to_blame() {
    let fleet = Fleet::with(|settings| {
        settings.limits.child_memory_mib = 150;
        settings.worker.max_attempts = 1;
    })
    .await;
    let hog = fleet.submit(&[Do::Hog]).await;
    let innocent = fleet.submit(&[Do::Count { number: 1, ms: 800 }]).await;
    let workers = fleet.workers();
    assert_eq!(fleet.wait(hog).await.error.unwrap().code, ErrorCode::MEMORY_EXCEEDED);
    assert_eq!(fleet.wait(innocent).await.outcome, Outcome::Succeeded);
    assert!(fleet.attempts(innocent).await.is_empty());
    workers.stop().await.unwrap();
}

async fn a_step_that_notes_down_goes_on() {
    let fleet = Fleet::with(|settings| settings.worker.max_attempts = 1).await;
    // More deaths than any step has attempts, beside a step that is none the worse for it.
    let sift = fleet.submit(&[Do::Sift { parts: 20, deadly: vec![0, 3, 4, 11, 19] }]).await;
    let innocent = fleet.submit(&[Do::Count { number: 1, ms: 300 }]).await;
    let workers = fleet.workers();
    let manifest = fleet.wait(sift).await;
    assert_eq!(manifest.outcome, Outcome::Succeeded, "{:?}", manifest.error);
    let paths = fleet.client.fetch(&TENANT, sift, &fleet.folder.path().join("out")).await.unwrap();
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), "15");
    assert_eq!(fleet.wait(innocent).await.outcome, Outcome::Succeeded);
    assert!(fleet.attempts(sift).await.is_empty() && fleet.attempts(innocent).await.is_empty(), "nobody is charged");
    workers.stop().await.unwrap();
}

async fn a_step_that_takes_too_long_is_stopped() {
    let fleet = Fleet::with(|settings| {
        settings.limits.step_time_s = 1;
        settings.worker.max_attempts = 1;
    })
    .await;
    let error = fleet.run(&[Do::Linger]).await.error.unwrap();
    assert_eq!(error.code, ErrorCode::STEP_TIMEOUT);
    assert!(error.message.contains("within 1 s"), "{}", error.message);
}

async fn a_deaf_step_is_killed() {
    let fleet = Fleet::with(|settings| {
        // Much longer than a neighbour takes on a busy machine, and the neighbours together take longer than that.
        settings.limits.step_time_s = 10;
        settings.worker.max_attempts = 1;
    })
    .await;
    let deaf = fleet.submit(&[Do::Hang]).await;
    let innocent = fleet.submit(&(0..30).map(|number| Do::Count { number, ms: 500 }).collect::<Vec<_>>()).await;
    let workers = fleet.workers();
    assert_eq!(fleet.wait(deaf).await.error.unwrap().code, ErrorCode::STEP_TIMEOUT);
    assert_eq!(fleet.wait(innocent).await.outcome, Outcome::Succeeded);
    assert!(fleet.attempts(innocent).await.is_empty());
    workers.stop().await.unwrap();
}

async fn a_worker_that_cannot_compute_stops() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&numbers(2)).await;
    let compute = ComputeCommand { program: "/bin/false".into(), args: Vec::new() };
    let options = EngineOptions { compute, all_kinds: true, ..EngineOptions::default() };
    let broken = Running::start(&fleet.client, options);
    let Err(EngineError::Unfit(reason)) = broken.ended().await else { panic!("it cannot compute") };
    assert!(reason.contains("'act' does not start") && reason.contains("exit code 1"), "{reason}");
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
    assert!(fleet.attempts(job).await.is_empty());
    workers.stop().await.unwrap();
}

/// More often than anybody starts one.
const ALWAYS: usize = 1_000_000;

/// Compute processes of which the first so many of the kind `act` are killed where the breakpoint says. `starts` counts
/// them.
struct Killed {
    starts: PathBuf,
    compute: ComputeCommand,
}

impl Killed {
    fn at(place: &str, times: usize, folder: &Path) -> Self {
        let starts = folder.join(format!("starts-{place}"));
        let script = format!(
            r#"if [ "$2" = act ]; then
                echo start >> '{file}'
                if [ "$(wc -l < '{file}')" -le {times} ]; then export {BREAKPOINT_VARIABLE}={place}; fi
            fi
            exec "$0" compute "$@""#,
            file = starts.display()
        );
        let program = std::env::current_exe().unwrap();
        let args = ["-c".into(), script.into(), program.into_os_string()];
        Self { starts, compute: ComputeCommand { program: "/bin/sh".into(), args: args.into() } }
    }

    fn workers(&self, fleet: &Fleet, kinds: Vec<Name>) -> Running {
        let options = EngineOptions { compute: self.compute.clone(), kinds, ..EngineOptions::default() };
        Running::start(&fleet.client, options)
    }

    fn starts(&self) -> usize {
        std::fs::read_to_string(&self.starts).unwrap_or_default().lines().count()
    }
}

async fn a_killed_start_is_made_again() {
    for place in ["child_start", "child_built"] {
        let fleet = Fleet::with(|settings| settings.worker.max_attempts = 1).await;
        let killed = Killed::at(place, 3, fleet.folder.path());
        let job = fleet.submit(&numbers(2)).await;
        let workers = killed.workers(&fleet, Vec::new());
        assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
        assert_eq!(killed.starts(), 4, "three that were killed at {place}, and one that did the work");
        assert!(fleet.attempts(job).await.is_empty(), "no step is charged with it");
        workers.stop().await.unwrap();
    }
}

async fn a_kind_that_does_not_start_is_left_to_others() {
    let fleet = Fleet::new().await;
    let killed = Killed::at("child_start", ALWAYS, fleet.folder.path());
    let job = fleet.submit(&numbers(1)).await;
    let here = killed.workers(&fleet, Vec::new());
    until("the last start", || async { killed.starts() >= 5 }).await;
    // Steps of another kind are still taken.
    let request = Request { params: serde_json::Value::Null, ..Request::new(TENANT, Name::from_static("no-model")) };
    let other = fleet.client.submit(request).await.unwrap().job.id;
    assert_eq!(fleet.wait(other).await.error.unwrap().code, ErrorCode::MODEL_MISSING);
    assert_eq!(fleet.state(job).await, JobState::Queued);
    let elsewhere = fleet.workers();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
    assert!(fleet.attempts(job).await.is_empty());
    here.stop().await.unwrap();
    elsewhere.stop().await.unwrap();
}

async fn a_kind_that_does_not_start_says_why() {
    let fleet = Fleet::new().await;
    let killed = Killed::at("child_built", ALWAYS, fleet.folder.path());
    let job = fleet.submit(&numbers(1)).await;
    let workers = killed.workers(&fleet, vec![Name::from_static("act")]);
    let Err(EngineError::Unfit(reason)) = workers.ended().await else { panic!("it has nothing else to do") };
    assert!(reason.contains("'act' does not start (5 times in a row)") && reason.contains("SIGKILL"), "{reason}");
    // The step that it hands back may reach it once more before it has stopped taking any.
    assert!([5, 10].contains(&killed.starts()), "{} starts", killed.starts());
    assert!(fleet.attempts(job).await.is_empty());
}
