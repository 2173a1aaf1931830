use std::{
    io::{self, Read},
    os::fd::AsRawFd,
    process::{ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::Guarded;

/// How much a program may take from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    pub wall: Duration,
    /// Of its standard output.
    pub output_bytes: usize,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub output: Vec<u8>,
    /// The beginning of its standard error.
    pub said: String,
}

/// Why a program was not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("it is not installed")]
    Missing(#[source] io::Error),
    #[error("it could not be run")]
    Io(#[from] io::Error),
    #[error("it took more than {} s", .0.as_secs())]
    TooLong(Duration),
    #[error("it wrote more than {0} bytes")]
    TooMuch(usize),
    /// The caller wanted no more.
    #[error("it was stopped")]
    Stopped,
}

/// How often the caller is asked whether to go on.
const ASK: Duration = Duration::from_millis(50);

/// Runs a command to its end and gives what it wrote. `go_on` is asked some twenty times a second.
///
/// # Errors
/// [`RunError`]; the program and its group are killed then.
pub fn run(mut command: Command, bounds: &Bounds, go_on: &mut dyn FnMut() -> bool) -> Result<Ended, RunError> {
    command.stdout(Stdio::piped());
    let mut child = Guarded::start(command).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RunError::Missing(error),
        _ => RunError::Io(error),
    })?;
    let until = Instant::now() + bounds.wall;
    let mut output = Vec::new();
    if let Some(stdout) = child.take_stdout() {
        read(stdout, bounds, until, go_on, &mut output)?;
    }
    loop {
        if let Some(status) = child.wait_within(ASK)? {
            return Ok(Ended { status, output, said: child.said() });
        }
        check(bounds, until, go_on)?;
    }
}

fn read(
    mut stdout: ChildStdout,
    bounds: &Bounds,
    until: Instant,
    go_on: &mut dyn FnMut() -> bool,
    output: &mut Vec<u8>,
) -> Result<(), RunError> {
    let mut block = vec![0; 1 << 16];
    loop {
        check(bounds, until, go_on)?;
        match wait_for(stdout.as_raw_fd(), libc::POLLIN, ASK) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => continue,
            ready => ready?,
        }
        match stdout.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) if output.len() + n > bounds.output_bytes => return Err(RunError::TooMuch(bounds.output_bytes)),
            Ok(n) => output.extend_from_slice(&block[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn check(bounds: &Bounds, until: Instant, go_on: &mut dyn FnMut() -> bool) -> Result<(), RunError> {
    if !go_on() {
        return Err(RunError::Stopped);
    }
    if Instant::now() >= until { Err(RunError::TooLong(bounds.wall)) } else { Ok(()) }
}

/// Waits until a descriptor can be read from or written to.
pub(crate) fn wait_for(fd: i32, events: i16, timeout: Duration) -> io::Result<()> {
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    loop {
        // SAFETY: one valid pollfd, for the duration of the call.
        match unsafe { libc::poll(&raw mut poll, 1, timeout) } {
            0 => return Err(io::ErrorKind::TimedOut.into()),
            n if n > 0 => return Ok(()),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}
