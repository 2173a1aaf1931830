use std::{path::Path, process::ExitStatus, time::Duration};

use medley_media::child::{self, Bounds, Limits, RunError};
use medley_proto::ErrorCode;
use medley_step::{Host, Retryable, StepError};

/// Address space of a program.
const MEMORY_BYTES: u64 = 2 << 30;
/// CPU time and wall time of a page.
const CPU_S: u64 = 60;
const WALL: Duration = Duration::from_secs(120);
/// What a program may write: a page of 5,000 × 5,000 pixels is 75 MB.
const OUTPUT_BYTES: usize = 160 << 20;

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
    let limits = Limits { cpu_s: CPU_S, memory_bytes: MEMORY_BYTES, ..Limits::default() };
    let mut command = child::command(program, &limits);
    command.args(args).arg(std::path::absolute(file)?);
    if to_pipe {
        command.arg("-");
    }
    command.env("LC_ALL", "C.UTF-8");
    let bounds = Bounds { wall: WALL, output_bytes: OUTPUT_BYTES };
    let mut stop = None;
    let ended = child::run(command, &bounds, &mut || match host.checkpoint() {
        Ok(()) => true,
        Err(stopped) => {
            stop = Some(stopped);
            false
        }
    });
    let ended = ended.map_err(|error| match (error, stop) {
        (_, Some(stopped)) => PopplerError::Stopped(stopped),
        (RunError::Missing(_), _) => PopplerError::Missing(program),
        (RunError::TooLong(_), _) => PopplerError::TooMuch { program, what: "two minutes for a page" },
        (RunError::TooMuch(_), _) => PopplerError::TooMuch { program, what: "160 MB of output" },
        (RunError::Io(error), _) => PopplerError::Io(error),
        (error @ RunError::Stopped, _) => PopplerError::Io(std::io::Error::other(error)),
    })?;
    if out_of_time(ended.status) {
        return Err(PopplerError::TooMuch { program, what: "a minute of computing for a page" });
    }
    if !ended.status.success() {
        let message = ended.said.lines().next().unwrap_or("it gave no reason").trim().to_owned();
        return Err(PopplerError::Refused { program, message });
    }
    Ok(ended.output)
}

/// Whether the kernel ended it for its CPU time.
fn out_of_time(status: ExitStatus) -> bool {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    matches!(signal, Some(libc::SIGXCPU | libc::SIGKILL))
}
