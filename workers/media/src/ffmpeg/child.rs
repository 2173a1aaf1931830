use std::{
    fs::File,
    io::{self, Read, Write},
    os::{fd::AsRawFd, unix::process::CommandExt},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{MediaError, Problem, sniff::Container};

/// What a child may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// CPU time in all.
    pub cpu_s: u64,
    /// Address space.
    pub memory_bytes: u64,
    /// Of a file that it writes.
    pub file_bytes: u64,
    /// Longest time without a byte of output while one is waited for.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_s: 3600, memory_bytes: 4 << 30, file_bytes: 16 << 30, stall: Duration::from_secs(120) }
    }
}

/// What a child says beyond this is dropped; nothing it says is trusted.
const MAX_STDERR_BYTES: u64 = 64 << 10;

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

/// A command for `ffmpeg` or `ffprobe` under limits, in an empty environment and in the root folder: paths that it is
/// given must be absolute.
pub fn command(program: &str, limits: &Limits) -> Command {
    let mut command = Command::new(program);
    // No FFREPORT, no configuration of the user's: the same everywhere.
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let limits = [
        (libc::RLIMIT_CPU, limits.cpu_s),
        (libc::RLIMIT_AS, limits.memory_bytes),
        (libc::RLIMIT_FSIZE, limits.file_bytes),
        (libc::RLIMIT_CORE, 0),
    ];
    // SAFETY: between fork and exec only setrlimit is called, which is async-signal-safe; it reads a value that the
    // closure owns.
    unsafe {
        command.pre_exec(move || {
            for (resource, value) in limits {
                let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
                if libc::setrlimit(resource, &raw const limit) != 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    command
}

/// A running child; killed when dropped. Should this process die first, the child ends by itself: its pipes break, and
/// its CPU time is limited.
#[derive(Debug)]
pub struct Running {
    name: String,
    program: &'static str,
    child: Child,
    stderr: Option<JoinHandle<String>>,
    stall: Duration,
}

impl Running {
    pub(crate) fn spawn(
        mut command: Command,
        program: &'static str,
        name: &str,
        limits: &Limits,
    ) -> Result<Self, MediaError> {
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => MediaError::new(name, Problem::ToolMissing("ffmpeg")).because(error),
            _ => MediaError::new(name, Problem::Io).because(error),
        })?;
        let stderr = child.stderr.take().map(|stderr| thread::spawn(move || bounded(stderr)));
        Ok(Self { name: name.into(), program, child, stderr, stall: limits.stall })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Reads from the child's output; 0 at its end.
    pub(crate) fn read(&mut self, stdout: &mut ChildStdout, block: &mut [u8]) -> Result<usize, MediaError> {
        wait_for(stdout.as_raw_fd(), libc::POLLIN, self.stall).map_err(|error| self.stuck(error))?;
        stdout.read(block).map_err(|error| MediaError::new(&self.name, Problem::Io).because(error))
    }

    pub(crate) fn stuck(&self, error: io::Error) -> MediaError {
        if error.kind() == io::ErrorKind::TimedOut {
            let what = format!("{} made no progress for {} s", self.program, self.stall.as_secs());
            return MediaError::new(&self.name, Problem::Stuck(what));
        }
        MediaError::new(&self.name, Problem::Io).because(error)
    }

    /// Waits for the end; an error tells what the child said.
    pub(crate) fn finish(&mut self) -> Result<(), MediaError> {
        let status = self.child.wait().map_err(|error| MediaError::new(&self.name, Problem::Io).because(error))?;
        let said = self.stderr.take().map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        if signal == Some(libc::SIGXCPU) || signal == Some(libc::SIGKILL) {
            return Err(MediaError::new(&self.name, Problem::Stuck(format!("{} used up its CPU time", self.program))));
        }
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no reason given");
        Err(MediaError::undecodable(&self.name, plain(last)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
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
    /// Starts a [`command`] that reads `pipe:0`; `name` is what its errors speak of.
    ///
    /// # Errors
    /// `tool_missing` without ffmpeg.
    pub fn start(mut command: Command, name: &str, limits: &Limits) -> Result<Self, MediaError> {
        command.stdin(Stdio::piped());
        let mut running = Running::spawn(command, "ffmpeg", name, limits)?;
        let stdin = running.child().stdin.take().expect("asked for a pipe");
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
        running.finish().map_err(|error| MediaError::new(&name, Problem::Encode(error.to_string())).because(error))
    }
}

/// Runs a child to its end and returns at most `max_bytes` of what it wrote.
pub(crate) fn run_to_end(
    mut command: Command,
    program: &'static str,
    name: &str,
    limits: &Limits,
    max_bytes: usize,
) -> Result<Vec<u8>, MediaError> {
    command.stdout(Stdio::piped());
    let mut running = Running::spawn(command, program, name, limits)?;
    let mut out = Vec::new();
    if let Some(mut stdout) = running.child().stdout.take() {
        let mut block = [0; 1 << 16];
        loop {
            match running.read(&mut stdout, &mut block)? {
                0 => break,
                n if out.len() + n > max_bytes => {
                    return Err(MediaError::new(name, Problem::TooLarge(format!("gives more than {max_bytes} bytes"))));
                }
                n => out.extend_from_slice(&block[..n]),
            }
        }
    }
    running.finish().map(|()| out)
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

fn bounded(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = (&mut stderr).take(MAX_STDERR_BYTES).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
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
