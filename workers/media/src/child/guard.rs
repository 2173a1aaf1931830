use std::{
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

use super::spawner;

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
    /// Longest time from the end of its input or output to its own end.
    pub ending: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_s: 3600,
            memory_bytes: 4 << 30,
            file_bytes: 16 << 30,
            stall: Duration::from_secs(120),
            ending: Duration::from_secs(600),
        }
    }
}

/// What a child says beyond this is dropped; nothing it says is trusted.
const MAX_STDERR_BYTES: u64 = 64 << 10;
/// How often one looks whether a child has ended: at first, and at last.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// A command for a program under limits, in an empty environment (but for `PATH`) and in the root folder: paths that
/// it is given must be absolute. It hears nothing, and what it writes goes nowhere, until the caller says otherwise.
#[expect(clippy::disallowed_methods, reason = "PATH is handed on as it is")]
pub fn command(program: &str, limits: &Limits) -> Command {
    let mut command = Command::new(program);
    // No FFREPORT, no configuration of the user's: the same everywhere.
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.process_group(0);
    let limits = [
        (libc::RLIMIT_CPU, limits.cpu_s),
        (libc::RLIMIT_AS, limits.memory_bytes),
        (libc::RLIMIT_FSIZE, limits.file_bytes),
        (libc::RLIMIT_CORE, 0),
    ];
    let parent = std::process::id();
    // SAFETY: between fork and exec only prctl, getppid and setrlimit are called, which are async-signal-safe; the
    // closure reads values that it owns and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the signal was asked for.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
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

/// A running child; it and whatever it started are killed when this is dropped.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    said: Option<Receiver<String>>,
    ended: Option<ExitStatus>,
}

impl Guarded {
    /// Starts a [`command`].
    ///
    /// # Errors
    /// When the program does not exist or no process can be had.
    pub fn start(command: Command) -> io::Result<Self> {
        let mut child = spawner::spawn(command)?;
        let said = child.stderr.take().map(drain);
        Ok(Self { child, said, ended: None })
    }

    /// Its process id, which is that of its group too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it reads from, if the command asked for a pipe; once.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// What it writes, if the command asked for a pipe; once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its end, if it comes within a time. The rest of its group is killed then.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait_within(&mut self, time: Duration) -> io::Result<Option<ExitStatus>> {
        let started = Instant::now();
        let mut pause = LOOKS.0;
        loop {
            if self.has_ended()? {
                return self.reap().map(Some);
            }
            if started.elapsed() >= time {
                return Ok(None);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LOOKS.1);
        }
    }

    /// Kills the whole group and waits for the child.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.reap()
    }

    /// What it said on standard error, up to 64 KiB, once it has ended; empty when somebody still holds that pipe.
    pub fn said(&mut self) -> String {
        const PATIENCE: Duration = Duration::from_secs(1);
        self.said.take().and_then(|said| said.recv_timeout(PATIENCE).ok()).unwrap_or_default()
    }

    /// Whether it has ended; it stays as a zombie, so that its id (and its group's) is nobody else's yet.
    fn has_ended(&self) -> io::Result<bool> {
        if self.ended.is_some() {
            return Ok(true);
        }
        // SAFETY: siginfo_t is plain data for which zeros are a value; waitid writes into it.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: `info` is valid for the length of the call.
        if unsafe { libc::waitid(libc::P_PID, self.child.id(), &raw mut info, flags) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: si_pid is what waitid sets, to 0 when nothing has ended.
        Ok(unsafe { info.si_pid() } != 0)
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.ended {
            return Ok(status);
        }
        if let Ok(group) = i32::try_from(self.child.id()) {
            // SAFETY: kill touches no memory. The child is not reaped yet, so the group is its own.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
        let status = self.child.wait()?;
        self.ended = Some(status);
        Ok(status)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.reap();
    }
}

/// Reads to the end, so that the child never waits for a reader, and keeps the beginning.
fn drain(stderr: ChildStderr) -> Receiver<String> {
    let (send, said) = sync_channel(1);
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut stderr = stderr;
        let _ = (&mut stderr).take(MAX_STDERR_BYTES).read_to_end(&mut kept);
        let _ = io::copy(&mut stderr, &mut io::sink());
        let _ = send.send(String::from_utf8_lossy(&kept).into_owned());
    });
    said
}
