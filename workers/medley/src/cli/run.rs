//! `medley run`: jobs here and now, with queue, store and workers inside this process and its children.

use std::{
    collections::HashMap,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Arg, ArgMatches, Command, value_parser};
use futures_util::StreamExt;
use medley_models::{Models, State as ModelState};
use medley_proto::{ErrorCode, JobId, JobState, Manifest, Name, Sha256};
use medley_runtime::{
    Client, Engine, EngineError, EngineOptions, InputRequest, Request,
    queue::{QueueError, SqliteQueue},
};
use medley_step::{Kind, Registry, Slots};
use tokio_util::sync::CancellationToken;

use super::{
    Failed,
    asked::{Asked, AskedJob},
    block_on,
    logging::{LogFormat, start_logging},
    outputs,
    printable::printable,
    progress::{Progress, Show},
    state::State,
    switches::switch,
    terms::Terms,
    usage::Bytes,
};
use crate::{backends, config::Config, kinds::kinds as all_kinds};

/// How often the store is asked whether jobs have ended; events make it quicker, and may be lost.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// State that takes less than this is not worth a line.
const MENTIONED_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Args {
    output: PathBuf,
    slots: Option<usize>,
    fresh: bool,
    verify: bool,
    keep: bool,
    show: Show,
}

impl Args {
    pub(super) fn add_to(command: Command) -> Command {
        let output = Arg::new("output")
            .short('o')
            .long("output")
            .value_name("DIR")
            .default_value("out")
            .value_parser(value_parser!(PathBuf))
            .help("Where the artifacts go; the jobs' state is in DIR/.medley (`medley clean`)");
        let slots = Arg::new("slots")
            .long("slots")
            .value_name("N")
            .value_parser(value_parser!(usize))
            .help("Steps side by side [default: one for one job; one a core for several and for libraries]");
        command
            .arg(output)
            .arg(slots)
            .arg(switch("fresh", "Discards what an earlier run left in DIR/.medley"))
            .arg(switch("verify-models", "First hashes all model files of this kind that are here, however they look"))
            .arg(switch("keep-steps", "Keeps the results of all steps in DIR/.medley, for a look into them"))
            .arg(switch("json", "Prints the manifest as JSON, one line for each job"))
            .arg(switch("quiet", "Prints only errors").short('q'))
    }

    pub(super) fn read(matches: &ArgMatches) -> Self {
        Self {
            output: matches.get_one::<PathBuf>("output").cloned().unwrap_or_else(|| "out".into()),
            slots: matches.get_one::<usize>("slots").copied(),
            fresh: matches.get_flag("fresh"),
            verify: matches.get_flag("verify-models"),
            keep: matches.get_flag("keep-steps"),
            show: Show { json: matches.get_flag("json"), quiet: matches.get_flag("quiet") },
        }
    }
}

pub(super) fn run(asked: Asked, args: Args, registry: Arc<Registry>, mut config: Config) -> Result<ExitCode, Failed> {
    if args.verify {
        verify_models(asked.jobs.iter().map(|job| &job.request.kind))?;
    }
    outputs::check_folder(&args.output)?;
    let state = match args.fresh {
        true => {
            let alone = State::alone(&args.output)?;
            alone.clear(|_| true)?;
            alone.shared()?
        }
        false => State::share(&args.output)?,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let hint =
        |job: &AskedJob| all_kinds().find(job.request.kind.as_str()).map(Kind::slots_of_a_job).unwrap_or_default();
    let small = asked.jobs.iter().any(|job| hint(job) == Slots::OnePerCore);
    config.worker.slots = args.slots.unwrap_or(if small || asked.jobs.len() > 1 { cores } else { 1 });
    // Compute children are told of it in JSON, which has no other bytes than UTF-8.
    if state.path().to_str().is_some() {
        config.worker.work_dir = state.path().join("work");
    }
    start_logging("warn", LogFormat::Pretty);
    let (quiet, output) = (args.show.quiet, args.output.clone());
    let directory = state.path().to_owned();
    let result = block_on(async {
        let medley = backends::embedded(state.path(), registry.clone(), &config).await?;
        // Nobody else would do the steps.
        let options = EngineOptions { all_kinds: true, ..backends::worker_options(&config, &registry, Vec::new()) };
        let stop = CancellationToken::new();
        let mut workers = tokio::spawn(Engine::new(medley.backend(), options).run(stop.clone()));
        let mut session = Session::new(medley, args, asked.jobs.len() > 1);
        let result = tokio::select! {
            result = session.all(asked) => result,
            ended = &mut workers => return Err(why(ended, &directory)),
            () = interrupted() => Err(Failed::interrupted()),
        };
        stop.cancel();
        if let Err(failed) =
            workers.await.map_or_else(|error| Err(Failed::service(error)), |ended| ended.map_err(Failed::service))
        {
            failed.say();
        }
        if result.is_ok() && !quiet {
            session.terms.say();
        }
        result
    });
    if result.is_ok() {
        // No other run works there: what lies in the work folder is nobody's.
        if state.is_alone() {
            state.clear(|name| name == "work")?;
        }
        let kept = state.bytes();
        if !quiet && kept >= MENTIONED_BYTES {
            let (path, output) = (state.path().display(), output.display());
            let line = format!("{} kept in {path} for another run; `medley clean {output}` frees it", Bytes(kept));
            eprintln!("{}", printable(&line));
        }
    }
    result
}

/// Hashes the model files of these kinds that are here.
fn verify_models<'a>(kinds: impl Iterator<Item = &'a Name>) -> Result<(), Failed> {
    let models = Models::open(&Models::default_dir());
    let names = kinds.filter_map(|kind| all_kinds().models_of(kind.as_str())).flatten();
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        if models.state(name)? != ModelState::Missing {
            models.verify(name)?;
        }
    }
    Ok(())
}

/// Workers that end before they are told to.
fn why(ended: Result<Result<(), EngineError>, tokio::task::JoinError>, state: &Path) -> Failed {
    match ended {
        Ok(Ok(())) => Failed::service("the workers stopped"),
        Ok(Err(EngineError::Queue(error))) if SqliteQueue::is_damaged(&error) => backends::damaged(state, error),
        Ok(Err(EngineError::Queue(full @ QueueError::Full(..)))) => Failed::service(full),
        Ok(Err(error)) => Failed::service(error),
        Err(error) => Failed::service(error),
    }
}

/// Resolves when the user or the system asks the process to stop.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

/// The jobs of one command, on their way.
struct Session {
    medley: Client,
    args: Args,
    progress: Progress,
    waiting: HashMap<JobId, Waiting>,
    several: bool,
    terms: Terms,
    /// The worst exit code so far.
    exit: u8,
}

struct Waiting {
    tenant: Name,
    folder: PathBuf,
    label: String,
    /// How to ask for it again, when it had ended before and its artifacts may be gone.
    again: Option<Request>,
}

impl Session {
    fn new(medley: Client, args: Args, several: bool) -> Self {
        let progress = Progress::new(args.show);
        Self { medley, args, progress, waiting: HashMap::new(), several, terms: Terms::default(), exit: 0 }
    }

    /// Submits every job and waits for all; one that fails does not stop the others.
    async fn all(&mut self, asked: Asked) -> Result<ExitCode, Failed> {
        let Asked { mut jobs, spooled } = asked;
        let Some(tenant) = jobs.first().map(|job| job.request.tenant.clone()) else {
            return Ok(ExitCode::SUCCESS);
        };
        if let Some(spooled) = &spooled {
            for job in &mut jobs {
                spooled.keep(&self.medley, &tenant, &mut job.request.inputs).await?;
            }
        }
        let mut events = self.medley.queue().events(&tenant, None).await.map_err(Failed::service)?;
        for job in jobs {
            if let Err(failed) = self.submit(job).await {
                self.fail(&failed);
            }
        }
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut listening = true;
        while !self.waiting.is_empty() {
            tokio::select! {
                event = events.next(), if listening => match event {
                    Some(event) => {
                        self.progress.event(&event);
                        if matches!(event.body, medley_proto::EventBody::Finished { .. }) {
                            self.look_at(event.job).await?;
                        }
                    }
                    None => listening = false,
                },
                _ = look.tick() => {
                    self.progress.tick();
                    for job in self.waiting.keys().copied().collect::<Vec<_>>() {
                        self.look_at(job).await?;
                    }
                }
            }
        }
        if let Some(spooled) = &spooled {
            spooled.forget(&self.medley, &tenant).await?;
        }
        Ok(ExitCode::from(self.exit))
    }

    async fn submit(&mut self, mut job: AskedJob) -> Result<(), Failed> {
        let folder = if self.several { self.args.output.join(&job.folder) } else { self.args.output.clone() };
        job.request.idempotency_key = Some(key(&job, &folder));
        let mut submitted = match self.medley.submit(job.request.clone()).await {
            // The inputs are not what they were when the job of the same command ran: that one is of no use any more.
            Err(error) if error.code() == ErrorCode::IDEMPOTENCY_CONFLICT => {
                let earlier =
                    JobId::from_key(&job.request.tenant, job.request.idempotency_key.as_deref().unwrap_or(""));
                self.medley.delete(&job.request.tenant, earlier).await?;
                self.medley.submit(job.request.clone()).await?
            }
            submitted => submitted?,
        };
        // What failed before is tried anew: its reason (a missing model, a full disk) may be gone.
        if matches!(submitted.state, JobState::Failed | JobState::Cancelled) {
            self.medley.delete(&submitted.job.tenant, submitted.job.id).await?;
            submitted = self.medley.submit(job.request.clone()).await?;
        }
        let id = submitted.job.id;
        self.progress.add(id, &job.label);
        let again = submitted.state.is_final().then_some(job.request);
        self.waiting.insert(id, Waiting { tenant: submitted.job.tenant, folder, label: job.label, again });
        self.look_at(id).await
    }

    /// Takes a job that has ended off the list.
    async fn look_at(&mut self, id: JobId) -> Result<(), Failed> {
        let Some(waiting) = self.waiting.get(&id) else { return Ok(()) };
        let status = self.medley.status(&waiting.tenant, id).await?;
        let Some(manifest) = status.manifest else { return Ok(()) };
        let Some(waiting) = self.waiting.remove(&id) else { return Ok(()) };
        match self.deliver(id, &manifest, &waiting.folder).await {
            Ok(()) => {}
            Err(failed) => match waiting.again {
                // It had ended before, and what it made is no longer in the folder: it is made again.
                Some(request) if manifest.error.is_none() => {
                    tracing::info!(?failed, "artifacts are gone");
                    self.medley.delete(&waiting.tenant, id).await?;
                    let submitted = self.medley.submit(request).await?;
                    self.progress.add(submitted.job.id, &waiting.label);
                    self.waiting.insert(submitted.job.id, Waiting { again: None, ..waiting });
                }
                _ => self.fail(&failed),
            },
        }
        Ok(())
    }

    async fn deliver(&mut self, id: JobId, manifest: &Manifest, folder: &Path) -> Result<(), Failed> {
        if let Some(failure) = &manifest.error {
            self.print(manifest)?;
            self.progress.end(id, "failed");
            // Nobody replays it: the same command makes it anew.
            self.medley.forget_addresses(&manifest.tenant, id).await?;
            return Err(Failed::from(failure));
        }
        self.medley.fetch(&manifest.tenant, id, folder).await?;
        self.print(manifest)?;
        if !self.args.keep {
            // The artifacts are in the folder: another run needs the record of the job, and nothing else of it.
            self.medley.trim(&manifest.tenant, id).await?;
        }
        for warning in warnings(manifest) {
            self.progress.warn(id, warning);
        }
        self.terms.add(manifest.provenance.models.values());
        self.progress.end(id, &format!("done, in {}", folder.display()));
        Ok(())
    }

    fn print(&self, manifest: &Manifest) -> Result<(), Failed> {
        if self.args.show.json {
            outputs::print_json_line(manifest)?;
        }
        Ok(())
    }

    fn fail(&mut self, failed: &Failed) {
        failed.say();
        self.exit = self.exit.max(failed.exit);
    }
}

/// What a job's `quality` says that a person would not expect.
fn warnings(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let warnings = manifest.quality.get("warnings").and_then(serde_json::Value::as_array);
    warnings.into_iter().flatten().filter_map(serde_json::Value::as_str)
}

/// The same request into the same folder is the same job, so that running it again goes on where it stopped.
fn key(job: &AskedJob, folder: &Path) -> String {
    let request = &job.request;
    let inputs: Vec<_> = request.inputs.iter().map(InputRequest::identity).collect();
    let mut document = format!("{} [{}] {} ", request.kind, inputs.join(", "), request.params).into_bytes();
    // As bytes: two folders' names may differ in what is no UTF-8.
    document.extend_from_slice(folder.as_os_str().as_bytes());
    format!("run-{}", Sha256::of(&document))
}
