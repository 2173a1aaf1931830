//! Command lines that cannot be read: what they say passes to the terminal as text only.

use std::{fmt, process::ExitCode, time::Duration};

use clap::error::{ContextValue, ErrorKind};
use medley_proto::{ErrorCode, JobId, Name};

use super::{Failed, printable::printable};

/// A job's id, or what one is. The parser of the command line names the argument and repeats what was given.
pub(super) fn job_id(text: &str) -> Result<JobId, &'static str> {
    text.parse()
        .map_err(|_| "a job's id has 26 letters and digits; `medley submit` prints it, and `medley list` shows it")
}

/// A kind of job or step.
pub(super) fn kind(text: &str) -> Result<Name, &'static str> {
    text.parse().map_err(|_| "it is no kind of job; `medley run --help` names them")
}

/// `90s`, `30m`, `1h 30m`, `1d`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("{text}: write a time such as 90s, 30m, 2h or 1d"))
}

/// Says what is wrong, or what was asked for (`--help`, `--version`).
pub(super) fn report(mut error: clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let message = "an argument is no UTF-8 text; only names of files may be other bytes";
        return Failed::job(ErrorCode::PARAMS_INVALID, message).report();
    }
    let context: Vec<_> = error.context().filter_map(|(kind, value)| Some((kind, safe(value)?))).collect();
    for (kind, value) in context {
        error.insert(kind, value);
    }
    // Whoever reads may have gone.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What the user wrote, fit for a terminal. The parser's own texts have colours and stay.
fn safe(value: &ContextValue) -> Option<ContextValue> {
    let safe = |text: &String| printable(text).into_owned();
    match value {
        ContextValue::String(text) => Some(ContextValue::String(safe(text))),
        ContextValue::Strings(texts) => Some(ContextValue::Strings(texts.iter().map(safe).collect())),
        _ => None,
    }
}

/// Bytes as people say them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ ..1_000 => write!(f, "{bytes} bytes"),
            bytes @ ..1_000_000 => write!(f, "{:.0} kB", bytes as f64 / 1e3),
            bytes @ ..1_000_000_000 => write!(f, "{:.1} MB", bytes as f64 / 1e6),
            bytes => write!(f, "{:.1} GB", bytes as f64 / 1e9),
        }
    }
}

/// `1 step`, `2 steps`.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_none_say_what_one_is() {
        assert!(job_id("123").unwrap_err().contains("medley list"));
        let id = JobId::fresh(1, 1);
        assert_eq!(job_id(&id.to_string()).unwrap(), id);
    }

    #[test]
    fn numbers_are_said_as_people_do() {
        assert_eq!(counted(1, "dead letter", "dead letters"), "1 dead letter");
        assert_eq!(counted(0, "dead letter", "dead letters"), "0 dead letters");
        assert_eq!(Bytes(999).to_string(), "999 bytes");
        assert_eq!(Bytes(84_200).to_string(), "84 kB");
        assert_eq!(Bytes(1_250_000).to_string(), "1.2 MB");
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(span("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(span("2h").unwrap(), Duration::from_secs(7200));
        assert_eq!(span("1h 30m").unwrap(), Duration::from_secs(5400));
        for bad in ["", "2", "h", "-1s", "99999999999999999999d", "2天"] {
            assert!(span(bad).unwrap_err().contains("write a time"), "{bad}");
        }
    }
}
