//! One running compute child as its parent sees it.

use std::{
    collections::{HashMap, VecDeque},
    fmt, io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use medley_step::StepError;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child as OsChild, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    frames::{Answer, Ask, Computed, FromChild, Init, Order, Progress, Ticket, ToChild, decode, encode, length},
    memory,
    spawner::Spawner,
};

/// A child that says nothing for so long after its start is no use.
const START_TIME: Duration = Duration::from_secs(60);
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// What a child prints in one line is cut here.
const MAX_LINE_BYTES: usize = 4 << 10;
/// Lines printed within one second beyond this many are counted and dropped.
const MAX_LINES_A_SECOND: u32 = 50;
/// The last lines printed, for the history of a crash.
const LAST_LINES: usize = 5;

/// Why a child is no more.
#[derive(Debug, Clone)]
pub(crate) struct Death {
    pub(crate) how: How,
    /// The one step that is to blame: the only one in flight, or the one that did not stop when told to.
    pub(crate) culprit: Option<Ticket>,
    /// The last lines that the child printed.
    pub(crate) last_words: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    Crashed(String),
    OverMemory {
        bytes: u64,
    },
    /// Killed because a step did not stop.
    Stubborn,
}

#[derive(Debug)]
pub(crate) enum End {
    Done(Box<Computed>),
    Failed(StepError),
    Died(Death),
}

/// A step in flight.
pub(crate) struct Flight {
    pub(crate) ticket: Ticket,
    pub(crate) progress: mpsc::Receiver<Progress>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) end: oneshot::Receiver<End>,
}

struct InFlight {
    progress: mpsc::Sender<Progress>,
    asks: mpsc::Sender<Ask>,
    end: oneshot::Sender<End>,
}

pub(crate) enum StartError {
    /// The kind says why it cannot work here.
    Unbuildable(StepError),
    Io(io::Error),
    Died(Death),
}

/// What a child is started with.
pub(crate) struct ChildSettings {
    pub(crate) command: Command,
    pub(crate) init: Init,
    pub(crate) max_bytes: u64,
    pub(crate) idle: Duration,
}

pub(crate) struct Child {
    state: Mutex<State>,
    kind: String,
}

struct State {
    /// Cleared before the process is reaped, so that no other process is ever killed in its place.
    pid: Option<i32>,
    /// Orders go in here; gone when no more are taken.
    orders: Option<mpsc::Sender<Vec<u8>>>,
    in_flight: HashMap<Ticket, InFlight>,
    starting: Option<oneshot::Sender<Result<(), StartError>>>,
    idle_since: Instant,
    killed: Option<(How, Option<Ticket>)>,
    last_words: VecDeque<String>,
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Child {
    /// Starts a child and waits until it is ready for orders.
    pub(crate) async fn start(spawner: &Spawner, settings: ChildSettings) -> Result<Arc<Self>, StartError> {
        let ChildSettings { mut command, init, max_bytes, idle } = settings;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        let mut process = spawner.spawn(command).await.map_err(StartError::Io)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(StartError::Io(io::Error::other("the child has no pipes")));
        };
        let (orders, waiting) = mpsc::channel(64);
        let (starting, ready) = oneshot::channel();
        let kind = init.kind.to_string();
        let child = Arc::new(Self {
            state: Mutex::new(State {
                pid: process.id().map(u32::cast_signed),
                orders: Some(orders),
                in_flight: HashMap::new(),
                starting: Some(starting),
                idle_since: Instant::now(),
                killed: None,
                last_words: VecDeque::new(),
            }),
            kind,
        });
        tokio::spawn(write_orders(stdin, waiting));
        let printed = tokio::spawn(child.clone().read_lines(stderr));
        tokio::spawn(child.clone().watch(max_bytes, idle));
        tokio::spawn(child.clone().read_answers(stdout, process, printed));
        if let Err(error) = child.send(&ToChild::Init(init)).await
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(StartError::Io(error));
        }
        // How a child that is gone already ended is told there.
        match tokio::time::timeout(START_TIME, ready).await {
            Ok(Ok(Ok(()))) => Ok(child),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(StartError::Io(io::Error::other("the child was not heard of"))),
            Err(_) => {
                child.kill(How::Stubborn, None);
                Err(StartError::Io(io::Error::other("the child did not become ready within a minute")))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn takes_orders(&self) -> bool {
        self.state().orders.is_some()
    }

    /// Sends the order off; none when the child takes no more.
    pub(crate) async fn run(&self, order: Order) -> Result<Option<Flight>, StepError> {
        let ticket = order.ticket;
        let frame = encode(&ToChild::Run(order)).map_err(|error| {
            StepError::internal("the step's params are larger than a message may be").because(error)
        })?;
        let (progress, told) = mpsc::channel(16);
        let (asks, asked) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        let orders = {
            let mut state = self.state();
            let Some(orders) = state.orders.clone() else { return Ok(None) };
            state.in_flight.insert(ticket, InFlight { progress, asks, end });
            orders
        };
        // When the pipe is broken, whoever notices the child's death ends the step.
        let _ = orders.send(frame).await;
        Ok(Some(Flight { ticket, progress: told, asks: asked, end: ended }))
    }

    async fn send(&self, frame: &ToChild) -> io::Result<()> {
        let orders = self.state().orders.clone();
        let frame = encode(frame)?;
        match orders {
            Some(orders) => orders.send(frame).await.map_err(|_| io::ErrorKind::BrokenPipe.into()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Asks a step to stop at its next checkpoint.
    pub(crate) async fn stop(&self, ticket: Ticket, cancelled: bool) {
        if let Err(error) = self.send(&ToChild::Stop { ticket, cancelled }).await {
            tracing::debug!(kind = %self.kind, %error, "a step cannot be asked to stop");
        }
    }

    /// Answers what a step asked.
    pub(crate) async fn answer(&self, ticket: Ticket, answer: Result<Answer, StepError>) {
        let answer = answer.map_err(Into::into);
        if let Err(error) = self.send(&ToChild::Answer { ticket, answer }).await {
            tracing::debug!(kind = %self.kind, %error, "a step cannot be answered");
        }
    }

    /// Takes no more orders and lets the process end.
    pub(crate) fn dismiss(&self) {
        self.state().orders = None;
    }

    /// Ends the process and everything that it started.
    pub(crate) fn kill(&self, how: How, culprit: Option<Ticket>) {
        let mut state = self.state();
        state.orders = None;
        if let Some(pid) = state.pid {
            state.killed.get_or_insert((how, culprit));
            kill_group(pid);
        }
    }

    async fn watch(self: Arc<Self>, max_bytes: u64, idle: Duration) {
        let held = metrics::gauge!("medley_compute_memory_bytes", "kind" => self.kind.clone());
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            let pid = {
                let mut state = self.state();
                let Some(pid) = state.pid else { return held.set(0.0) };
                if state.in_flight.is_empty() && state.starting.is_none() && state.idle_since.elapsed() >= idle {
                    state.orders = None;
                }
                pid
            };
            match memory::own_bytes(pid) {
                Ok(bytes) if bytes > max_bytes => self.kill(How::OverMemory { bytes }, None),
                Ok(bytes) => held.set(bytes as f64),
                Err(_) => {}
            }
        }
    }

    async fn read_answers(self: Arc<Self>, mut stdout: ChildStdout, mut process: OsChild, printed: JoinHandle<()>) {
        let broken = loop {
            match read_frame(&mut stdout).await {
                Ok(Some(frame)) => self.hear(frame),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        {
            let mut state = self.state();
            state.orders = None;
            if broken.is_some()
                && let Some(pid) = state.pid
            {
                kill_group(pid);
            }
        }
        // A child that closed its pipe may still be on its way out, or hang there.
        let status = match tokio::time::timeout(Duration::from_secs(5), process.wait()).await {
            Ok(status) => status,
            Err(_) => {
                if let Some(pid) = self.state().pid {
                    kill_group(pid);
                }
                process.wait().await
            }
        };
        if let Some(pid) = self.state().pid.take() {
            // Whatever the child started is an orphan now.
            kill_group(pid);
        }
        // Its last words may still be on their way.
        let _ = tokio::time::timeout(Duration::from_secs(1), printed).await;
        self.died(status, broken);
    }

    fn hear(&self, frame: FromChild) {
        let mut state = self.state();
        match frame {
            FromChild::Ready => {
                if let Some(starting) = state.starting.take() {
                    let _ = starting.send(Ok(()));
                }
            }
            FromChild::Unbuildable(error) => {
                if let Some(starting) = state.starting.take() {
                    let _ = starting.send(Err(StartError::Unbuildable(error.into())));
                }
            }
            FromChild::Progress { ticket, progress } => {
                if let Some(step) = state.in_flight.get(&ticket) {
                    // Nobody waits for progress; what does not fit is dropped.
                    let _ = step.progress.try_send(progress);
                }
            }
            FromChild::Ask { ticket, ask } => {
                if let Some(step) = state.in_flight.get(&ticket) {
                    // A step asks one thing at a time: there is room.
                    let _ = step.asks.try_send(ask);
                }
            }
            FromChild::Done { ticket, done } => state.leave(ticket, End::Done(Box::new(done))),
            FromChild::Failed { ticket, error } => state.leave(ticket, End::Failed(error.into())),
        }
    }

    fn died(&self, status: io::Result<ExitStatus>, broken: Option<io::Error>) {
        let mut state = self.state();
        let alone = match state.in_flight.len() {
            1 => state.in_flight.keys().next().copied(),
            _ => None,
        };
        let (how, culprit) = match state.killed.take() {
            Some((how, culprit)) => (how, culprit.or(alone)),
            None => (How::Crashed(exit(status, broken)), alone),
        };
        let death = Death { how, culprit, last_words: state.last_words.drain(..).collect() };
        if let Some(starting) = state.starting.take() {
            let _ = starting.send(Err(StartError::Died(death.clone())));
        }
        if !state.in_flight.is_empty() {
            tracing::warn!(kind = %self.kind, how = ?death.how, steps = state.in_flight.len(), "a compute process died");
        }
        for (_, step) in state.in_flight.drain() {
            let _ = step.end.send(End::Died(death.clone()));
        }
    }

    async fn read_lines(self: Arc<Self>, stderr: ChildStderr) {
        let mut lines = BufReader::new(stderr);
        let (mut second, mut printed, mut dropped) = (Instant::now(), 0, 0_u64);
        while let Ok(Some(line)) = read_line(&mut lines).await {
            if second.elapsed() >= Duration::from_secs(1) {
                if dropped > 0 {
                    tracing::debug!(kind = %self.kind, dropped, "the compute process printed more than is kept");
                }
                (second, printed, dropped) = (Instant::now(), 0, 0);
            }
            if printed < MAX_LINES_A_SECOND {
                tracing::debug!(target: "medley::compute", kind = %self.kind, "{line}");
                printed += 1;
            } else {
                dropped += 1;
            }
            let mut state = self.state();
            if state.last_words.len() == LAST_LINES {
                state.last_words.pop_front();
            }
            state.last_words.push_back(line);
        }
    }
}

impl State {
    fn leave(&mut self, ticket: Ticket, end: End) {
        if let Some(step) = self.in_flight.remove(&ticket) {
            let _ = step.end.send(end);
        }
        self.idle_since = Instant::now();
    }
}

fn kill_group(pid: i32) {
    // SAFETY: sends a signal to the group that the child leads; the child is not reaped yet, or the group is gone.
    unsafe { libc::kill(-pid, libc::SIGKILL) };
}

fn exit(status: io::Result<ExitStatus>, broken: Option<io::Error>) -> String {
    if let Some(error) = broken {
        return format!("it sent what cannot be read ({error})");
    }
    match status {
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("signal {signal}{}", name_of(signal)),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "an unknown end".into(),
        },
        Err(error) => format!("an unknown end ({error})"),
    }
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGILL => " (SIGILL)",
        libc::SIGBUS => " (SIGBUS)",
        libc::SIGFPE => " (SIGFPE)",
        libc::SIGKILL => " (SIGKILL, perhaps because memory was short)",
        _ => "",
    }
}

async fn write_orders(mut stdin: ChildStdin, mut orders: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = orders.recv().await {
        if let Err(error) = stdin.write_all(&frame).await {
            tracing::debug!(%error, "a compute process does not read");
            return;
        }
    }
}

async fn read_frame(pipe: &mut ChildStdout) -> io::Result<Option<FromChild>> {
    let mut head = [0; 4];
    match pipe.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = vec![0; length(head)?];
    match pipe.read_exact(&mut bytes).await {
        Ok(_) => decode(&bytes).map(Some),
        // It died while it wrote.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// A line without its end, cut when it is too long.
async fn read_line(lines: &mut BufReader<ChildStderr>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let (used, ended) = {
            let bytes = lines.fill_buf().await?;
            if bytes.is_empty() {
                break;
            }
            any = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let text = &bytes[..end.unwrap_or(bytes.len())];
            let room = MAX_LINE_BYTES.saturating_sub(line.len());
            line.extend_from_slice(&text[..text.len().min(room)]);
            (end.map_or(bytes.len(), |end| end + 1), end.is_some())
        };
        lines.consume(used);
        if ended {
            break;
        }
    }
    Ok(any.then(|| String::from_utf8_lossy(&line).into_owned()))
}
