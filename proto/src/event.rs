use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, JobId, JobState, Name, StepId};

/// Progress of a job; lossy by nature, never the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    pub v: u16,
    pub tenant: Name,
    pub job: JobId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// Unix time.
    pub at_ms: u64,
    pub body: EventBody,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventBody {
    /// A worker took the step.
    Started { attempt: u32 },
    /// How far the step is, in a unit that people know (seconds of audio, images).
    Progress { done: f64, total: f64, unit: String },
    /// The step has its result.
    Done { run_ms: u64 },
    /// More steps were published: how much work the job now has in all, where the recipe can tell.
    Planned {
        steps: u32,
        #[serde(default)]
        work: f64,
        #[serde(default)]
        unit: String,
        /// The stage of these steps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<Name>,
        /// How many of them were done before: for those who begin to watch later.
        #[serde(default)]
        done: u32,
    },
    /// The attempt failed and will be made again.
    Retrying { code: ErrorCode, message: String, in_ms: u64 },
    /// The job ended.
    Finished { state: JobState },
}
