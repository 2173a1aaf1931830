//! The inside of a compute child: reads orders, runs them on its slots' threads, answers.
//!
//! Native libraries print where they like and read what they like, so the protocol's two descriptors are moved away
//! before the first of them is loaded: descriptor 1 becomes standard error, descriptor 0 nothing.

use std::{
    any::Any,
    cell::RefCell,
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read, Write},
    os::fd::{FromRawFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use medley_proto::{ErrorCode, Name};
use medley_step::{BuildContext, ErasedWorker, Host, Registry, RemotePage, StepContext, StepError, Wanted};

use super::frames::{
    Answer, Ask, Computed, FromChild, Init, Order, Progress, Ticket, ToChild, WireError, decode, encode, length,
};
use crate::breakpoint::breakpoint;

/// Progress more often than this is dropped.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// How often a step that waits for its parent's answer asks whether it should stop.
const CHECK_EVERY: Duration = Duration::from_millis(200);
/// Native inference wants more than a thread's usual two MiB.
const STACK_BYTES: usize = 16 << 20;

/// The whole life of a compute child: `medley compute --kind <kind>` calls nothing else. Returns when the parent
/// closes the pipe, that is, when it ends in whatever way.
pub fn compute_main(registry: &Registry, kind: &Name) -> ExitCode {
    match serve(registry, kind) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compute child of {kind}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(registry: &Registry, kind: &Name) -> io::Result<()> {
    die_with_parent();
    breakpoint("child_start");
    be_the_first_to_go_when_memory_is_short();
    let (input, output) = take_protocol()?;
    let mut input = BufReader::new(input);
    let answers = Arc::new(Answers { pipe: Mutex::new(output) });
    let Some(ToChild::Init(init)) = read(&mut input)? else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the first frame is not the one that says what to be"));
    };
    if init.kind != *kind {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("asked to be {} as well", init.kind)));
    }
    let Some(worker) = build(registry, &init, &answers)? else { return Ok(()) };
    remember_where_panics_come_from();
    let slots = Slots::start(worker, init.slots, &answers)?;
    while let Some(frame) = read(&mut input)? {
        match frame {
            ToChild::Run(order) => slots.take(order),
            ToChild::Stop { ticket, cancelled } => slots.stop(ticket, cancelled),
            ToChild::Answer { ticket, answer } => slots.answer(ticket, answer),
            ToChild::Init(_) => {}
        }
    }
    // The parent is gone or wants no more: whatever still runs has nobody to answer to.
    std::process::exit(0)
}

fn build(registry: &Registry, init: &Init, answers: &Answers) -> io::Result<Option<Box<dyn ErasedWorker>>> {
    let context = BuildContext { models_dir: init.models_dir.clone(), slots: init.slots, threads: init.threads };
    match registry.build(&init.kind, &init.config, &context) {
        Ok(worker) => {
            breakpoint("child_built");
            answers.send(&FromChild::Ready)?;
            Ok(Some(worker))
        }
        Err(error) => {
            let mut refusal = StepError::permanent(error.code, error.message);
            if let Some(source) = error.source {
                refusal = refusal.because(source);
            }
            answers.send(&FromChild::Unbuildable(refusal.into()))?;
            Ok(None)
        }
    }
}

/// Kills this process when its parent dies; the end of the pipe says the same, but not to a stopped process.
fn die_with_parent() {
    // SAFETY: prctl with these arguments only sets an attribute of this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

fn be_the_first_to_go_when_memory_is_short() {
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "500") {
        eprintln!("the kernel's choice of whom to kill when memory is short stays as it is: {error}");
    }
}

/// Moves the protocol away from descriptors 0 and 1.
fn take_protocol() -> io::Result<(File, File)> {
    let input = move_away(0)?;
    let output = move_away(1)?;
    let nothing = File::open("/dev/null")?;
    redirect(std::os::fd::AsRawFd::as_raw_fd(&nothing), 0)?;
    redirect(2, 1)?;
    Ok((input, output))
}

fn move_away(descriptor: RawFd) -> io::Result<File> {
    // SAFETY: duplicating a descriptor touches no memory; a bad one gives an error.
    let moved = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    if moved < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { File::from_raw_fd(moved) })
}

fn redirect(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: as above; `to` is 0 or 1, which only the standard library's handles name, and they hold no state here.
    if unsafe { libc::dup2(from, to) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The next frame, or none at the end of the pipe.
fn read(input: &mut impl Read) -> io::Result<Option<ToChild>> {
    let mut head = [0; 4];
    match input.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = vec![0; length(head)?];
    input.read_exact(&mut bytes)?;
    decode(&bytes).map(Some)
}

struct Answers {
    pipe: Mutex<File>,
}

impl Answers {
    fn send(&self, frame: &FromChild) -> io::Result<()> {
        let bytes = encode(frame)?;
        self.pipe.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes)
    }

    /// Sends how a step ended. A result too large for a frame is the step's error.
    fn end(&self, ticket: Ticket, result: Result<Computed, StepError>) {
        let sent = match result {
            Ok(done) => match self.send(&FromChild::Done { ticket, done }) {
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                    let error = StepError::internal("the step's inline output is larger than 8 MiB").because(error);
                    self.send(&FromChild::Failed { ticket, error: error.into() })
                }
                sent => sent,
            },
            Err(error) => self.send(&FromChild::Failed { ticket, error: error.into() }),
        };
        if let Err(error) = sent {
            eprintln!("the parent does not listen: {error}");
            std::process::exit(1);
        }
    }
}

type Running = Arc<Mutex<HashMap<Ticket, Arc<StepHost>>>>;

struct Slots {
    orders: mpsc::Sender<(Order, Arc<StepHost>)>,
    running: Running,
    answers: Arc<Answers>,
}

impl Slots {
    fn start(worker: Box<dyn ErasedWorker>, slots: usize, answers: &Arc<Answers>) -> io::Result<Self> {
        let worker: Arc<dyn ErasedWorker> = worker.into();
        let (orders, waiting) = mpsc::channel::<(Order, Arc<StepHost>)>();
        let waiting = Arc::new(Mutex::new(waiting));
        let running = Running::default();
        for slot in 0..slots.max(1) {
            let (worker, waiting, running, answers) =
                (worker.clone(), waiting.clone(), running.clone(), answers.clone());
            let work = move || {
                while let Ok((order, host)) = { waiting.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                    let ticket = order.ticket;
                    let result = compute(&*worker, order, &host);
                    running.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket);
                    answers.end(ticket, result);
                }
            };
            thread::Builder::new().name(format!("slot-{slot}")).stack_size(STACK_BYTES).spawn(work)?;
        }
        Ok(Self { orders, running, answers: answers.clone() })
    }

    fn take(&self, order: Order) {
        let (answered, answer) = mpsc::channel();
        let host = Arc::new(StepHost {
            ticket: order.ticket,
            stop: AtomicU8::new(GO_ON),
            told: Mutex::new(None),
            answers: self.answers.clone(),
            answered,
            answer: Mutex::new(answer),
        });
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(order.ticket, host.clone());
        // The slots' threads live as long as the process: a panic in a step does not end them.
        let _ = self.orders.send((order, host));
    }

    fn stop(&self, ticket: Ticket, cancelled: bool) {
        if let Some(host) = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&ticket) {
            host.stop.store(if cancelled { CANCELLED } else { INTERRUPTED }, Ordering::Relaxed);
        }
    }

    fn answer(&self, ticket: Ticket, answer: Result<Answer, WireError>) {
        if let Some(host) = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&ticket) {
            // The other end is the host's own.
            let _ = host.answered.send(answer);
        }
    }
}

fn compute(worker: &dyn ErasedWorker, order: Order, host: &StepHost) -> Result<Computed, StepError> {
    host.checkpoint()?;
    let started = Instant::now();
    let Order { step, params, inputs, scratch, threads, .. } = order;
    let context = StepContext::new(step, inputs, scratch, threads, host);
    let output = catch_unwind(AssertUnwindSafe(|| worker.run(params, &context))).unwrap_or_else(|panic| {
        let message = format!("step {} met a defect of Medley: {}; please report it", context.id(), said(&*panic));
        Err(StepError::permanent(ErrorCode::INTERNAL, message))
    })?;
    let report = context.into_report();
    let run_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Computed { output, artifacts: report.artifacts, quality: report.quality, models: worker.models(), run_ms })
}

thread_local! {
    static PANIC_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn remember_where_panics_come_from() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANIC_PLACE.with_borrow_mut(|place| *place = panic.location().map(ToString::to_string));
        print(panic);
    }));
}

/// What a panic said, and where.
fn said(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".into());
    match PANIC_PLACE.take() {
        Some(place) => format!("{message} ({place})"),
        None => message,
    }
}

const GO_ON: u8 = 0;
const CANCELLED: u8 = 1;
const INTERRUPTED: u8 = 2;

struct StepHost {
    ticket: Ticket,
    stop: AtomicU8,
    told: Mutex<Option<Instant>>,
    answers: Arc<Answers>,
    answered: mpsc::Sender<Result<Answer, WireError>>,
    /// Held by the one thread that has asked something.
    answer: Mutex<mpsc::Receiver<Result<Answer, WireError>>>,
}

impl StepHost {
    /// Asks the parent and waits. A step that is told to stop meanwhile waits no longer; it asks nothing more either.
    fn ask(&self, ask: Ask) -> Result<Answer, StepError> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint()?;
        self.answers
            .send(&FromChild::Ask { ticket: self.ticket, ask })
            .map_err(|error| StepError::internal("the worker cannot be asked").because(error))?;
        loop {
            match answer.recv_timeout(CHECK_EVERY) {
                Ok(answer) => return answer.map_err(StepError::from),
                Err(_) => self.checkpoint()?,
            }
        }
    }
}

impl Host for StepHost {
    fn progress(&self, done: f64, total: f64, unit: &str) {
        // JSON has no word for the others: the parent could not read the frame.
        if !done.is_finite() || !total.is_finite() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if done < total && told.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
            return;
        }
        *told = Some(Instant::now());
        let progress = Progress { done, total, unit: unit.into() };
        if let Err(error) = self.answers.send(&FromChild::Progress { ticket: self.ticket, progress }) {
            eprintln!("progress was not told: {error}");
        }
    }

    fn checkpoint(&self) -> Result<(), StepError> {
        match self.stop.load(Ordering::Relaxed) {
            GO_ON => Ok(()),
            CANCELLED => Err(StepError::Cancelled),
            _ => Err(StepError::Interrupted),
        }
    }

    fn list(&self, input: usize, after: Option<&str>) -> Result<RemotePage, StepError> {
        match self.ask(Ask::List { input, after: after.map(str::to_owned) })? {
            Answer::Listed(page) => Ok(page),
            Answer::Fetched(_) => Err(StepError::internal("another question was answered")),
        }
    }

    fn fetch(&self, input: usize, files: &[Wanted], max_bytes: u64) -> Result<Vec<Option<StepError>>, StepError> {
        match self.ask(Ask::Fetch { input, files: files.to_vec(), max_bytes })? {
            Answer::Fetched(errors) => Ok(errors.into_iter().map(|error| error.map(StepError::from)).collect()),
            Answer::Listed(_) => Err(StepError::internal("another question was answered")),
        }
    }
}
