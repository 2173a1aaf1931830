use std::{borrow::Cow, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Step;

/// A stable, machine-readable reason. Codes are never renamed; a kind may add its own (`no_face`), so this is an open
/// set and not an enum. The ones below are raised by more than one crate; `docs/errors.md` lists all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ErrorCode(Cow<'static, str>);

impl ErrorCode {
    pub const fn new(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The input cannot be decoded as the medium it claims to be.
    pub const MEDIA_UNDECODABLE: Self = Self::new("media_undecodable");
    /// The input is of a type that this kind does not read.
    pub const MEDIA_UNSUPPORTED: Self = Self::new("media_unsupported");
    /// The input holds no sound, no picture or no text.
    pub const MEDIA_EMPTY: Self = Self::new("media_empty");
    /// The input exceeds a limit (length, pixels, bytes, channels); the sentence names it.
    pub const MEDIA_TOO_LARGE: Self = Self::new("media_too_large");
    /// The input does not exist.
    pub const INPUT_NOT_FOUND: Self = Self::new("input_not_found");
    /// The input exists and may not be read, or lies outside the allowed roots.
    pub const INPUT_FORBIDDEN: Self = Self::new("input_forbidden");
    /// The input is a directory or a device where a file is wanted.
    pub const INPUT_NOT_A_FILE: Self = Self::new("input_not_a_file");
    /// The input's bytes are no longer those that the job was accepted with.
    pub const INPUT_CHANGED: Self = Self::new("input_changed");
    /// The input's URL scheme is not served.
    pub const INPUT_SCHEME_UNSUPPORTED: Self = Self::new("input_scheme_unsupported");
    /// A parameter is unknown, of the wrong type or out of range.
    pub const PARAMS_INVALID: Self = Self::new("params_invalid");
    /// A kind of job that this build does not know.
    pub const KIND_UNKNOWN: Self = Self::new("kind_unknown");
    /// A model that the job needs is not in the cache; the sentence names the command that gets it.
    pub const MODEL_MISSING: Self = Self::new("model_missing");
    /// A model file in the cache is not what the registry says it is.
    pub const MODEL_CORRUPT: Self = Self::new("model_corrupt");
    /// A program or library that the job needs is not installed; the sentence names it.
    pub const TOOL_MISSING: Self = Self::new("tool_missing");
    /// The same idempotency key came with a different request.
    pub const IDEMPOTENCY_CONFLICT: Self = Self::new("idempotency_conflict");
    /// The job's deadline passed before the step could start or end.
    pub const DEADLINE_EXCEEDED: Self = Self::new("deadline_exceeded");
    /// The step took longer than a step may.
    pub const STEP_TIMEOUT: Self = Self::new("step_timeout");
    /// The step needs more memory than a step may use.
    pub const MEMORY_EXCEEDED: Self = Self::new("memory_exceeded");
    /// The step's compute process died, again and again, with this step alone inside it.
    pub const COMPUTE_CRASHED: Self = Self::new("compute_crashed");
    /// The store, the queue or another service failed for longer than the attempts lasted.
    pub const SERVICE_UNAVAILABLE: Self = Self::new("service_unavailable");
    /// The user asked for the job to stop.
    pub const CANCELLED: Self = Self::new("cancelled");
    /// A defect of Medley itself (a panic, a broken invariant); worth a report.
    pub const INTERNAL: Self = Self::new("internal");
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A failure as it is stored and shown: a stable code, one sentence that names the input and the next action, and the
/// chain of causes for whoever debugs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    pub v: u16,
    pub code: ErrorCode,
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The attempt that failed, counted from 1.
    pub attempt: u32,
    /// Unix time.
    pub at_ms: u64,
}

/// A step that was given up, kept at `<tenant>/dead/<job>/<stage>-<group>-<n>.json` until it is replayed or dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    pub v: u16,
    pub step: Step,
    /// Why it was given up.
    pub failure: Failure,
    /// The failures of all its attempts that are on record, oldest first.
    #[serde(default)]
    pub attempts: Vec<Failure>,
    /// Unix time.
    pub at_ms: u64,
}
