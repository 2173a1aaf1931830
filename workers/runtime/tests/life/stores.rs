//! Inputs and artifacts over stores that are near, far, and failing; several workers on one queue.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use libtest_mimic::Trial;
use medley_proto::{ErrorCode, Name, Outcome, Sha256, Source, StepId};
use medley_runtime::{
    Client, EngineOptions, InputRequest, Request, Spooled,
    store::{FileStore, Key, ObjectInfo, ObjectMeta, Page, Store, StoreError},
};

use crate::{
    fleet::{self, Fleet, Running, TENANT, numbers, request},
    kinds::Do,
    test,
};

/// Of stores whose objects are files, and of one that fails at fixed places.
pub(crate) fn of_files() -> Vec<Trial> {
    vec![
        test("local_inputs_are_read_where_they_lie", local_inputs_are_read_where_they_lie),
        test("what_a_client_sent_goes_into_the_store", what_a_client_sent_goes_into_the_store),
        test("an_input_that_changed_is_not_taken_for_the_old_one", a_changed_input_is_refused),
        test("a_failing_store_is_lived_through", a_failing_store_is_lived_through),
        test("a_write_that_only_seems_to_be_there_is_repeated", a_write_that_only_seems_to_be_there_is_repeated),
        test("a_defect_beside_a_step_ends_its_job_alone", a_defect_beside_a_step_ends_its_job_alone),
    ]
}

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("far_inputs_and_artifacts_are_spooled", far_inputs_and_artifacts_are_spooled),
        test("results_come_from_the_cache", results_come_from_the_cache),
        test("two_workers_share_one_queue", two_workers_share_one_queue),
    ]
}

/// A store as if it were far away, of which one call in so many fails (0: none), at irregular but fixed places.
struct Far {
    store: FileStore,
    every: u32,
    calls: AtomicU32,
    failed: AtomicU32,
    /// A read of a key with this in it meets a defect.
    broken: Option<String>,
    /// So many conditional writes are refused as if the object were there, and it is not: what a server may say to the
    /// repetition of a write that was cut off.
    denied: AtomicU32,
}

impl Far {
    async fn new(folder: &Path, every: u32) -> Arc<Self> {
        Arc::new(Self {
            store: fleet::files(folder).await,
            every,
            calls: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            broken: None,
            denied: AtomicU32::new(0),
        })
    }

    fn call(&self) -> Result<&FileStore, StoreError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        // The upper bits of a multiplicative hash: a plain multiple could hit every attempt of a step.
        if self.every > 0 && (call.wrapping_mul(0x9E37_79B9) >> 16).is_multiple_of(self.every) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Unavailable { message: "503".into(), retry_after: None, source: None });
        }
        Ok(&self.store)
    }
}

#[async_trait]
impl Store for Far {
    async fn put(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<(), StoreError> {
        self.call()?.put(key, bytes, meta).await
    }
    async fn put_file(&self, key: &Key, path: &Path, meta: &ObjectMeta) -> Result<(), StoreError> {
        self.call()?.put_file(key, path, meta).await
    }
    async fn put_if_absent(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<bool, StoreError> {
        if self.denied.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            return Ok(false);
        }
        // The worst that a store may do: it fails after it wrote.
        let written = self.store.put_if_absent(key, bytes, meta).await;
        self.call()?;
        written
    }
    async fn get(&self, key: &Key, limit: u64) -> Result<Option<Bytes>, StoreError> {
        assert!(!self.broken.as_ref().is_some_and(|part| key.as_str().contains(part)), "a defect on purpose");
        self.call()?.get(key, limit).await
    }
    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.call()?.get_range(key, range).await
    }
    async fn fetch(&self, key: &Key, path: &Path) -> Result<u64, StoreError> {
        self.call()?.fetch(key, path).await
    }
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.call()?.head(key).await
    }
    async fn list(&self, prefix: &Key, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.call()?.list(prefix, after, limit).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.call()?.delete(key).await
    }
    async fn presign_get(&self, key: &Key, valid_for: Duration) -> Result<String, StoreError> {
        self.call()?.presign_get(key, valid_for).await
    }
    async fn presign_put(&self, key: &Key, valid_for: Duration) -> Result<String, StoreError> {
        self.call()?.presign_put(key, valid_for).await
    }
}

async fn far_fleet(every: u32, max_attempts: u32) -> Fleet {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = fleet::settings(folder.path());
    settings.worker.max_attempts = max_attempts;
    let client = fleet::over(fleet::queue(folder.path()).await, Far::new(folder.path(), every).await, settings);
    Fleet { folder, client }
}

async fn measure(fleet: &Fleet) -> Request {
    let file = fleet.folder.path().join("录音?.wav");
    std::fs::write(&file, b"sixteen bytes it").unwrap();
    Request { inputs: vec![InputRequest::File(file)], ..request(&[Do::Measure, Do::Measure]) }
}

async fn sum_of(fleet: &Fleet, request: Request) -> String {
    let job = fleet.client.submit(request).await.unwrap().job.id;
    let workers = fleet.workers();
    let manifest = fleet.wait(job).await;
    workers.stop().await.unwrap();
    assert_eq!(manifest.outcome, Outcome::Succeeded, "{:?}", manifest.error);
    let paths = fleet.client.fetch(&TENANT, job, &fleet.folder.path().join("out")).await.unwrap();
    std::fs::read_to_string(&paths[0]).unwrap()
}

async fn local_inputs_are_read_where_they_lie() {
    let fleet = Fleet::new().await;
    assert_eq!(sum_of(&fleet, measure(&fleet).await).await, "32");
    let text = Request { inputs: vec![InputRequest::Text("five!".into())], ..request(&[Do::Measure]) };
    assert_eq!(sum_of(&fleet, text).await, "5");
    assert!(!fleet.keys().await.iter().any(|key| key.starts_with("test/inputs/")));
}

/// What a gateway does: the file of a client that uploads lies outside every folder that jobs may read.
async fn what_a_client_sent_goes_into_the_store() {
    let fleet = Fleet::new().await;
    let sent = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(sent.path(), b"eight by").unwrap();
    let (path, sha256) = (sent.path().to_owned(), Sha256::of(b"eight by"));
    let spooled = |bytes| Spooled { path: path.clone(), name: "录音?.wav".into(), sha256, bytes };
    let given = |bytes| Request { inputs: vec![InputRequest::Spooled(spooled(bytes))], ..request(&[Do::Measure]) };
    let refused = fleet.client.submit(given(0)).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "media_empty", "{refused}");
    let job = fleet.client.submit(given(8)).await.unwrap().job;
    drop(sent);
    let step = StepId::new(Name::from_static("act"), 0, 0);
    assert_eq!(fleet.client.step_result(&TENANT, job.id, &step).await.unwrap(), None);
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job.id).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
    let done = fleet.client.step_result(&TENANT, job.id, &step).await.unwrap().unwrap();
    assert_eq!(done.output, 8);
    let key = fleet.client.artifact_key(&TENANT, job.id, &done.artifacts[0]).unwrap();
    assert_eq!(fleet.client.store().get(&key, 100).await.unwrap().unwrap(), "eight by");
    assert_eq!(job.inputs[0].name, "录音?.wav");
}

async fn far_inputs_and_artifacts_are_spooled() {
    let fleet = far_fleet(0, 3).await;
    let given = measure(&fleet).await;
    let job = fleet.client.submit(given.clone()).await.unwrap().job;
    assert!(matches!(&job.inputs[0].source, Source::Stored(key) if key.starts_with("inputs/")));
    assert_eq!(job.inputs[0].name, "录音?.wav");
    // The user's file is not needed any more.
    let InputRequest::File(file) = &given.inputs[0] else { unreachable!("it was given as a file") };
    std::fs::remove_file(file).unwrap();
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job.id).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
}

async fn a_changed_input_is_refused() {
    let fleet = Fleet::new().await;
    let given = measure(&fleet).await;
    let InputRequest::File(file) = given.inputs[0].clone() else { unreachable!("it was given as a file") };
    let job = fleet.client.submit(given).await.unwrap().job.id;
    std::fs::write(&file, b"other bytes").unwrap();
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job).await.error.unwrap().code, ErrorCode::INPUT_CHANGED);
    std::fs::remove_file(&file).unwrap();
    let gone = fleet.client.submit(Request { inputs: vec![InputRequest::File(file)], ..request(&[]) }).await;
    assert_eq!(gone.unwrap_err().code(), ErrorCode::INPUT_NOT_FOUND);
    workers.stop().await.unwrap();
}

async fn results_come_from_the_cache() {
    let fleet = Fleet::with(|settings| settings.worker.max_attempts = 1).await;
    let file = fleet.folder.path().join("obstacle");
    let act = Do::FailWhile { file: file.clone() };
    let cached =
        |cached: bool| Request { params: serde_json::json!({ "acts": [act], "cached": cached }), ..request(&[]) };
    assert_eq!(sum_of(&fleet, cached(true)).await, "1");
    std::fs::write(&file, b"").unwrap();
    assert_eq!(sum_of(&fleet, cached(true)).await, "1");
    let workers = fleet.workers();
    let job = fleet.client.submit(cached(false)).await.unwrap().job.id;
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Failed);
    workers.stop().await.unwrap();
}

async fn two_workers_share_one_queue() {
    let fleet = Fleet::new().await;
    let other: Client = fleet::open(fleet.folder.path(), fleet::settings(fleet.folder.path())).await;
    let job = fleet.submit(&numbers(70)).await;
    let workers = [fleet.workers(), Running::start(&other, EngineOptions::default())];
    assert_eq!(fleet.wait(job).await.timings.steps, 70 + 2 + 1);
    for workers in workers {
        workers.stop().await.unwrap();
    }
}

async fn a_failing_store_is_lived_through() {
    let fleet = far_fleet(0, 1_000).await;
    let job = fleet.submit(&numbers(5)).await;
    let folder = fleet.folder.path();
    let failing = Far::new(folder, 16).await;
    let mut settings = fleet::settings(folder);
    settings.worker.max_attempts = 1_000;
    settings.worker.max_backoff_ms = 50;
    let worker =
        Running::start(&fleet::over(fleet::queue(folder).await, failing.clone(), settings), EngineOptions::default());
    let manifest = fleet.wait(job).await;
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Succeeded, 6));
    assert!(failing.failed.load(Ordering::Relaxed) > 0, "it did fail");
    worker.stop().await.unwrap();
}

async fn a_write_that_only_seems_to_be_there_is_repeated() {
    let fleet = far_fleet(0, 3).await;
    let folder = fleet.folder.path();
    let job = fleet.submit(&numbers(3)).await;
    let far = Far::new(folder, 0).await;
    far.denied.store(2, Ordering::Relaxed);
    let client = fleet::over(fleet::queue(folder).await, far.clone(), fleet::settings(folder));
    let worker = Running::start(&client, EngineOptions::default());
    let manifest = fleet.wait(job).await;
    assert_eq!((manifest.outcome, manifest.timings.steps), (Outcome::Succeeded, 4));
    assert_eq!(far.denied.load(Ordering::Relaxed), 0);
    worker.stop().await.unwrap();
}

async fn a_defect_beside_a_step_ends_its_job_alone() {
    let fleet = far_fleet(0, 3).await;
    let folder = fleet.folder.path();
    let (job, other) = (fleet.submit(&numbers(2)).await, fleet.submit(&numbers(2)).await);
    let far = Far {
        broken: Some(format!("{job}/steps/act/0/0/result")),
        ..Arc::into_inner(Far::new(folder, 0).await).unwrap()
    };
    let client = fleet::over(fleet::queue(folder).await, Arc::new(far), fleet::settings(folder));
    let worker = Running::start(&client, EngineOptions::default());
    let error = fleet.wait(job).await.error.unwrap();
    assert_eq!(error.code, ErrorCode::INTERNAL, "{error:?}");
    assert_eq!(fleet.wait(other).await.outcome, Outcome::Succeeded);
    worker.stop().await.unwrap();
}
