//! How fast whole steps that compute nothing go by over the embedded pair, beside a bare loop that writes and syncs a
//! file for each: `scripts/bench step`. The steps are ordinary ones: published, leased, run in a compute child, their
//! results durable, their groups gathered.

use std::{
    fs::File,
    io::Write,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use medley_proto::{Name, Outcome};
use medley_runtime::{Backend, Client, Engine, EngineOptions, Request, Settings, queue::SqliteQueue, store::FileStore};
use medley_step::{
    BuildContext, BuildError, Recipe, Registry, StepContext, StepError, Worker,
    graph::{Draft, Fragment, One, Scope, Whole},
};
use tokio_util::sync::CancellationToken;

/// Steps of one round: ten full groups.
const STEPS: u32 = 640;
/// Rounds of each contestant, taken in turns, unless the command line says how many; the median counts.
const ROUNDS: usize = 5;

struct Nothing;

impl Worker for Nothing {
    const KIND: &'static str = "nothing";
    type Config = ();
    type Params = ();
    type Output = ();

    fn build((): (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, (): (), _: &StepContext) -> Result<(), StepError> {
        Ok(())
    }
}

struct Nothings;

impl Recipe for Nothings {
    const KIND: &'static str = "nothings";
    const ABOUT: &'static str = "many steps that compute nothing";
    const INPUTS: std::ops::RangeInclusive<usize> = 0..=0;
}

impl Fragment for Nothings {
    type Params = ();
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, ()>) -> One<()> {
        let nothing = || Draft::of(Whole::<Nothing>(()));
        let many = g.scatter("run", (), move |_, ()| Ok((0..STEPS).map(|_| nothing()).collect()));
        let few = g.fold("merge", many, move |_, _| Ok(nothing()), move |_, _| Ok(nothing()));
        g.one("end", few, move |_, _| Ok(nothing()))
    }
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let registry = Registry::default().worker::<Nothing>().recipe::<Nothings>();
    if std::env::args().nth(1).as_deref() == Some("compute") {
        return Ok(medley_runtime::compute_main(&registry, &Name::from_static(Nothing::KIND)));
    }
    let rounds = std::env::args().nth(1).map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    tokio::runtime::Runtime::new()?.block_on(bench(Arc::new(registry), rounds))?;
    Ok(ExitCode::SUCCESS)
}

async fn bench(registry: Arc<Registry>, rounds: usize) -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir_in(".")?;
    let (mut bare, mut steps) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let folder = folder.path().join(round.to_string());
        bare.push(write_and_sync(&folder.join("bare"))?);
        steps.push(job(&folder.join("steps"), &registry).await?);
    }
    let (bare, steps) = (rate(bare), rate(steps));
    println!("| {STEPS} times, median of {rounds} | a second | of the bare loop |");
    println!("|---|---:|---:|");
    println!("| write, fsync, rename, fsync of the folder | {bare:.0} | 1 |");
    println!("| a whole step that computes nothing | {steps:.0} | {:.2} |", steps / bare);
    Ok(())
}

fn rate(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    f64::from(STEPS) / times[times.len() / 2].as_secs_f64()
}

/// The least that makes one small result after the other durable.
fn write_and_sync(folder: &Path) -> std::io::Result<Duration> {
    std::fs::create_dir_all(folder)?;
    let began = Instant::now();
    for n in 0..STEPS {
        let part = folder.join("part");
        let mut file = File::create(&part)?;
        file.write_all(&[b'x'; 200])?;
        file.sync_all()?;
        std::fs::rename(&part, folder.join(n.to_string()))?;
        File::open(folder)?.sync_all()?;
    }
    Ok(began.elapsed())
}

async fn job(folder: &Path, registry: &Arc<Registry>) -> Result<Duration, Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    let mut settings = Settings::default();
    settings.worker.work_dir = folder.join("work");
    settings.worker.slots = 4;
    let queue = SqliteQueue::open(&folder.join("queue.db")).await?;
    let store = FileStore::open(&folder.join("store")).await?;
    let client = Client::new(Backend::new(Arc::new(queue), Arc::new(store), registry.clone(), settings));
    let stop = CancellationToken::new();
    let workers = tokio::spawn(Engine::new(client.backend(), EngineOptions::default()).run(stop.clone()));
    let tenant = Name::from_static("bench");
    let mut request = Request::new(tenant.clone(), Name::from_static(Nothings::KIND));
    request.params = serde_json::Value::Null;
    let began = Instant::now();
    let job = client.submit(request).await?.job.id;
    let manifest = client.wait(&tenant, job).await?;
    let took = began.elapsed();
    stop.cancel();
    workers.await??;
    if manifest.outcome != Outcome::Succeeded {
        return Err(format!("the job did not succeed: {:?}", manifest.error).into());
    }
    Ok(took)
}
