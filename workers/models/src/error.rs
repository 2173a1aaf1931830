use std::path::PathBuf;

use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// What can go wrong with models: in a job (`Missing`, `Corrupt`, `Session`) or while they are fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    #[error("no model is called '{0}'; `medley models list` names those there are")]
    Unknown(String),
    #[error("model '{model}' has no file '{file}'")]
    UnknownFile { model: String, file: String },
    #[error("model '{0}' is not in the cache: run `medley models pull {0}`")]
    Missing(String),
    #[error("{file} of model '{model}' is not what the registry says it is: run `medley models pull {model}`")]
    Corrupt { model: String, file: String, found: String, wanted: String },
    #[error("{file} of model '{model}' is {what} where a file should be: run `medley models pull {model}`")]
    NotAFile { model: String, file: String, what: &'static str },
    /// A model of the owner's, outside the registry.
    #[error("{} is {what} where a model should be: give a file", .path.display())]
    NoModelFile { path: PathBuf, what: &'static str },
    #[error(
        "nobody publishes a hash of model '{0}', so what comes cannot be checked: if you trust its source, run \
         `medley models pull --unpinned {0}`, which records the hash and insists on it from then on"
    )]
    Unpinned(String),
    #[error("{0} cannot be run as a program: {hint}", hint = tool_hint(.0))]
    ToolMissing(&'static str, #[source] Option<std::io::Error>),
    #[error("ONNX Runtime cannot be loaded from {}: run `medley models pull onnxruntime`, or set MEDLEY_ONNXRUNTIME to a libonnxruntime.so of version 1.24 or later", .path.display())]
    Runtime { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "{file} of model '{model}' is refused by ONNX Runtime: run `medley models verify`, or check that it is an ONNX \
         model if it is one of your own"
    )]
    Session { model: String, file: String, source: ort::Error },
    #[error(
        "{source_name} of model '{model}' could not be fetched: check the connection, or set MEDLEY_MODEL_MIRROR to a \
         folder or URL that has it"
    )]
    Fetch { model: String, source_name: String, source: Said },
    #[error("{source_name} of model '{model}' has the {kind} {found}, not {wanted}: it is not used")]
    Hash { model: String, source_name: String, kind: &'static str, found: String, wanted: String },
    #[error("{file} of model '{model}' could not be made by {converter}: run `medley doctor`, then pull it again")]
    Convert { model: String, file: String, converter: String, source: Said },
    #[error("the model cache {} cannot be used", .path.display())]
    Cache { path: PathBuf, source: std::io::Error },
    #[error(
        "{} is damaged, so the hashes that were recorded at the first pull are not known: put it back from a copy, or remove \
         it and pull the models without a published hash again (`medley models pull --unpinned …`)", .path.display()
    )]
    Lock { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

/// What a program printed, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said(pub(crate) String);

fn tool_hint(tool: &str) -> String {
    match tool {
        "python3" => "install python3 and python3-venv (fetching models needs them, running jobs does not)".into(),
        "npm" => "install npm (fetching some models needs it, running jobs does not)".into(),
        other => format!("install {other}"),
    }
}

impl ModelError {
    /// The stable code that users see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing(_) | Self::Unpinned(_) => ErrorCode::MODEL_MISSING,
            Self::Corrupt { .. }
            | Self::NotAFile { .. }
            | Self::NoModelFile { .. }
            | Self::Hash { .. }
            | Self::Lock { .. } => ErrorCode::MODEL_CORRUPT,
            Self::ToolMissing(..) | Self::Runtime { .. } => ErrorCode::TOOL_MISSING,
            Self::Unknown(_) => ErrorCode::PARAMS_INVALID,
            Self::Fetch { .. } | Self::Cache { .. } => ErrorCode::SERVICE_UNAVAILABLE,
            Self::UnknownFile { .. } | Self::Session { .. } | Self::Convert { .. } => ErrorCode::INTERNAL,
        }
    }
}

impl Retryable for ModelError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Cache { .. } => StepError::Unfit { message: self.to_string(), source: Some(self.into()) },
            _ => StepError::permanent(self.code(), self.to_string()).because(self),
        }
    }
}
