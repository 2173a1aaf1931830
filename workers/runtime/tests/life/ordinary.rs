//! Jobs that go well, and errors that are answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use libtest_mimic::Trial;
use medley_proto::{Class, ErrorCode, EventBody, JobState, Name, Outcome};
use medley_runtime::{Client, Clock, EngineOptions, Error, InputRequest, Request, store::ObjectInfo};

use crate::{
    fleet::{self, Fleet, Running, TENANT, gathered, numbers, request, until},
    kinds::Do,
    test,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_job_comes_to_its_end", a_job_comes_to_its_end),
        test("a_job_runs_while_its_first_step_does", a_job_runs_while_its_first_step_does),
        test("wide_jobs_gather_as_a_tree", wide_jobs_gather_as_a_tree),
        test("what_is_only_waited_for_is_marked", what_is_only_waited_for_is_marked),
        test("whoever_watches_hears_the_end", whoever_watches_hears_the_end),
        test("who_watches_later_knows_how_far_a_job_is", who_watches_later_knows_how_far_a_job_is),
        test("what_fails_for_good_is_not_tried_again", what_fails_for_good_is_not_tried_again),
        test("a_panic_is_an_error_of_its_step", a_panic_is_an_error_of_its_step),
        test("a_kind_that_cannot_work_says_why", a_kind_that_cannot_work_says_why),
        test("libraries_may_print_what_they_like", libraries_may_print_what_they_like),
        test("a_key_is_one_job", a_key_is_one_job),
        test("a_deadline_that_passed_ends_the_job", a_deadline_that_passed_ends_the_job),
        test("an_interactive_job_passes_ten_thousand_batch_steps", an_interactive_job_passes_the_batch),
        test("bad_requests_are_refused_with_a_code", bad_requests_are_refused_with_a_code),
        test("jobs_are_listed_and_deleted", jobs_are_listed_and_deleted),
    ]
}

async fn a_job_comes_to_its_end() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&numbers(4)).await;
    assert_eq!(fleet.state(job).await, JobState::Queued);
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    workers.stop().await.unwrap();
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Succeeded, 5));
    assert_eq!(fleet.state(job).await, JobState::Succeeded);
    assert!(!fleet.keys().await.contains(&format!("test/open/{job}")));

    let out = fleet.folder.path().join("out");
    for _ in 0..2 {
        let paths = fleet.client.fetch(&TENANT, job, &out).await.unwrap();
        assert_eq!(paths, [out.join("sum.txt")]);
        assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), "6");
    }
    let again = fleet.run(&numbers(4)).await;
    assert_eq!(again.artifacts, manifest.artifacts);
}

async fn a_job_runs_while_its_first_step_does() {
    let fleet = Fleet::new().await;
    let file = fleet.folder.path().join("now");
    let job = fleet.submit(&[Do::CountWhen { number: 3, file: file.clone() }]).await;
    let workers = fleet.workers();
    until("the job to run", || async { fleet.state(job).await == JobState::Running }).await;
    assert!(!fleet.keys().await.iter().any(|key| key.contains("/steps/")), "a step has written something");
    std::fs::write(&file, b"").unwrap();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
}

async fn what_is_only_waited_for_is_marked() {
    let fleet = Fleet::new().await;
    let job = fleet.client.submit(gathered(130)).await.unwrap().job.id;
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    workers.stop().await.unwrap();
    assert_eq!(manifest.outcome, Outcome::Succeeded);
    assert_eq!(manifest.timings.steps, 130 + 3 + 1, "a mark counts as the step that it stands for");
    let out = fleet.folder.path().join("out");
    let paths = fleet.client.fetch(&TENANT, job, &out).await.unwrap();
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), (0..130).sum::<u64>().to_string());
    let marks = fleet.keys().await.into_iter().filter(|key| key.contains("/steps/merge-1/0/")).count();
    assert_eq!(marks, 3);
}

async fn wide_jobs_gather_as_a_tree() {
    let fleet = Fleet::new().await;
    let manifest = fleet.run(&numbers(130)).await;
    assert_eq!(manifest.outcome, Outcome::Succeeded);
    assert_eq!(manifest.timings.steps, 130 + 3 + 1, "each step is counted once");
    let paths = fleet.client.fetch(&TENANT, manifest.job, &fleet.folder.path().join("out")).await.unwrap();
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), (0..130).sum::<u64>().to_string());
}

async fn whoever_watches_hears_the_end() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&numbers(2)).await;
    let events = fleet.client.watch(&TENANT, job).await.unwrap();
    let workers = fleet.workers();
    let events: Vec<_> = events.map(|event| event.body).collect().await;
    assert!(events.iter().any(|event| matches!(event, EventBody::Started { attempt: 1 })), "{events:?}");
    assert!(matches!(events.last(), Some(EventBody::Finished { state: JobState::Succeeded })), "{events:?}");
    let late: Vec<_> = fleet.client.watch(&TENANT, job).await.unwrap().collect().await;
    assert!(matches!(late[..], [medley_proto::Event { body: EventBody::Finished { .. }, .. }]));
    workers.stop().await.unwrap();
}

async fn who_watches_later_knows_how_far_a_job_is() {
    let fleet = Fleet::new().await;
    let gate = fleet.folder.path().join("gate");
    let waits = |number| Do::CountWhen { number, file: gate.clone() };
    let job = fleet.submit(&[Do::Count { number: 1, ms: 0 }, waits(2), waits(3)]).await;
    let workers = fleet.workers();
    let result = format!("test/jobs/{job}/steps/act/0/0/result.json");
    until("the first result", || async { fleet.keys().await.contains(&result) }).await;
    let events = fleet.client.watch(&TENANT, job).await.unwrap();
    std::fs::write(&gate, b"").unwrap();
    let events: Vec<_> = events.map(|event| event.body).collect().await;
    let EventBody::Planned { steps, work, unit, stage, done } = &events[0] else { panic!("{events:?}") };
    assert_eq!((*steps, *done, *work, unit.as_str()), (3, 1, 1.0, "acts"));
    assert_eq!(stage.as_ref().map(Name::as_str), Some("act"));
    workers.stop().await.unwrap();
}

async fn what_fails_for_good_is_not_tried_again() {
    let fleet = Fleet::with(|settings| settings.worker.drain_s = 600).await;
    // The neighbour would work on for ever: it is told to stop when the job has ended.
    let job = fleet.submit(&[Do::Linger, Do::Refuse]).await;
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    assert_eq!(fleet.client.wait(&TENANT, fleet.submit(&numbers(9)).await).await.unwrap().outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
    let error = manifest.error.unwrap();
    assert_eq!((manifest.outcome, error.code, error.attempt), (Outcome::Failed, ErrorCode::MEDIA_UNDECODABLE, 1));
    assert!(fleet.client.dead_letters(&TENANT, 10).await.unwrap().is_empty());
}

async fn a_panic_is_an_error_of_its_step() {
    let fleet = Fleet::new().await;
    let error = fleet.run(&[Do::Panic]).await.error.unwrap();
    assert_eq!(error.code, ErrorCode::INTERNAL);
    assert!(error.message.contains("a defect on purpose") && error.message.contains("kinds.rs"), "{}", error.message);
}

async fn a_kind_that_cannot_work_says_why() {
    let fleet = Fleet::new().await;
    let request = Request::new(TENANT, Name::from_static("no-model"));
    let job = fleet.client.submit(Request { params: serde_json::Value::Null, ..request }).await.unwrap().job.id;
    let workers = fleet.workers();
    let error = fleet.wait(job).await.error.unwrap();
    workers.stop().await.unwrap();
    assert_eq!(error.code, ErrorCode::MODEL_MISSING);
    assert!(error.message.contains("medley models pull x"));
}

async fn libraries_may_print_what_they_like() {
    let fleet = Fleet::new().await;
    assert_eq!(fleet.run(&[Do::Print, Do::Print]).await.outcome, Outcome::Succeeded);
}

async fn a_key_is_one_job() {
    let fleet = Fleet::new().await;
    let keyed = |acts: &[Do]| Request { idempotency_key: Some("k".into()), ..request(acts) };
    let first = fleet.client.submit(keyed(&numbers(2))).await.unwrap();
    let second = fleet.client.submit(keyed(&numbers(2))).await.unwrap();
    assert_eq!((first.job.id, first.new, second.new), (second.job.id, true, false));
    let other = fleet.client.submit(keyed(&numbers(3))).await.unwrap_err();
    assert_eq!(other.code(), ErrorCode::IDEMPOTENCY_CONFLICT);
    let workers = fleet.workers();
    let manifest = fleet.wait(first.job.id).await;
    assert_eq!(manifest.timings.steps, 3, "published twice, counted once");
    let third = fleet.client.submit(keyed(&numbers(2))).await.unwrap();
    assert_eq!(third.state, JobState::Succeeded);
    workers.stop().await.unwrap();
}

async fn a_deadline_that_passed_ends_the_job() {
    let fleet = Fleet::new().await;
    let job = fleet.client.submit(Request { deadline_ms: Some(1), ..request(&numbers(1)) }).await.unwrap().job.id;
    let in_a_second = fleet.client.status(&TENANT, job).await.unwrap().job.created_ms + 1_000;
    let late = fleet.client.submit(Request { deadline_ms: Some(in_a_second), ..request(&[Do::Linger]) });
    let late = late.await.unwrap().job.id;
    let workers = fleet.workers();
    for job in [job, late] {
        assert_eq!(fleet.wait(job).await.error.unwrap().code, ErrorCode::DEADLINE_EXCEEDED);
    }
    workers.stop().await.unwrap();
}

async fn an_interactive_job_passes_the_batch() {
    let fleet = Fleet::new().await;
    let batch = Request { class: Class::Batch, ..request(&numbers(10_000)) };
    let batch = fleet.client.submit(batch).await.unwrap().job.id;
    let other = fleet::open(fleet.folder.path(), fleet::settings(fleet.folder.path())).await;
    let workers = [fleet.workers(), Running::start(&other, EngineOptions::default())];
    until("the batch to be under way", || async { fleet.state(batch).await == JobState::Running }).await;
    let urgent = fleet.client.submit(request(&numbers(3))).await.unwrap().job;
    assert_eq!(fleet.wait(urgent.id).await.outcome, Outcome::Succeeded);
    for workers in workers {
        workers.stop().await.unwrap();
    }
    let objects = fleet.objects().await;
    let ended = format!("{}/manifest.json", urgent.id);
    let ended_ms = objects.iter().find(|object| object.key.as_str().ends_with(&ended)).unwrap().modified_ms;
    let of_batch = |object: &&ObjectInfo| {
        let key = object.key.as_str();
        key.contains(&batch.to_string()) && key.ends_with("result.json")
    };
    let meanwhile = urgent.created_ms..ended_ms;
    let passed = objects.iter().filter(of_batch).filter(|object| meanwhile.contains(&object.modified_ms)).count();
    // Five steps one after the other, four slots, one batch step for four interactive ones that wait: some twenty. A broker
    // on a busy machine brings an urgent step late, and the others go on meanwhile; all ten thousand they are not.
    assert!(passed < 1_000, "{passed} batch steps were done while the interactive job waited");
    assert_eq!(fleet.state(batch).await, JobState::Running, "the batch ended first");
}

async fn bad_requests_are_refused_with_a_code() {
    let fleet = Fleet::new().await;
    let given = |input: InputRequest| Request { inputs: vec![input], ..request(&numbers(1)) };
    let two = vec![InputRequest::Text("a".into()), InputRequest::Text("b".into())];
    let missing = fleet.folder.path().join("missing");
    for (request, code) in [
        (given(InputRequest::Uri("gopher://x/y".into())), "input_scheme_unsupported"),
        (given(InputRequest::Uri("no url".into())), "input_scheme_unsupported"),
        (given(InputRequest::File(missing)), "input_not_found"),
        (given(InputRequest::File("/etc/passwd".into())), "input_forbidden"),
        (given(InputRequest::Uri("file:///etc/passwd".into())), "input_forbidden"),
        (given(InputRequest::Text(" \n".into())), "media_empty"),
        (given(InputRequest::Text("x".repeat(70_000))), "media_too_large"),
        (Request { inputs: two, ..request(&numbers(1)) }, "params_invalid"),
        (Request { params: serde_json::json!({ "atcs": [] }), ..request(&[]) }, "params_invalid"),
        (Request { kind: Name::from_static("nothing"), ..request(&[]) }, "kind_unknown"),
    ] {
        let error = fleet.client.submit(request).await.unwrap_err();
        assert_eq!(error.code().as_str(), code, "{error}");
    }
    assert_eq!(fleet.keys().await, [""; 0], "nothing is left of a refused request");
}

async fn jobs_are_listed_and_deleted() {
    let mut fleet = Fleet::new().await;
    // Each look at it is a millisecond later: no two jobs are of the same time.
    let ticks = AtomicU64::new(Clock::system().now_ms());
    let clock = Clock::new(move || ticks.fetch_add(1, Ordering::Relaxed));
    fleet.client = Client::new(fleet.client.backend().clone().with_clock(clock));
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(fleet.submit(&numbers(1)).await);
    }
    let first = fleet.client.list(&TENANT, None, 2).await.unwrap();
    let second = fleet.client.list(&TENANT, first.next.as_deref(), 2).await.unwrap();
    let listed: Vec<_> = first.jobs.iter().chain(&second.jobs).map(|status| status.job.id).collect();
    jobs.reverse();
    assert_eq!(listed, jobs);
    let workers = fleet.workers();
    fleet.wait(jobs[0]).await;
    for job in &jobs {
        fleet.client.delete(&TENANT, *job).await.unwrap();
        assert!(matches!(fleet.client.status(&TENANT, *job).await, Err(Error::NoSuchJob(_))));
    }
    // The steps that are left in the queue go by without leaving anything.
    let last = fleet.submit(&numbers(1)).await;
    fleet.wait(last).await;
    workers.stop().await.unwrap();
    let left: Vec<_> =
        fleet.keys().await.into_iter().filter(|key| jobs.iter().any(|job| key.contains(&job.to_string()))).collect();
    assert!(left.is_empty(), "{left:?}");
}
