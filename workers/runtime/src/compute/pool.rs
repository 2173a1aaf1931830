//! The compute children of a worker: one for each kind, started when first needed, and the rule by which a child's death is
//! charged to a step.
//!
//! Several steps share a child, so a death alone does not say whose fault it was. The steps that were in flight run again
//! one at a time; only one that is alone when its child dies is to blame.
//!
//! | how the child died | in flight | this step is | what happens to it |
//! |---|---|---|---|
//! | crashed, or took too much memory | this step alone | to blame | its attempt fails; if it left new notes, it begins again at once, alone |
//! | crashed, or took too much memory | other steps too | a suspect | it runs again, alone in a new child |
//! | killed because this step did not stop | any | to blame | it ends with the reason for which it was stopped |
//! | killed because another step did not stop | any | a bystander | it runs again, beside others |
//!
//! # Example
//!
//! Steps A and B run side by side when their child dies of SIGSEGV.
//!
//! 1. Both are suspects: [`Death::culprit`] is none, since two were in flight. Each asks for the gate exclusively.
//! 2. A gets it, runs alone in a new child, and ends well. Nobody is charged for the first death.
//! 3. B gets it, and its child dies again: B is to blame. Its attempt fails with `compute_crashed`, and the queue delivers it
//!    again after a pause.
//! 4. Had B written down in its notes what it was working on, and had the notes grown since its last start, it would begin
//!    again at once without losing an attempt: it now knows what to leave out. It stays alone, so that it is known if it
//!    dies again.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use medley_proto::{ErrorCode, Name, StepId};
use medley_step::{LocalInput, StepError};
use serde_json::Value;
use tokio::{
    process::Command,
    sync::{Mutex, RwLock, watch},
    time::Instant,
};

use super::{
    frames::{Answer, Ask, Computed, Init, Order, Progress, RemoteCause},
    notes::{Notes, empty},
    process::{Child, ChildSettings, Death, End, Flight, How, StartError},
    spawner::Spawner,
};

/// The program that becomes a compute child: `program args… --kind <kind>`.
#[derive(Debug, Clone)]
pub struct ComputeCommand {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

impl Default for ComputeCommand {
    /// This very program, also when its file was replaced meanwhile, with the subcommand `compute`.
    fn default() -> Self {
        Self { program: "/proc/self/exe".into(), args: vec!["compute".into()] }
    }
}

impl ComputeCommand {
    fn of(&self, kind: &Name) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg("--kind").arg(kind.as_str());
        command
    }
}

/// What all children of a worker have in common.
#[derive(Debug, Clone)]
pub(crate) struct PoolSettings {
    pub(crate) command: ComputeCommand,
    pub(crate) models_dir: PathBuf,
    /// Each kind's table of `medley.toml`.
    pub(crate) configs: BTreeMap<Name, Value>,
    pub(crate) slots: usize,
    pub(crate) threads: usize,
    pub(crate) step_time: Duration,
    pub(crate) stop_grace: Duration,
    pub(crate) idle: Duration,
    pub(crate) max_bytes: u64,
}

/// Why a step is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    Cancelled,
    /// The worker is stopping.
    Draining,
    DeadlinePassed,
    TimeUp,
}

/// Does for running steps what their process may not do itself, such as listing a bucket.
#[async_trait]
pub(crate) trait StepServices: Send + Sync {
    async fn answer(&self, ask: Ask) -> Result<Answer, StepError>;
}

/// A step that is ready to be computed.
pub(crate) struct Job<'a> {
    pub(crate) step: &'a StepId,
    pub(crate) params: &'a Value,
    pub(crate) inputs: Vec<LocalInput>,
    pub(crate) scratch: PathBuf,
    /// How messages call it: its input.
    pub(crate) label: &'a str,
    pub(crate) stop: watch::Receiver<Option<StopReason>>,
    /// Called when a child that is ready has the step; must not block.
    pub(crate) started: &'a (dyn Fn() + Send + Sync),
    /// Receives progress; must not block.
    pub(crate) progress: &'a (dyn Fn(Progress) + Send + Sync),
    pub(crate) services: &'a dyn StepServices,
}

pub(crate) struct ComputePool {
    settings: PoolSettings,
    spawner: Spawner,
    kinds: std::sync::Mutex<BTreeMap<Name, Arc<KindPool>>>,
    tickets: AtomicU64,
}

impl ComputePool {
    pub(crate) fn new(settings: PoolSettings) -> std::io::Result<Self> {
        Ok(Self {
            settings,
            spawner: Spawner::start()?,
            kinds: std::sync::Mutex::default(),
            tickets: AtomicU64::new(1),
        })
    }

    /// Computes one step in the kind's child.
    pub(crate) async fn run(&self, kind: &Name, job: Job<'_>) -> Result<Computed, StepError> {
        let pool = {
            let mut kinds = self.kinds.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            kinds.entry(kind.clone()).or_insert_with(|| Arc::new(KindPool::new(kind.clone()))).clone()
        };
        pool.run(self, job).await
    }

    /// Whether the kind's compute process did not start when it was last needed.
    pub(crate) fn gave_up(&self, kind: &Name) -> bool {
        let kinds = self.kinds.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kinds.get(kind).is_some_and(|pool| pool.gave_up.load(Ordering::Relaxed))
    }

    /// Ends all children.
    pub(crate) fn stop(&self) {
        let kinds = self.kinds.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for pool in kinds.values() {
            if let Ok(child) = pool.child.try_lock()
                && let Some(child) = &*child
            {
                child.dismiss();
            }
        }
    }
}

struct KindPool {
    kind: Name,
    /// Held shared by steps that run side by side, exclusively by a suspect. Fair, so a suspect waits only for the
    /// steps that are running.
    gate: RwLock<()>,
    child: Mutex<Option<Arc<Child>>>,
    /// The last start failed as often as it is tried.
    gave_up: AtomicBool,
}

/// How often a child is started before its kind counts as unfit. One that is killed while it starts says nothing about
/// its machine, and is nobody's fault: no step was in it.
const STARTS: u32 = 5;
/// The pause after the first start that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How one try in a child ended, when not with the step's own error.
enum Tried {
    Ended(Computed),
    Died { death: Death, mine: bool, told: Option<StopReason> },
}

impl KindPool {
    fn new(kind: Name) -> Self {
        Self { kind, gate: RwLock::new(()), child: Mutex::new(None), gave_up: AtomicBool::new(false) }
    }

    async fn run(&self, pool: &ComputePool, job: Job<'_>) -> Result<Computed, StepError> {
        let mut alone = false;
        let mut notes = Notes::of(&job.scratch);
        loop {
            let tried = if alone {
                let _gate = self.gate.write().await;
                self.attempt(pool, &job).await?
            } else {
                let _gate = self.gate.read().await;
                self.attempt(pool, &job).await?
            };
            match tried {
                Tried::Ended(computed) => return Ok(computed),
                Tried::Died { death, mine: true, told } => {
                    let error = self.charge(job.label, death, told, pool.settings.step_time);
                    let goes_on = matches!(told, None | Some(StopReason::TimeUp)) && notes.grew(&error).await?;
                    if !goes_on {
                        return Err(error);
                    }
                    // It knows now what to leave out, and must be known if it dies again.
                    metrics::counter!("medley_child_restarts_total", "kind" => self.kind.to_string()).increment(1);
                    alone = true;
                }
                Tried::Died { death, mine: false, .. } => {
                    metrics::counter!("medley_child_restarts_total", "kind" => self.kind.to_string()).increment(1);
                    // Whoever was killed for not stopping is known, and this step was a bystander; otherwise anyone
                    // that was in flight is a suspect.
                    alone = death.culprit.is_none();
                }
            }
        }
    }

    async fn attempt(&self, pool: &ComputePool, job: &Job<'_>) -> Result<Tried, StepError> {
        if let Some(reason) = *job.stop.borrow() {
            return Err(stopped(reason, job.label, pool.settings.step_time));
        }
        loop {
            let child = self.child(pool, job).await?;
            let ticket = pool.tickets.fetch_add(1, Ordering::Relaxed);
            empty(&job.scratch).await?;
            let order = Order {
                ticket,
                step: job.step.clone(),
                params: job.params.clone(),
                inputs: job.inputs.clone(),
                scratch: job.scratch.clone(),
                threads: (pool.settings.threads / pool.settings.slots.max(1)).max(1),
            };
            if let Some(flight) = child.run(order).await? {
                (job.started)();
                return follow(&pool.settings, &child, flight, job).await;
            }
        }
    }

    /// The kind's child, started where there is none.
    async fn child(&self, pool: &ComputePool, job: &Job<'_>) -> Result<Arc<Child>, StepError> {
        let mut slot = self.child.lock().await;
        if let Some(child) = slot.as_ref().filter(|child| child.takes_orders()) {
            return Ok(child.clone());
        }
        let mut pause = FIRST_PAUSE;
        for start in 1.. {
            if let Some(reason) = *job.stop.borrow() {
                return Err(stopped(reason, job.label, pool.settings.step_time));
            }
            let began = Instant::now();
            let error = match self.start(pool).await {
                Ok(child) => {
                    let kind = self.kind.to_string();
                    metrics::histogram!("medley_model_load_seconds", "kind" => kind).record(began.elapsed());
                    self.gave_up.store(false, Ordering::Relaxed);
                    *slot = Some(child.clone());
                    return Ok(child);
                }
                Err(StartError::Unbuildable(error)) => return Err(error),
                Err(error) => error,
            };
            let hopeless = matches!(&error, StartError::Died(Death { how: How::OverMemory { .. }, .. }));
            if start == STARTS || hopeless {
                self.gave_up.store(true, Ordering::Relaxed);
                return Err(self.cannot_start(error, start));
            }
            metrics::counter!("medley_child_restarts_total", "kind" => self.kind.to_string()).increment(1);
            let error = self.cannot_start(error, start);
            tracing::warn!(%error, causes = ?error.causes(), "a compute process is started again");
            let mut stop = job.stop.clone();
            drop(tokio::time::timeout(pause, reason_to_stop(&mut stop)).await);
            pause *= 2;
        }
        unreachable!("the last start returns")
    }

    async fn start(&self, pool: &ComputePool) -> Result<Arc<Child>, StartError> {
        let settings = &pool.settings;
        let init = Init {
            kind: self.kind.clone(),
            config: settings.configs.get(&self.kind).cloned().unwrap_or_default(),
            models_dir: settings.models_dir.clone(),
            slots: settings.slots,
            threads: settings.threads,
        };
        let command = settings.command.of(&self.kind);
        let settings = ChildSettings { command, init, max_bytes: settings.max_bytes, idle: settings.idle };
        Child::start(&pool.spawner, settings).await
    }

    /// The error of the step that is to blame for its child's death.
    fn charge(&self, label: &str, death: Death, told: Option<StopReason>, step_time: Duration) -> StepError {
        let kind = &self.kind;
        let causes = history(&death);
        let error = match (death.how, told) {
            (How::Stubborn, Some(reason)) => stopped(reason, label, step_time),
            (How::Stubborn, None) => StepError::Interrupted,
            (How::OverMemory { bytes }, _) => StepError::transient(
                ErrorCode::MEMORY_EXCEEDED,
                format!(
                    "{label}: its step of '{kind}' took {} MiB, more than a compute process may hold; \
                     raise limits.child_memory_mib or give it a smaller input",
                    bytes >> 20
                ),
            ),
            (How::Crashed(how), _) => StepError::transient(
                ErrorCode::COMPUTE_CRASHED,
                format!("{label}: its step of '{kind}' ended the compute process by {how}"),
            ),
        };
        match RemoteCause::chain(causes) {
            Some(cause) => error.because(cause),
            None => error,
        }
    }

    fn cannot_start(&self, error: StartError, starts: u32) -> StepError {
        let times = if starts == 1 { String::new() } else { format!(" ({starts} times in a row)") };
        let message = format!("the compute process of '{}' does not start{times}", self.kind);
        match error {
            StartError::Unbuildable(error) => error,
            StartError::Io(error) => StepError::Unfit { message, source: Some(error.into()) },
            StartError::Died(death) => {
                let history = RemoteCause::chain(history(&death));
                StepError::Unfit { message, source: history.map(|cause| Box::new(cause) as _) }
            }
        }
    }
}

/// Follows a step in flight to its end.
async fn follow(settings: &PoolSettings, child: &Child, flight: Flight, job: &Job<'_>) -> Result<Tried, StepError> {
    let Flight { ticket, mut progress, mut asks, mut end } = flight;
    let mut stop = job.stop.clone();
    let limit = tokio::time::sleep(settings.step_time);
    tokio::pin!(limit);
    let mut told: Option<StopReason> = None;
    let mut listening = true;
    let mut asked: Option<BoxFuture<'_, Result<Answer, StepError>>> = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut end => {
                // What was told last counts: how much work was done is known from it.
                while let Ok(progress) = progress.try_recv() {
                    (job.progress)(progress);
                }
                return match ended {
                    Ok(End::Done(computed)) => Ok(Tried::Ended(*computed)),
                    Ok(End::Failed(StepError::Cancelled | StepError::Interrupted)) => {
                        Err(stopped(told.unwrap_or(StopReason::Draining), job.label, settings.step_time))
                    }
                    Ok(End::Failed(error)) => Err(error),
                    Ok(End::Died(death)) => Ok(Tried::Died { mine: death.culprit == Some(ticket), death, told }),
                    Err(_) => Err(StepError::internal("a compute process was lost sight of")),
                };
            }
            Some(progress) = progress.recv() => (job.progress)(progress),
            Some(ask) = asks.recv() => asked = Some(job.services.answer(ask)),
            answer = async { asked.as_mut().expect("it is asked for only then").await }, if asked.is_some() => {
                asked = None;
                child.answer(ticket, answer).await;
            }
            reason = reason_to_stop(&mut stop), if listening && told.is_none() => {
                listening = reason.is_some();
                if let Some(reason) = reason {
                    told = Some(reason);
                    limit.as_mut().reset(Instant::now() + settings.stop_grace);
                    child.stop(ticket, reason == StopReason::Cancelled).await;
                }
            }
            () = &mut limit => {
                if told.is_some() {
                    child.kill(How::Stubborn, Some(ticket));
                    limit.as_mut().reset(Instant::now() + Duration::from_secs(3_600));
                } else {
                    told = Some(StopReason::TimeUp);
                    limit.as_mut().reset(Instant::now() + settings.stop_grace);
                    child.stop(ticket, false).await;
                }
            }
        }
    }
}

/// Waits for a reason; none when there will never be one.
async fn reason_to_stop(stop: &mut watch::Receiver<Option<StopReason>>) -> Option<StopReason> {
    stop.wait_for(Option::is_some).await.ok().and_then(|reason| *reason)
}

/// The error of a step that stopped because it was told to.
fn stopped(reason: StopReason, label: &str, step_time: Duration) -> StepError {
    match reason {
        StopReason::Cancelled => StepError::Cancelled,
        StopReason::Draining => StepError::Interrupted,
        StopReason::DeadlinePassed => deadline_passed(label),
        StopReason::TimeUp => StepError::transient(
            ErrorCode::STEP_TIMEOUT,
            format!("{label}: the step was not done within {} s", step_time.as_secs()),
        ),
    }
}

pub(crate) fn deadline_passed(label: &str) -> StepError {
    let message = format!("{label}: the job's deadline passed before it was done; submit it with a later one");
    StepError::permanent(ErrorCode::DEADLINE_EXCEEDED, message)
}

fn history(death: &Death) -> Vec<String> {
    let mut causes = match &death.how {
        How::Crashed(how) => vec![format!("the process ended: {how}")],
        How::OverMemory { bytes } => {
            let mib = bytes >> 20;
            vec![format!("the process took {mib} MiB, more than limits.child_memory_mib lets it hold")]
        }
        How::Stubborn => Vec::new(),
    };
    if !death.last_words.is_empty() {
        causes.push(format!("the process printed last: {}", death.last_words.join(" | ")));
    }
    causes
}
