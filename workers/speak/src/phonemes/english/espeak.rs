//! espeak-ng, as a program that is started once and reads lines. It is GPL-3.0, so it is a separate process and never
//! linked (decision record 0050).

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{ChildStdin, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use medley_media::child::{self, Bounds, Guarded, Limits, RunError};

use crate::SpeakError;

/// espeak-ng reads a line into a buffer of 1,000 bytes.
const MAX_LINE_BYTES: usize = 900;
/// It answers a line within milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// A line sent after each clause. Its answer marks the end of the clause's answer.
const SENTINEL: &str = "zyxquagbriv";
/// The most answers that wait to be read.
const BACKLOG: usize = 64;

/// Turns lines of English into IPA.
#[derive(Debug)]
pub(crate) struct Espeak {
    version: String,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    /// The process; it is killed when this is dropped and when this process dies.
    child: Guarded,
    stdin: ChildStdin,
    lines: Receiver<String>,
    sentinel: String,
}

impl Espeak {
    /// Starts the program.
    pub(crate) fn start() -> Result<Self, SpeakError> {
        let mut asks = program();
        asks.arg("--version");
        let bounds = Bounds { wall: PATIENCE, output_bytes: 64 << 10 };
        let version = child::run(asks, &bounds, &mut || true).map_err(|error| match error {
            RunError::Missing(error) | RunError::Io(error) => SpeakError::EspeakMissing(error),
            error => SpeakError::EspeakMissing(io::Error::other(error)),
        })?;
        let version = version.output;
        let version = String::from_utf8_lossy(&version).split("  ").next().unwrap_or_default().trim().to_owned();
        Ok(Self { version, running: Mutex::new(Some(Running::start()?)) })
    }

    /// "eSpeak NG text-to-speech: 1.51".
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The IPA of one clause: words apart by spaces, without punctuation. Longer clauses than the program reads at
    /// once are read in parts.
    pub(crate) fn ipa(&self, clause: &str) -> Result<String, SpeakError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spoken = String::new();
        for part in parts(clause) {
            // The process may have been killed from outside, so it is restarted once.
            let answer = match running.as_mut().and_then(|running| running.ask(&part).ok()) {
                Some(answer) => answer,
                None => {
                    *running = None;
                    running.insert(Running::start()?).ask(&part)?
                }
            };
            if !spoken.is_empty() && !answer.is_empty() {
                spoken.push(' ');
            }
            spoken.push_str(&answer);
        }
        Ok(spoken)
    }
}

impl Running {
    fn start() -> Result<Self, SpeakError> {
        let mut command = program();
        command.args(["-v", "en-us", "-q", "--ipa=3"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Guarded::start(command).map_err(SpeakError::EspeakMissing)?;
        let (Some(stdin), Some(stdout)) = (child.take_stdin(), child.take_stdout()) else {
            return Err(SpeakError::EspeakMissing(io::ErrorKind::BrokenPipe.into()));
        };
        let (send, lines) = sync_channel(BACKLOG);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut running = Self { child, stdin, lines, sentinel: String::new() };
        running.sentinel = running.first_answer()?;
        Ok(running)
    }

    fn first_answer(&mut self) -> Result<String, SpeakError> {
        let lost = |_| SpeakError::EspeakLost { text: SENTINEL.into() };
        writeln!(self.stdin, "{SENTINEL}")
            .and_then(|()| self.stdin.flush())
            .map_err(|_| lost(RecvTimeoutError::Timeout))?;
        self.lines.recv_timeout(PATIENCE).map_err(lost)
    }

    fn ask(&mut self, line: &str) -> Result<String, SpeakError> {
        self.answer(line).ok_or_else(|| {
            // A process that does not answer is killed.
            let _ = self.child.kill();
            SpeakError::EspeakLost { text: line.chars().take(60).collect() }
        })
    }

    fn answer(&mut self, line: &str) -> Option<String> {
        writeln!(self.stdin, "{line}\n{SENTINEL}").and_then(|()| self.stdin.flush()).ok()?;
        let mut answer: Vec<String> = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).ok()?;
            if line == self.sentinel {
                return Some(answer.join(" "));
            }
            // U+200D ties the letters of diphthongs and affricates.
            let line = line.replace(['\u{200d}', '_'], "");
            if !line.trim().is_empty() {
                answer.push(line.trim().to_owned());
            }
        }
    }
}

/// The process lives as long as its worker, so its CPU time is limited to a day.
fn program() -> Command {
    child::command("espeak-ng", &Limits { cpu_s: 86_400, ..Limits::default() })
}

/// A clause as lines that the program can read: words and apostrophes only, so that nothing in it is a command or a
/// markup of espeak-ng.
fn parts(clause: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for word in clause.split_whitespace() {
        let word: String = word.chars().filter(|c| c.is_alphanumeric() || matches!(c, '\'' | '-' | '.')).collect();
        let last = parts.last_mut().expect("there is one from the start");
        let word = &word[..word.floor_char_boundary(MAX_LINE_BYTES)];
        if last.len() + 1 + word.len() > MAX_LINE_BYTES {
            parts.push(word.to_owned());
        } else if !word.is_empty() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_answers_many_lines() {
        let espeak = Espeak::start().unwrap();
        assert_eq!(espeak.ipa("hello world").unwrap(), "həlˈoʊ wˈɜːld");
        assert_eq!(espeak.ipa("zebra").unwrap(), "zˈiːbɹə");
        assert_eq!(espeak.ipa("").unwrap(), "");
        assert_eq!(espeak.ipa("[[həl]] <speak> --help").unwrap(), espeak.ipa("həl speak --help").unwrap());
        let long = "word ".repeat(1_000);
        assert_eq!(espeak.ipa(&long).unwrap().split(' ').count(), 1_000);
    }

    #[test]
    fn a_killed_program_is_started_again() {
        let espeak = Espeak::start().unwrap();
        espeak.running.lock().unwrap().as_mut().unwrap().child.kill().map(drop).unwrap();
        assert_eq!(espeak.ipa("hello").unwrap(), "həlˈoʊ");
    }
}
