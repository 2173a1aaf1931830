//! A queue and a store of the test's own, and workers over them: in this process and in others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    cell::Cell,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use medley_proto::{EventBody, JobId, JobState, Manifest, Name};
use medley_runtime::{
    BREAKPOINT_VARIABLE, Backend, Client, Engine, EngineError, EngineOptions, Error, Request, Settings, Swept,
    queue::{AmqpConfig, AmqpQueue, Queue, SqliteOptions, SqliteQueue},
    store::{FileStore, Key, ObjectInfo, S3Config, S3Store, Store},
};
use medley_tests::{
    rabbitmq::Broker,
    s3::{ACCESS_KEY, SECRET_KEY, Server},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::kinds::{self, Do};

pub(crate) const TENANT: Name = Name::from_static("test");

/// Longer than anything here takes on a busy machine; a test that comes to it has failed. The client of S3 waits a minute
/// for an answer that does not come, and a few such minutes in a row are slow, not lost.
const PATIENCE: Duration = Duration::from_secs(900);

pub(crate) struct Fleet {
    pub(crate) folder: TempDir,
    pub(crate) client: Client,
}

pub(crate) fn settings(folder: &Path) -> Settings {
    let mut settings = Settings::default();
    settings.worker.work_dir = folder.join("work");
    settings.worker.slots = 2;
    settings.worker.first_backoff_ms = 10;
    settings.worker.max_attempts = 3;
    settings.worker.drain_s = 0;
    settings.worker.stop_grace_s = 1;
    settings.limits.file_roots = vec![folder.to_owned()];
    settings
}

/// The queue and store that a test runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair {
    Embedded,
    Remote,
}

thread_local! {
    static PAIR: Cell<Pair> = const { Cell::new(Pair::Embedded) };
}

impl Pair {
    /// What the tests of this thread run over.
    pub(crate) fn current() -> Self {
        PAIR.get()
    }

    pub(crate) fn choose(self) {
        PAIR.set(self);
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Remote => "remote",
        }
    }
}

/// Where a folder's queue and store are when they are not in it; other processes of the test read it there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Remote {
    pub(crate) broker: String,
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
}

impl Remote {
    const FILE: &str = "remote.json";

    /// A virtual host and a bucket that nobody else uses.
    pub(crate) fn shared() -> Self {
        Self {
            broker: Broker::shared().vhost(),
            endpoint: Server::shared().endpoint(),
            bucket: Server::shared().bucket(),
        }
    }

    pub(crate) fn note_in(&self, folder: &Path) {
        std::fs::write(folder.join(Self::FILE), serde_json::to_vec(self).unwrap()).unwrap();
    }

    pub(crate) fn of(folder: &Path) -> Option<Self> {
        std::fs::read(folder.join(Self::FILE)).ok().map(|json| serde_json::from_slice(&json).unwrap())
    }
}

/// A folder with what its queue and store need.
pub(crate) fn furnish(folder: &Path) {
    if Pair::current() == Pair::Remote {
        Remote::shared().note_in(folder);
    }
}

pub(crate) async fn open(folder: &Path, settings: Settings) -> Client {
    over(queue(folder).await, store(folder).await, settings)
}

pub(crate) fn over(queue: Arc<dyn Queue>, store: Arc<dyn Store>, settings: Settings) -> Client {
    Client::new(Backend::new(queue, store, Arc::new(kinds::registry()), settings))
}

pub(crate) async fn queue(folder: &Path) -> Arc<dyn Queue> {
    if let Some(remote) = Remote::of(folder) {
        let config = AmqpConfig { url: remote.broker, ..AmqpConfig::default() };
        return Arc::new(AmqpQueue::connect(config).await.unwrap());
    }
    // Whoever dies is seen to be dead; a process that is only slow keeps what it holds.
    let options = SqliteOptions { lease: PATIENCE, ..SqliteOptions::default() };
    Arc::new(SqliteQueue::open_with(&folder.join("queue.db"), options).await.unwrap())
}

pub(crate) async fn store(folder: &Path) -> Arc<dyn Store> {
    let Some(remote) = Remote::of(folder) else { return Arc::new(files(folder).await) };
    let config = S3Config {
        bucket: remote.bucket,
        endpoint: Some(remote.endpoint),
        path_style: true,
        access_key: Some(ACCESS_KEY.into()),
        secret_key: Some(SECRET_KEY.into()),
        ..S3Config::default()
    };
    Arc::new(S3Store::new(&config).unwrap())
}

pub(crate) async fn files(folder: &Path) -> FileStore {
    FileStore::open(&folder.join("store")).await.unwrap()
}

impl Fleet {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        furnish(folder.path());
        Self::in_folder(folder, change).await
    }

    /// Over whatever the folder says.
    pub(crate) async fn in_folder(folder: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(folder.path());
        change(&mut settings);
        let client = open(folder.path(), settings).await;
        Self { folder, client }
    }

    pub(crate) fn workers(&self) -> Running {
        Running::start(&self.client, EngineOptions::default())
    }

    /// One round of the sweeper.
    pub(crate) async fn sweep(&self) -> Result<Swept, Error> {
        Engine::new(self.client.backend(), EngineOptions::default()).sweep().await
    }

    pub(crate) async fn submit(&self, acts: &[Do]) -> JobId {
        self.client.submit(request(acts)).await.unwrap().job.id
    }

    pub(crate) async fn wait(&self, job: JobId) -> Manifest {
        match tokio::time::timeout(PATIENCE, self.client.wait(&TENANT, job)).await {
            Ok(manifest) => manifest.unwrap(),
            Err(_) => {
                let status = self.client.status(&TENANT, job).await;
                let names: Vec<String> =
                    self.objects().await.into_iter().map(|object| object.key.to_string()).collect();
                panic!("the job does not end: {status:?}, with {names:#?}");
            }
        }
    }

    pub(crate) async fn run(&self, acts: &[Do]) -> Manifest {
        let job = self.submit(acts).await;
        let workers = self.workers();
        let manifest = self.wait(job).await;
        workers.stop().await.unwrap();
        manifest
    }

    pub(crate) async fn state(&self, job: JobId) -> JobState {
        self.client.status(&TENANT, job).await.unwrap().state
    }

    /// The tenant's objects in the store.
    pub(crate) async fn objects(&self) -> Vec<ObjectInfo> {
        let mut objects = Vec::new();
        let mut after = None;
        loop {
            let page = self.client.store().list(&Key::parse("test").unwrap(), after.as_deref(), 1_000).await.unwrap();
            objects.extend(page.objects);
            after = page.next;
            if after.is_none() {
                return objects;
            }
        }
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        self.objects().await.into_iter().map(|object| object.key.as_str().to_owned()).collect()
    }

    /// The records of failed attempts of a job.
    pub(crate) async fn attempts(&self, job: JobId) -> Vec<String> {
        let of_job = |key: &String| key.contains(&job.to_string()) && key.contains("/attempts/");
        self.keys().await.into_iter().filter(of_job).collect()
    }

    /// Waits until a worker has started a step of the job.
    pub(crate) async fn started(&self, job: JobId, workers: impl FnOnce() -> Running) -> Running {
        let mut events = self.client.watch(&TENANT, job).await.unwrap();
        let workers = workers();
        let started = async {
            while let Some(event) = events.next().await {
                if matches!(event.body, EventBody::Started { .. }) {
                    return;
                }
            }
            panic!("the job ended before anyone started it");
        };
        tokio::time::timeout(PATIENCE, started).await.expect("a step starts");
        workers
    }
}

pub(crate) fn request(acts: &[Do]) -> Request {
    let mut request = Request::new(TENANT, Name::from_static("acts"));
    request.params = json!({ "acts": acts });
    request
}

/// A job whose steps leave files that are read where they lie.
pub(crate) fn gathered(count: u64) -> Request {
    let acts: Vec<_> = (0..count).map(|number| Do::Leave { number }).collect();
    Request { kind: Name::from_static("gathered"), ..request(&acts) }
}

pub(crate) fn numbers(count: u64) -> Vec<Do> {
    (0..count).map(|number| Do::Count { number, ms: 0 }).collect()
}

pub(crate) struct Running {
    task: JoinHandle<Result<(), EngineError>>,
    stop: CancellationToken,
}

impl Running {
    pub(crate) fn start(client: &Client, options: EngineOptions) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(Engine::new(client.backend(), options).run(stop.clone())), stop }
    }

    pub(crate) async fn stop(self) -> Result<(), EngineError> {
        self.stop.cancel();
        self.task.await.unwrap()
    }

    /// How it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), EngineError> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends").unwrap()
    }
}

/// A worker in a process of its own that dies at a breakpoint.
pub(crate) struct Doomed(Child);

impl Doomed {
    pub(crate) fn start(role: &str, folder: &Path, breakpoint: &str) -> Self {
        let mut command = Command::new("/proc/self/exe");
        command.arg(role).arg(folder).env(BREAKPOINT_VARIABLE, breakpoint).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    pub(crate) async fn died(mut self) -> ExitStatus {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(std::time::Instant::now() < deadline, "the process lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: the child was not waited for yet, so the number is still its own.
        assert_eq!(unsafe { libc::kill(self.0.id().cast_signed(), signal) }, 0);
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        // One that was waited for is not there any more, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for something that is bound to come.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut there: impl FnMut() -> F) {
    let wait = async {
        while !there().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}
