use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JobId, Name, Sha256};

/// What a user asks for. Written once, to `<tenant>/jobs/<job>/job.json`, when the job is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    pub v: u16,
    pub id: JobId,
    pub tenant: Name,
    /// `transcribe`, `podcast`, …: which recipe makes the steps.
    pub kind: Name,
    pub inputs: Vec<Input>,
    /// Of the kind's own type: `medley schema <kind>`.
    pub params: Value,
    pub class: Class,
    /// Unix time of acceptance.
    pub created_ms: u64,
    /// Unix time after which no step of the job starts any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// How urgent: `interactive` work is served before `batch` work, four to one, and neither is starved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    #[default]
    Interactive,
    Batch,
}

impl Class {
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Batch];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Batch => "batch",
        }
    }
}

/// One input of a job. `sha256`, `bytes` and `media_type` are known for what was hashed when the job was accepted
/// (files, uploads, text) and unknown for what a worker will fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// The name a user would know it by: a file's name; `text` for text.
    pub name: String,
    pub source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

impl Input {
    /// The media type of a folder: its `sha256` is a fingerprint of the names, sizes and times of what is below it, and
    /// `bytes` is not known.
    pub const FOLDER: &'static str = "inode/directory";

    pub fn is_folder(&self) -> bool {
        self.media_type.as_deref() == Some(Self::FOLDER)
    }
}

/// Where an input's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `file:`, `s3:` or `https:`.
    Uri(String),
    /// An object of this tenant in the store, by its key below the tenant's prefix.
    Stored(String),
    /// The text itself, at most 64 KiB.
    Text(String),
}
