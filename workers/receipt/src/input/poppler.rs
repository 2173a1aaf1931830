//! The programs of Poppler, which read PDFs, run within limits.

use std::{path::Path, process::ExitStatus, time::Duration};

use medley_media::child::{self, Bounds, Limits, RunError};
use medley_step::Host;

use crate::error::PopplerError;

/// The most address space of a program.
const MAX_MEMORY_BYTES: u64 = 2 << 30;
/// The most CPU time and wall time for a page.
const MAX_CPU_S: u64 = 60;
const MAX_WALL: Duration = Duration::from_secs(120);
/// The most output of a program: a page of 5,000 × 5,000 pixels is 75 MB.
const MAX_OUTPUT_BYTES: usize = 160 << 20;

/// Runs `program args… file` and returns its output. With `to_pipe` it adds the argument `-`.
pub(crate) fn run(
    program: &'static str,
    args: &[String],
    file: &Path,
    to_pipe: bool,
    host: &dyn Host,
) -> Result<Vec<u8>, PopplerError> {
    let limits = Limits { cpu_s: MAX_CPU_S, memory_bytes: MAX_MEMORY_BYTES, ..Limits::default() };
    let mut command = child::command(program, &limits);
    command.args(args).arg(std::path::absolute(file)?);
    if to_pipe {
        command.arg("-");
    }
    command.env("LC_ALL", "C.UTF-8");
    let bounds = Bounds { wall: MAX_WALL, output_bytes: MAX_OUTPUT_BYTES };
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

/// Whether the kernel killed the program for its CPU time.
fn out_of_time(status: ExitStatus) -> bool {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    matches!(signal, Some(libc::SIGXCPU | libc::SIGKILL))
}
