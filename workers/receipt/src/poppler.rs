//! Poppler's programs, run with limits: they see one file and write to a pipe.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use medley_proto::ErrorCode;
use medley_step::{Host, Retryable, StepError};

/// Address space of a program.
const MEMORY_BYTES: u64 = 2 << 30;
/// CPU time and wall time of a page.
const CPU_S: u64 = 60;
const WALL: Duration = Duration::from_secs(120);
/// What a program may write: a page of 5,000 × 5,000 pixels is 75 MB.
const OUTPUT_BYTES: u64 = 160 << 20;
const ERROR_BYTES: u64 = 16 << 10;

/// A PDF program failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PopplerError {
    #[error("{0} is not installed: install Debian's poppler-utils")]
    Missing(&'static str),
    #[error("{program} cannot read the PDF: {message}")]
    Refused { program: &'static str, message: String },
    #[error("{program} took more than {what}")]
    TooMuch { program: &'static str, what: &'static str },
    #[error("a local file could not be read or written")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Stopped(StepError),
}

impl Retryable for PopplerError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Stopped(step) => step,
            Self::Missing(_) => StepError::permanent(ErrorCode::TOOL_MISSING, self.to_string()),
            Self::Refused { .. } => StepError::permanent(ErrorCode::MEDIA_UNDECODABLE, self.to_string()),
            Self::TooMuch { .. } => StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, self.to_string()),
            Self::Io(error) => error.into(),
        }
    }
}

/// Runs `program args… file -` (or without `-`) and returns what it wrote.
pub(crate) fn run(
    program: &'static str,
    args: &[String],
    file: &Path,
    to_pipe: bool,
    host: &dyn Host,
) -> Result<Vec<u8>, PopplerError> {
    let mut command = Command::new(program);
    command.args(args).arg(file);
    if to_pipe {
        command.arg("-");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
    // SAFETY: between fork and exec only `setrlimit` is called, which is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| {
            limit(libc::RLIMIT_AS, MEMORY_BYTES)?;
            limit(libc::RLIMIT_CPU, CPU_S)?;
            limit(libc::RLIMIT_CORE, 0)
        });
    }
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PopplerError::Missing(program),
        _ => PopplerError::Io(error),
    })?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let drain = |pipe: Option<Box<dyn Read + Send>>, most: u64| {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            pipe.take(most + 1).read_to_end(&mut bytes)?;
        }
        Ok::<_, std::io::Error>(bytes)
    };
    let started = Instant::now();
    std::thread::scope(|scope| {
        let out = scope.spawn(move || drain(out.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>), OUTPUT_BYTES));
        let err = scope.spawn(move || drain(err.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>), ERROR_BYTES));
        let mut end = Ok(());
        // The readers end when the program does; until then ask now and then whether to go on.
        while !(out.is_finished() && err.is_finished()) {
            if let Err(stop) = host.checkpoint() {
                end = Err(PopplerError::Stopped(stop));
            } else if started.elapsed() > WALL {
                end = Err(PopplerError::TooMuch { program, what: "two minutes for a page" });
            } else if out.is_finished() {
                // Closed its output, or wrote too much of it.
                break;
            }
            if end.is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Ends a program that still writes; one that has ended by itself does not mind.
        let early = end.is_err() || !err.is_finished();
        if early && !matches!(child.try_wait(), Ok(Some(_))) && (end.is_err() || !exits_soon(&mut child)) {
            child.kill()?;
        }
        let status = child.wait()?;
        let panicked = |_| std::io::Error::other("a reader's thread failed");
        let (out, err) = (out.join().map_err(panicked)??, err.join().map_err(panicked)??);
        end?;
        if out.len() as u64 > OUTPUT_BYTES {
            return Err(PopplerError::TooMuch { program, what: "160 MB of output" });
        }
        if !status.success() {
            let message = String::from_utf8_lossy(&err).lines().next().unwrap_or("it gave no reason").trim().to_owned();
            return Err(PopplerError::Refused { program, message });
        }
        Ok(out)
    })
}

/// A program that closed its output has no more to do; it gets a second for it.
fn exits_soon(child: &mut std::process::Child) -> bool {
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        matches!(child.try_wait(), Ok(Some(_)))
    })
}

fn limit(resource: libc::__rlimit_resource_t, most: u64) -> std::io::Result<()> {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `limit` is a valid rlimit for the length of the call.
    if unsafe { libc::setrlimit(resource, &raw const limit) } == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}
