use std::{error::Error, fmt, process::ExitCode};

use medley_models::ModelError;
use medley_proto::{ErrorCode, Failure};
use medley_step::StepError;

use super::printable::{plain, printable};

/// How a command ends badly: an exit code, and one sentence with the code that scripts can rely on.
#[derive(Debug)]
pub(crate) struct Failed {
    pub exit: u8,
    code: Option<ErrorCode>,
    message: String,
    /// What others said (the system, a program, a library), outermost first.
    causes: Vec<String>,
}

/// `medley.toml`, or what stands for it, cannot be used.
const CONFIG_INVALID: ErrorCode = ErrorCode::new("config_invalid");

/// The job failed, or its input is missing.
const JOB: u8 = 1;
const USAGE: u8 = 2;
/// A model or a service is missing.
const MISSING: u8 = 3;
pub(crate) const INTERRUPTED: u8 = 130;

impl Failed {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: USAGE, code: None, message: message.into(), causes: Vec::new() }
    }

    /// A configuration that cannot be used.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self { code: Some(CONFIG_INVALID), ..Self::usage(message) }
    }

    /// A queue, a store, a program or a folder that cannot be used.
    pub(crate) fn service(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let message = plain(&error);
        Self { exit: MISSING, code: Some(ErrorCode::SERVICE_UNAVAILABLE), message, causes: Vec::new() }.because(&*error)
    }

    pub(crate) fn job(code: ErrorCode, message: impl Into<String>) -> Self {
        let exit = match &code {
            code if is_missing(code) => MISSING,
            code if is_usage(code) => USAGE,
            _ => JOB,
        };
        Self { exit, code: Some(code), message: message.into(), causes: Vec::new() }
    }

    /// The same of a job that ended earlier, which another command asked for.
    pub(super) fn of_a_job(self) -> Self {
        Self { exit: JOB, ..self }
    }

    pub(crate) fn interrupted() -> Self {
        Self { exit: INTERRUPTED, ..Self::usage("interrupted; run the same command again to go on") }
    }

    /// The same with what lies behind it.
    fn because(mut self, error: &dyn Error) -> Self {
        self.causes = causes(error);
        self
    }

    /// The sentence on standard error, and the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        self.say();
        ExitCode::from(self.exit)
    }

    /// The sentence on one line. Below it stand the causes where they help whoever looks after the machine; those of an
    /// input's faults are in the manifest (`--json`, `medley status`).
    pub(crate) fn say(&self) {
        let message = printable(&self.message);
        match &self.code {
            Some(code) => eprintln!("error[{}]: {message}", printable(code.as_str())),
            None if message.is_empty() => {}
            None => eprintln!("error: {message}"),
        }
        if self.code.as_ref().is_some_and(|code| is_missing(code) || *code == ErrorCode::INTERNAL) {
            for cause in self.unsaid_causes() {
                eprintln!("  because: {}", printable(cause.trim()));
            }
        }
    }

    /// The causes that say more than the message, each once.
    pub(super) fn unsaid_causes(&self) -> impl Iterator<Item = &String> {
        let causes = self.causes.iter().enumerate();
        let unsaid = causes.filter(|(n, cause)| {
            !self.message.contains(*cause) && !self.causes[..*n].iter().any(|before| before.contains(*cause))
        });
        unsaid.map(|(_, cause)| cause)
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_ref().map(ErrorCode::as_str)
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        // For logs and lists: what lies behind it on the same line.
        self.unsaid_causes().try_for_each(|cause| write!(f, ": {}", cause.trim()))
    }
}

fn is_missing(code: &ErrorCode) -> bool {
    [ErrorCode::MODEL_MISSING, ErrorCode::MODEL_CORRUPT, ErrorCode::TOOL_MISSING, ErrorCode::SERVICE_UNAVAILABLE]
        .contains(code)
}

fn is_usage(code: &ErrorCode) -> bool {
    [ErrorCode::PARAMS_INVALID, ErrorCode::KIND_UNKNOWN, CONFIG_INVALID].contains(code)
}

impl From<StepError> for Failed {
    fn from(error: StepError) -> Self {
        Self::job(error.code(), error.to_string()).because(&error)
    }
}

impl From<medley_runtime::Error> for Failed {
    fn from(error: medley_runtime::Error) -> Self {
        match error {
            medley_runtime::Error::Refused(error) => error.into(),
            other => Self::job(other.code(), plain(&other)).because(&other),
        }
    }
}

impl From<ModelError> for Failed {
    fn from(error: ModelError) -> Self {
        Self { exit: MISSING, ..Self::job(error.code(), error.to_string()) }.because(&error)
    }
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        let causes = failure.causes.iter().map(|cause| plain(cause)).collect();
        Self { causes, ..Self::job(failure.code.clone(), failure.message.clone()) }
    }
}

/// What lies behind an error, each said once.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = plain(&cause);
        if !all.iter().any(|before| before.contains(&said)) {
            all.push(said);
        }
        next = cause.source();
    }
    all
}

#[cfg(test)]
mod tests {
    use medley_proto::VERSION;
    use medley_runtime::{EngineError, queue::QueueError};

    use super::*;

    #[test]
    fn what_lies_behind_an_error_is_said() {
        let away = QueueError::Unavailable("the broker hung up".into(), Some("connection reset".into()));
        let failed = Failed::service(EngineError::Queue(away));
        let said = failed.to_string();
        assert_eq!(failed.causes, ["the queue is not available: the broker hung up", "connection reset"]);
        assert_eq!(said, format!("{}: {}", failed.message, failed.causes.join(": ")));
    }

    #[test]
    fn a_job_that_failed_says_each_thing_once() {
        let message = "the address answers 404: not found";
        let causes = ["not found", "the host is away", "the host is away"].map(String::from).to_vec();
        let code = ErrorCode::PARAMS_INVALID;
        let failure = Failure { v: VERSION, code, message: message.into(), causes, attempt: 1, at_ms: 0 };
        let failed = Failed::from(&failure);
        assert_eq!(failed.unsaid_causes().collect::<Vec<_>>(), ["the host is away"]);
        assert_eq!((failed.exit, failed.of_a_job().exit), (USAGE, JOB));
    }
}
