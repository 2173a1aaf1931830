use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Artifact, Failure, Input, JobId, ModelUse, Name};

/// Where a job stands: a pure function of the keys in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted; no step has left anything yet.
    Queued,
    /// At least one step has left a result or the record of a failed attempt.
    Running,
    /// `cancel.json` is there and the manifest is not.
    Cancelling,
    Succeeded,
    Failed,
    Cancelled,
}

impl JobState {
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed,
    Cancelled,
}

impl From<Outcome> for JobState {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed => Self::Failed,
            Outcome::Cancelled => Self::Cancelled,
        }
    }
}

/// The record of a finished job, `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    pub v: u16,
    pub job: JobId,
    pub tenant: Name,
    pub kind: Name,
    pub outcome: Outcome,
    pub artifacts: Vec<Artifact>,
    pub quality: Map<String, Value>,
    pub provenance: Provenance,
    pub timings: Timings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What the artifacts were made from and by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The version of Medley.
    pub medley: String,
    pub inputs: Vec<Input>,
    pub params: Value,
    pub models: BTreeMap<String, ModelUse>,
}

/// The only part of a job's results that may differ when it is run again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Timings {
    pub created_ms: u64,
    pub finished_ms: u64,
    pub compute_ms: u64,
    pub steps: u64,
}
