//! `medley run`: jobs here and now, with queue, store and workers inside this process and its children.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Arg, ArgMatches, Command, value_parser};
use futures_util::StreamExt;
use medley_proto::{ErrorCode, JobId, JobState, Manifest, Name, Sha256};
use medley_runtime::{InputRequest, Medley, WorkerOptions, Workers, WorkersError};
use medley_step::Registry;
use tokio_util::sync::CancellationToken;

use super::{
    Failed, block_on,
    kinds::{Asked, AskedJob, switch},
    outputs,
    progress::{Progress, Show},
};
use crate::{backends, config::Config};

/// How often the store is asked whether jobs have ended; events make it quicker, and may be lost.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Kinds of many short steps. Several slots of a thread each get through them sooner than one with all threads: what lies
/// between two steps of one slot falls into a step of another.
const A_SLOT_A_CORE: [&str; 1] = ["library"];

#[derive(Debug)]
pub(super) struct Args {
    output: PathBuf,
    slots: Option<usize>,
    fresh: bool,
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
            .help("Where the artifacts go; the state of unfinished jobs is in DIR/.medley");
        let slots = Arg::new("slots")
            .long("slots")
            .value_name("N")
            .value_parser(value_parser!(usize))
            .help("Steps side by side [default: one for one job; one a core for several and for libraries]");
        command
            .arg(output)
            .arg(slots)
            .arg(switch("fresh", "Discards what an earlier run left in DIR/.medley"))
            .arg(switch("json", "Prints the manifest as JSON, one line for each job"))
            .arg(switch("quiet", "Prints only errors").short('q'))
    }

    pub(super) fn read(matches: &ArgMatches) -> Self {
        Self {
            output: matches.get_one::<PathBuf>("output").cloned().unwrap_or_else(|| "out".into()),
            slots: matches.get_one::<usize>("slots").copied(),
            fresh: matches.get_flag("fresh"),
            show: Show { json: matches.get_flag("json"), quiet: matches.get_flag("quiet") },
        }
    }
}

pub(super) fn run(asked: Asked, args: Args, registry: Arc<Registry>, mut config: Config) -> Result<ExitCode, Failed> {
    let state = args.output.join(".medley");
    if args.fresh && state.exists() {
        fs::remove_dir_all(&state).map_err(|error| Failed::service(format!("{}: {error}", state.display())))?;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let small = asked.jobs.iter().any(|job| A_SLOT_A_CORE.contains(&job.request.kind.as_str()));
    config.worker.slots = args.slots.unwrap_or(if small || asked.jobs.len() > 1 { cores } else { 1 });
    config.worker.work_dir = state.join("work");
    super::worker::start_logging("warn", super::worker::LogFormat::Pretty);
    block_on(async {
        let medley = backends::embedded(&state, registry.clone(), &config).await?;
        // Nobody else would do the steps.
        let options = WorkerOptions { all_kinds: true, ..backends::worker_options(&config, &registry, Vec::new()) };
        let stop = CancellationToken::new();
        let mut workers = tokio::spawn(Workers::new(&medley, options).run(stop.clone()));
        let mut session = Session::new(medley, args, asked.jobs.len() > 1);
        let result = tokio::select! {
            result = session.all(asked.jobs) => result,
            ended = &mut workers => return Err(why(ended)),
            () = interrupted() => Err(Failed::interrupted()),
        };
        stop.cancel();
        if let Err(failed) =
            workers.await.map_or_else(|error| Err(Failed::service(error)), |ended| ended.map_err(Failed::service))
        {
            failed.say();
        }
        result
    })
}

/// Workers that end before they are told to.
fn why(ended: Result<Result<(), WorkersError>, tokio::task::JoinError>) -> Failed {
    match ended {
        Ok(Ok(())) => Failed::service("the workers stopped"),
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
    medley: Medley,
    args: Args,
    progress: Progress,
    waiting: HashMap<JobId, Waiting>,
    several: bool,
    /// The worst exit code so far.
    exit: u8,
}

struct Waiting {
    tenant: Name,
    folder: PathBuf,
}

impl Session {
    fn new(medley: Medley, args: Args, several: bool) -> Self {
        let progress = Progress::new(args.show);
        Self { medley, args, progress, waiting: HashMap::new(), several, exit: 0 }
    }

    /// Submits every job and waits for all; one that fails does not stop the others.
    async fn all(&mut self, jobs: Vec<AskedJob>) -> Result<ExitCode, Failed> {
        let Some(tenant) = jobs.first().map(|job| job.request.tenant.clone()) else {
            return Ok(ExitCode::SUCCESS);
        };
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
                    for job in self.waiting.keys().copied().collect::<Vec<_>>() {
                        self.look_at(job).await?;
                    }
                }
            }
        }
        Ok(ExitCode::from(self.exit))
    }

    async fn submit(&mut self, mut job: AskedJob) -> Result<(), Failed> {
        let folder = if self.several { self.args.output.join(&job.folder) } else { self.args.output.clone() };
        job.request.idempotency_key = Some(key(&job, &folder)?);
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
            submitted = self.medley.submit(job.request).await?;
        }
        let id = submitted.job.id;
        self.progress.add(id, &job.label);
        self.waiting.insert(id, Waiting { tenant: submitted.job.tenant, folder });
        self.look_at(id).await
    }

    /// Takes a job that has ended off the list.
    async fn look_at(&mut self, id: JobId) -> Result<(), Failed> {
        let Some(waiting) = self.waiting.get(&id) else { return Ok(()) };
        let status = self.medley.status(&waiting.tenant, id).await?;
        let Some(manifest) = status.manifest else { return Ok(()) };
        let Some(waiting) = self.waiting.remove(&id) else { return Ok(()) };
        if let Err(failed) = self.deliver(id, &manifest, &waiting.folder).await {
            self.fail(&failed);
        }
        Ok(())
    }

    async fn deliver(&mut self, id: JobId, manifest: &Manifest, folder: &Path) -> Result<(), Failed> {
        if self.args.show.json {
            outputs::print_json_line(manifest)?;
        }
        if let Some(failure) = &manifest.error {
            self.progress.end(id, "failed");
            // Nobody replays it: the same command makes it anew.
            self.medley.forget_addresses(&manifest.tenant, id).await?;
            return Err(Failed::from(failure));
        }
        self.medley.fetch(&manifest.tenant, id, folder).await?;
        self.progress.end(id, &format!("done, in {}", folder.display()));
        Ok(())
    }

    fn fail(&mut self, failed: &Failed) {
        failed.say();
        self.exit = self.exit.max(failed.exit);
    }
}

/// The same request into the same folder is the same job, so that running it again goes on where it stopped.
fn key(job: &AskedJob, folder: &Path) -> Result<String, Failed> {
    let request = &job.request;
    let inputs: Vec<_> = request.inputs.iter().map(InputRequest::identity).collect();
    let document = format!("{} [{}] {} {}", request.kind, inputs.join(", "), request.params, folder.display());
    Ok(format!("run-{}", Sha256::of(document.as_bytes())))
}
