use std::{fmt, io, path::Path};

use medley_proto::ErrorCode;
use medley_step::{Cause, Retryable, StepError};

/// Media that could not be read or written: which input, what is wrong with it, and what caused it.
#[derive(Debug)]
pub struct MediaError {
    input: String,
    problem: Problem,
    source: Option<Cause>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Not what it claims to be, or damaged.
    Undecodable(String),
    /// Of a type that is not read; the text says which, and what to do.
    Unsupported(String),
    /// No sound or no picture in it.
    Empty(&'static str),
    /// A sound track is asked for (by its number, from 1) that it does not have.
    NoTrack {
        asked: u32,
        count: usize,
    },
    /// Over a limit, which the text names.
    TooLarge(String),
    NotFound,
    Forbidden,
    NotAFile,
    /// A program that is needed is not installed.
    ToolMissing(&'static str),
    /// A program made no progress, or used up its CPU time or memory.
    Stuck(String),
    /// The local disk failed.
    Io,
    /// An encoder refused what it was given.
    Encode(String),
}

impl MediaError {
    pub(crate) fn new(input: &str, problem: Problem) -> Self {
        Self { input: input.into(), problem, source: None }
    }

    pub(crate) fn undecodable(input: &str, reason: impl fmt::Display) -> Self {
        Self::new(input, Problem::Undecodable(reason.to_string()))
    }

    /// An error of opening or reading an input.
    pub(crate) fn io(input: &str, error: io::Error) -> Self {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => Problem::NotFound,
            io::ErrorKind::PermissionDenied => Problem::Forbidden,
            io::ErrorKind::IsADirectory => Problem::NotAFile,
            _ => Problem::Io,
        };
        Self::new(input, problem).because(error)
    }

    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// The same error about an input that people know by this name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.input = name.into();
        self
    }

    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The stable code that users see.
    pub fn code(&self) -> ErrorCode {
        match self.problem {
            Problem::Undecodable(_) | Problem::Stuck(_) => ErrorCode::MEDIA_UNDECODABLE,
            Problem::Unsupported(_) => ErrorCode::MEDIA_UNSUPPORTED,
            Problem::Empty(_) => ErrorCode::MEDIA_EMPTY,
            Problem::NoTrack { .. } => ErrorCode::PARAMS_INVALID,
            Problem::TooLarge(_) => ErrorCode::MEDIA_TOO_LARGE,
            Problem::NotFound => ErrorCode::INPUT_NOT_FOUND,
            Problem::Forbidden => ErrorCode::INPUT_FORBIDDEN,
            Problem::NotAFile => ErrorCode::INPUT_NOT_A_FILE,
            Problem::ToolMissing(_) => ErrorCode::TOOL_MISSING,
            Problem::Io => ErrorCode::SERVICE_UNAVAILABLE,
            Problem::Encode(_) => ErrorCode::INTERNAL,
        }
    }
}

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = &self.input;
        match &self.problem {
            Problem::Undecodable(reason) => {
                write!(f, "{input} cannot be decoded ({reason}): check that it plays or opens elsewhere, or convert it")
            }
            Problem::Unsupported(what) => write!(f, "{input} is {what}"),
            Problem::Empty(what) => write!(f, "{input} holds no {what}: give a file that does"),
            Problem::NoTrack { asked, count: 1 } => {
                write!(f, "{input} has no sound track {asked}: it has one, leave the track out")
            }
            Problem::NoTrack { asked, count } => {
                write!(f, "{input} has no sound track {asked}: it has {count}, give a number from 1 to {count}")
            }
            Problem::TooLarge(what) => write!(f, "{input} {what}: give a smaller one or raise the limit"),
            Problem::NotFound => write!(f, "{input} does not exist: check the path"),
            Problem::Forbidden => write!(f, "{input} may not be read: check its permissions"),
            Problem::NotAFile => write!(f, "{input} is not a regular file: give a file"),
            Problem::ToolMissing(tool) => write!(f, "{input} needs {tool}, which is not installed: install {tool}"),
            Problem::Stuck(what) => {
                write!(f, "{input} was given up ({what}): check that it plays elsewhere, or convert it")
            }
            Problem::Io => write!(f, "{input} could not be read or written: check the disk"),
            Problem::Encode(reason) => write!(f, "{input} could not be encoded: {reason}"),
        }
    }
}

impl std::error::Error for MediaError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl Retryable for MediaError {
    fn into_step_error(self) -> StepError {
        match self.problem {
            Problem::Io => StepError::transient(self.code(), self.to_string()).because(self),
            _ => StepError::permanent(self.code(), self.to_string()).because(self),
        }
    }
}

/// The name by which messages call a file until someone knows better.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
