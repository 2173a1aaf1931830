use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::AsRawFd,
    path::Path,
    process::{ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::{
    MediaError, Problem,
    child::{Bounds, Guarded, Limits, RunError, run, wait_for},
    sniff::Container,
};

/// A file given to a child as its standard input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) path: &'a Path,
    pub(crate) container: Container,
    pub(crate) demuxer: &'a str,
    /// The probe seeks even where a decode need not: durations stand at the end.
    pub(crate) seekable: bool,
}

impl Input<'_> {
    /// The options that go before and with `-i`.
    pub(crate) fn args(&self) -> [&str; 6] {
        // Standard input is the file itself, opened read-only: `pipe:` reads it from front to back, `/dev/stdin` opens the
        // same file once more and can seek. ffmpeg is told no other name.
        let (protocols, url) = if self.seekable || self.container.needs_seeking() {
            ("file", "file:/dev/stdin")
        } else {
            ("pipe", "pipe:0")
        };
        ["-protocol_whitelist", protocols, "-f", self.demuxer, "-i", url]
    }

    pub(crate) fn stdin(&self) -> io::Result<Stdio> {
        Ok(File::open(self.path)?.into())
    }
}

/// A running ffmpeg; killed when dropped, and when this process dies.
#[derive(Debug)]
pub struct Running {
    name: String,
    program: &'static str,
    child: Guarded,
    limits: Limits,
}

impl Running {
    pub(crate) fn spawn(
        command: Command,
        program: &'static str,
        name: &str,
        limits: &Limits,
    ) -> Result<Self, MediaError> {
        let child = Guarded::start(command).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => MediaError::new(name, Problem::ToolMissing("ffmpeg")).because(error),
            _ => MediaError::new(name, Problem::Io).because(error),
        })?;
        Ok(Self { name: name.into(), program, child, limits: limits.clone() })
    }

    pub(crate) fn child(&mut self) -> &mut Guarded {
        &mut self.child
    }

    /// Reads from the child's output; 0 at its end.
    pub(crate) fn read(&mut self, stdout: &mut ChildStdout, block: &mut [u8]) -> Result<usize, MediaError> {
        wait_for(stdout.as_raw_fd(), libc::POLLIN, self.limits.stall).map_err(|error| self.stuck(error))?;
        stdout.read(block).map_err(|error| MediaError::new(&self.name, Problem::Io).because(error))
    }

    pub(crate) fn stuck(&self, error: io::Error) -> MediaError {
        if error.kind() == io::ErrorKind::TimedOut {
            let what = format!("{} made no progress for {} s", self.program, self.limits.stall.as_secs());
            return MediaError::new(&self.name, Problem::Stuck(what));
        }
        MediaError::new(&self.name, Problem::Io).because(error)
    }

    /// Waits for the end and gives what the child said; an error tells why it failed.
    pub(crate) fn finish(&mut self) -> Result<String, MediaError> {
        let ended = self.child.wait_within(self.limits.ending);
        let Some(status) = ended.map_err(|error| MediaError::new(&self.name, Problem::Io).because(error))? else {
            let _ = self.child.kill();
            let what = format!("{} did not end within {} s", self.program, self.limits.ending.as_secs());
            return Err(MediaError::new(&self.name, Problem::Stuck(what)));
        };
        let said = self.child.said();
        judge(status, &said, self.program, &self.name).map(|()| said)
    }
}

fn judge(status: std::process::ExitStatus, said: &str, program: &str, name: &str) -> Result<(), MediaError> {
    if status.success() {
        return Ok(());
    }
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    if signal == Some(libc::SIGXCPU) || signal == Some(libc::SIGKILL) {
        return Err(MediaError::new(name, Problem::Stuck(format!("{program} used up its CPU time"))));
    }
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no reason given");
    Err(MediaError::undecodable(name, plain(last)))
}

/// An ffmpeg that is fed through its standard input.
#[derive(Debug)]
pub struct Feed {
    name: String,
    running: Running,
    stdin: ChildStdin,
    stall: Duration,
}

impl Feed {
    /// Starts a [`crate::child::command`] that reads `pipe:0`; `name` is what its errors speak of.
    ///
    /// # Errors
    /// `tool_missing` without ffmpeg.
    pub fn start(mut command: Command, name: &str, limits: &Limits) -> Result<Self, MediaError> {
        command.stdin(Stdio::piped());
        let mut running = Running::spawn(command, "ffmpeg", name, limits)?;
        let stdin = running.child().take_stdin().expect("asked for a pipe");
        Ok(Self { name: name.into(), running, stdin, stall: limits.stall })
    }

    /// Hands on bytes. A child that ended early is no error here: [`Self::finish`] says why it did.
    ///
    /// # Errors
    /// When ffmpeg takes nothing for longer than the limits allow.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        write_all(&mut self.stdin, bytes, self.stall).map_err(|error| self.running.stuck(error))
    }

    /// Closes the pipe and waits for the end.
    ///
    /// # Errors
    /// When ffmpeg failed; the sentence says what it said.
    pub fn finish(self) -> Result<(), MediaError> {
        let Self { name, mut running, stdin, .. } = self;
        drop(stdin);
        let failed = |error: MediaError| MediaError::new(&name, Problem::Encode(error.to_string())).because(error);
        running.finish().map(drop).map_err(failed)
    }
}

/// Runs a child to its end and returns at most `max_bytes` of what it wrote. `limits.stall` is all the time it has.
pub(crate) fn run_to_end(
    command: Command,
    program: &'static str,
    name: &str,
    limits: &Limits,
    max_bytes: usize,
) -> Result<Vec<u8>, MediaError> {
    let bounds = Bounds { wall: limits.stall, output_bytes: max_bytes };
    let ended = run(command, &bounds, &mut || true).map_err(|error| match error {
        RunError::Missing(error) => MediaError::new(name, Problem::ToolMissing("ffmpeg")).because(error),
        RunError::TooMuch(bytes) => MediaError::new(name, Problem::TooLarge(format!("gives more than {bytes} bytes"))),
        RunError::TooLong(time) => {
            MediaError::new(name, Problem::Stuck(format!("{program} did not end within {} s", time.as_secs())))
        }
        error => MediaError::new(name, Problem::Io).because(error),
    })?;
    judge(ended.status, &ended.said, program, name).map(|()| ended.output)
}

/// A line of a child as part of a sentence: without its addresses and control characters.
fn plain(line: &str) -> String {
    let line = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, rest)| rest);
    let line = line.replace("file:/dev/stdin: ", "").replace("pipe:0: ", "");
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Writes to a child's input, waiting no longer than `stall` for it to take the next bytes. A child that ended early
/// is no error here: how it ended says why.
pub(crate) fn write_all(stdin: &mut ChildStdin, mut bytes: &[u8], stall: Duration) -> io::Result<()> {
    while !bytes.is_empty() {
        wait_for(stdin.as_raw_fd(), libc::POLLOUT, stall)?;
        // A pipe that is ready takes at least this much without blocking.
        match stdin.write(&bytes[..bytes.len().min(libc::PIPE_BUF)]) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
