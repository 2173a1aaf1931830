use std::{error::Error, fmt, process::ExitCode};

use medley_models::ModelError;
use medley_proto::{ErrorCode, Failure};
use medley_step::StepError;

/// How a command ends badly: an exit code, and one sentence with the code that scripts can rely on.
#[derive(Debug)]
pub(crate) struct Failed {
    pub exit: u8,
    code: Option<ErrorCode>,
    message: String,
}

/// The job failed, or its input is missing.
const JOB: u8 = 1;
const USAGE: u8 = 2;
/// A model or a service is missing.
const MISSING: u8 = 3;
pub(crate) const INTERRUPTED: u8 = 130;

impl Failed {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: USAGE, code: None, message: message.into() }
    }

    /// A queue, a store, a program or a folder that cannot be used. The causes are told too: "the worker cannot take steps" alone helps nobody.
    pub(crate) fn service(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error: Box<dyn Error + Send + Sync> = error.into();
        Self { exit: MISSING, code: Some(ErrorCode::SERVICE_UNAVAILABLE), message: chain(&*error) }
    }

    pub(crate) fn job(code: ErrorCode, message: impl Into<String>) -> Self {
        let exit = match &code {
            code if is_missing(code) => MISSING,
            code if is_usage(code) => USAGE,
            _ => JOB,
        };
        Self { exit, code: Some(code), message: message.into() }
    }

    pub(crate) fn interrupted() -> Self {
        Self { exit: INTERRUPTED, code: None, message: "interrupted; run the same command again to go on".into() }
    }

    /// The sentence on standard error, and the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        self.say();
        ExitCode::from(self.exit)
    }

    pub(crate) fn say(&self) {
        match &self.code {
            Some(code) => eprintln!("error[{code}]: {}", self.message),
            None if self.message.is_empty() => {}
            None => eprintln!("error: {}", self.message),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn is_missing(code: &ErrorCode) -> bool {
    [ErrorCode::MODEL_MISSING, ErrorCode::MODEL_CORRUPT, ErrorCode::TOOL_MISSING, ErrorCode::SERVICE_UNAVAILABLE]
        .contains(code)
}

fn is_usage(code: &ErrorCode) -> bool {
    [ErrorCode::PARAMS_INVALID, ErrorCode::KIND_UNKNOWN].contains(code)
}

impl From<StepError> for Failed {
    fn from(error: StepError) -> Self {
        Self::job(error.code(), error.to_string())
    }
}

impl From<medley_runtime::Error> for Failed {
    fn from(error: medley_runtime::Error) -> Self {
        match error {
            medley_runtime::Error::Refused(error) => error.into(),
            other => Self::job(other.code(), chain(&other)),
        }
    }
}

impl From<ModelError> for Failed {
    fn from(error: ModelError) -> Self {
        Self { exit: MISSING, code: Some(error.code()), message: chain(&error) }
    }
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        Self::job(failure.code.clone(), failure.message.clone())
    }
}

/// An error and the causes below it, as one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
