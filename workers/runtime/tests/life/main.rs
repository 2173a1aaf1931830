//! The life of jobs and steps, with real compute children and real kills: over the embedded queue and store, and again over
//! RabbitMQ and S3.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod blame;
mod ends;
mod faults;
mod fleet;
mod hostile;
mod kills;
mod kinds;
mod ordinary;
mod shares;
mod stops;
mod stores;
mod upkeep;
mod uploads;

use std::{path::PathBuf, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::fleet::Pair;

fn main() -> ExitCode {
    // `RUST_LOG=medley=debug` shows what a test that fails was about; compute children tell theirs to their parents.
    let log = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(log).with_writer(std::io::stderr).init();
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("compute") => medley_runtime::compute_main(&kinds::registry(), &args[3].parse().unwrap()),
        Some("worker") => run(roles::worker(PathBuf::from(&args[2]))),
        Some("uploader") => run(roles::uploader(PathBuf::from(&args[2]))),
        Some("submitter") => run(roles::submitter(PathBuf::from(&args[2]))),
        _ => libtest_mimic::run(&Arguments::from_args(), tests()).exit_code(),
    }
}

/// What this program is when the tests start it as another process.
mod roles {
    use std::path::PathBuf;

    use medley_runtime::{Engine, EngineOptions};
    use tokio_util::sync::CancellationToken;

    use crate::{fleet, uploads};

    /// Works until it is told to stop.
    pub(crate) async fn worker(folder: PathBuf) {
        let client = fleet::open(&folder, fleet::settings(&folder)).await;
        let stop = CancellationToken::new();
        let told = stop.clone();
        tokio::spawn(async move {
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
            terminate.recv().await;
            told.cancel();
        });
        Engine::new(client.backend(), EngineOptions::default()).run(stop).await.unwrap();
    }

    /// Sends the second half of an upload, and makes an input of it.
    pub(crate) async fn uploader(folder: PathBuf) {
        let client = fleet::open(&folder, fleet::settings(&folder)).await;
        uploads::second_half(&client, &folder).await;
    }

    pub(crate) async fn submitter(folder: PathBuf) {
        let client = fleet::open(&folder, fleet::settings(&folder)).await;
        let mut request = fleet::request(&fleet::numbers(3));
        request.idempotency_key = Some("the one".into());
        client.submit(request).await.unwrap();
    }
}

fn run(future: impl Future<Output = ()>) -> ExitCode {
    runtime().block_on(future);
    ExitCode::SUCCESS
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A test that runs on an async runtime of its own, over the pair that is being listed.
fn test<F: Future<Output = ()>>(name: &str, body: impl Fn() -> F + Send + 'static) -> Trial {
    let pair = Pair::current();
    let run = move || -> Result<(), Failed> {
        pair.choose();
        runtime().block_on(body());
        Ok(())
    };
    Trial::test(format!("{}::{name}", pair.name()), run)
}

fn tests() -> Vec<Trial> {
    let over = |pair: Pair| {
        pair.choose();
        let own = if pair == Pair::Remote { faults::tests() } else { stores::of_files() };
        let life =
            [ordinary::tests(), shares::tests(), blame::tests(), hostile::tests(), kills::tests(), stops::tests()];
        life.into_iter().chain([stores::tests(), upkeep::tests(), uploads::tests(), ends::tests(), own])
    };
    [Pair::Embedded, Pair::Remote].into_iter().flat_map(over).flatten().collect()
}
