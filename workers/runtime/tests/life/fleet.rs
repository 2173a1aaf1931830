//! A queue and a store in a folder of the test's own, and workers over them: in this process and in others.

use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use medley_proto::{JobId, JobState, Manifest, Name};
use medley_runtime::{
    BREAKPOINT_VARIABLE, Medley, Request, Settings, WorkerOptions, Workers, WorkersError,
    queue::{SqliteOptions, SqliteQueue},
    store::FileStore,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::kinds::{self, Do};

pub(crate) const TENANT: Name = Name::from_static("test");

/// Longer than anything here takes on a busy machine; a test that comes to it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Fleet {
    pub(crate) folder: TempDir,
    pub(crate) medley: Medley,
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

pub(crate) async fn open(folder: &Path, settings: Settings) -> Medley {
    let options = SqliteOptions { lease: Duration::from_secs(2), heartbeat: Duration::from_millis(200) };
    let queue = SqliteQueue::open_with(&folder.join("queue.db"), options).await.unwrap();
    let store = FileStore::open(&folder.join("store")).await.unwrap();
    Medley::new(Arc::new(queue), Arc::new(store), Arc::new(kinds::registry()), settings)
}

impl Fleet {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        change(&mut settings);
        let medley = open(folder.path(), settings).await;
        Self { folder, medley }
    }

    pub(crate) fn workers(&self) -> Running {
        let stop = CancellationToken::new();
        let workers = Workers::new(&self.medley, WorkerOptions::default());
        Running { task: tokio::spawn(workers.run(stop.clone())), stop }
    }

    pub(crate) async fn submit(&self, acts: &[Do]) -> JobId {
        self.medley.submit(request(acts)).await.unwrap().job.id
    }

    pub(crate) async fn wait(&self, job: JobId) -> Manifest {
        tokio::time::timeout(PATIENCE, self.medley.wait(&TENANT, job)).await.expect("the job ends").unwrap()
    }

    pub(crate) async fn run(&self, acts: &[Do]) -> Manifest {
        let job = self.submit(acts).await;
        let workers = self.workers();
        let manifest = self.wait(job).await;
        workers.stop().await.unwrap();
        manifest
    }

    pub(crate) async fn state(&self, job: JobId) -> JobState {
        self.medley.status(&TENANT, job).await.unwrap().state
    }

    /// The file that a key stands for.
    pub(crate) fn file(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join("store").join(key)
    }

    pub(crate) fn exists(&self, key: &str) -> bool {
        self.keys().iter().any(|there| there == key)
    }

    /// Every key in the store.
    pub(crate) fn keys(&self) -> Vec<String> {
        fn walk(root: &Path, folder: &Path, keys: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(root, &path, keys);
                } else {
                    keys.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let root = self.folder.path().join("store");
        let mut keys = Vec::new();
        walk(&root, &root, &mut keys);
        keys.sort();
        keys
    }
}

pub(crate) fn request(acts: &[Do]) -> Request {
    let mut request = Request::new(TENANT, Name::from_static("acts"));
    request.params = json!({ "acts": acts });
    request
}

pub(crate) fn numbers(count: u64) -> Vec<Do> {
    (0..count).map(|number| Do::Count { number, ms: 0 }).collect()
}

pub(crate) struct Running {
    task: JoinHandle<Result<(), WorkersError>>,
    stop: CancellationToken,
}

impl Running {
    pub(crate) async fn stop(self) -> Result<(), WorkersError> {
        self.stop.cancel();
        self.task.await.unwrap()
    }

    /// How it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), WorkersError> {
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
        tokio::task::spawn_blocking(move || self.0.wait().unwrap()).await.unwrap()
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: the child was not waited for yet, so the number is still its own.
        assert_eq!(unsafe { libc::kill(self.0.id().cast_signed(), signal) }, 0);
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
