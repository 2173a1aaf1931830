//! What parent and compute child say to each other: a length (u32, little endian) and that many bytes of JSON.

use std::{fmt, io, path::PathBuf, time::Duration};

use medley_proto::{ErrorCode, ModelUse, Name, StepId};
use medley_step::{LocalInput, Published, RemotePage, StepError, Wanted};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The largest frame: an output of 8 MiB with room for what stands beside it.
pub(crate) const MAX_FRAME_BYTES: usize = 16 << 20;

/// Tells the steps of one child apart, also two runs of the same step.
pub(crate) type Ticket = u64;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToChild {
    Init(Init),
    Run(Order),
    /// The step should return at its next checkpoint.
    Stop {
        ticket: Ticket,
        cancelled: bool,
    },
    Answer {
        ticket: Ticket,
        answer: Result<Answer, WireError>,
    },
}

/// The first frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Init {
    pub(crate) kind: Name,
    /// The kind's table of `medley.toml`, or null.
    pub(crate) config: Value,
    pub(crate) models_dir: PathBuf,
    pub(crate) slots: usize,
    pub(crate) threads: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) ticket: Ticket,
    pub(crate) step: StepId,
    pub(crate) params: Value,
    pub(crate) inputs: Vec<LocalInput>,
    /// An empty folder.
    pub(crate) scratch: PathBuf,
    pub(crate) threads: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromChild {
    Ready,
    /// The kind cannot work on this machine; the child ends.
    Unbuildable(WireError),
    Progress {
        ticket: Ticket,
        progress: Progress,
    },
    /// The step waits for the answer; one at a time.
    Ask {
        ticket: Ticket,
        ask: Ask,
    },
    Done {
        ticket: Ticket,
        done: Computed,
    },
    Failed {
        ticket: Ticket,
        error: WireError,
    },
}

/// What a running step asks of a folder that lies elsewhere: its own process reaches no network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    List { input: usize, after: Option<String> },
    Fetch { input: usize, files: Vec<Wanted>, max_bytes: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Listed(RemotePage),
    /// What keeps each of the files away.
    Fetched(Vec<Option<WireError>>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) done: f64,
    pub(crate) total: f64,
    pub(crate) unit: String,
}

/// What a step left behind.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Computed {
    pub(crate) output: Value,
    pub(crate) artifacts: Vec<Published>,
    pub(crate) quality: Map<String, Value>,
    pub(crate) models: Vec<ModelUse>,
    pub(crate) run_ms: u64,
}

/// A [`StepError`] on its way between processes; the causes arrive as their sentences.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireError {
    class: Class,
    code: ErrorCode,
    message: String,
    causes: Vec<String>,
    retry_after_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    Permanent,
    Transient,
    Unfit,
    Cancelled,
    Interrupted,
}

impl From<StepError> for WireError {
    fn from(error: StepError) -> Self {
        let (code, causes) = (error.code(), error.causes());
        let (class, message, retry_after) = match error {
            StepError::Permanent { message, .. } => (Class::Permanent, message, None),
            StepError::Transient { message, retry_after, .. } => (Class::Transient, message, retry_after),
            StepError::Unfit { message, .. } => (Class::Unfit, message, None),
            StepError::Cancelled => (Class::Cancelled, String::new(), None),
            StepError::Interrupted => (Class::Interrupted, String::new(), None),
        };
        let retry_after_ms = retry_after.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        Self { class, code, message, causes, retry_after_ms }
    }
}

impl From<WireError> for StepError {
    fn from(wire: WireError) -> Self {
        let WireError { class, code, message, causes, retry_after_ms } = wire;
        let source = RemoteCause::chain(causes).map(|cause| Box::new(cause) as medley_step::Cause);
        match class {
            Class::Permanent => Self::Permanent { code, message, source },
            Class::Transient => {
                Self::Transient { code, message, retry_after: retry_after_ms.map(Duration::from_millis), source }
            }
            Class::Unfit => Self::Unfit { message, source },
            Class::Cancelled => Self::Cancelled,
            Class::Interrupted => Self::Interrupted,
        }
    }
}

/// The causes of an error that another process reported.
#[derive(Debug)]
pub(crate) struct RemoteCause {
    message: String,
    below: Option<Box<RemoteCause>>,
}

impl RemoteCause {
    pub(crate) fn chain(messages: Vec<String>) -> Option<Self> {
        let below = |below: Option<RemoteCause>, message| Some(RemoteCause { message, below: below.map(Box::new) });
        messages.into_iter().rev().fold(None, below)
    }
}

impl fmt::Display for RemoteCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RemoteCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.below.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

/// The bytes of a frame, length first.
///
/// # Errors
/// When the document is larger than a frame may be.
pub(crate) fn encode(frame: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, frame)?;
    let length = bytes.len() - 4;
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("a frame of {length} bytes")));
    }
    let length = u32::try_from(length).expect("the largest frame is below 4 GiB");
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// The length that a frame's first four bytes announce.
///
/// # Errors
/// When it is larger than a frame may be.
pub(crate) fn length(head: [u8; 4]) -> io::Result<usize> {
    match usize::try_from(u32::from_le_bytes(head)) {
        Ok(length) if length <= MAX_FRAME_BYTES => Ok(length),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a frame larger than any that we send")),
    }
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_their_class_and_causes_across_the_pipe() {
        let error = StepError::Transient {
            code: ErrorCode::STEP_TIMEOUT,
            message: "slow".into(),
            retry_after: Some(Duration::from_millis(1500)),
            source: RemoteCause::chain(vec!["outer".into(), "inner".into()]).map(|cause| Box::new(cause) as _),
        };
        let frame = encode(&FromChild::Failed { ticket: 3, error: error.into() }).unwrap();
        assert_eq!(length(frame[..4].try_into().unwrap()).unwrap(), frame.len() - 4);
        let FromChild::Failed { ticket: 3, error } = decode(&frame[4..]).unwrap() else { panic!("another frame") };
        let error = StepError::from(error);
        assert_eq!(error.causes(), ["outer", "inner"]);
        assert!(matches!(error, StepError::Transient { retry_after: Some(pause), .. } if pause.as_millis() == 1500));
    }

    #[test]
    fn a_frame_has_a_largest_size() {
        assert!(encode(&"x".repeat(MAX_FRAME_BYTES)).is_err());
        assert!(length(u32::MAX.to_le_bytes()).is_err());
    }
}
