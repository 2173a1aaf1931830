use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Artifact, Class, JobId, Name, Sha256, StepId};

/// One queue message: minutes of work at most, retried as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub v: u16,
    pub tenant: Name,
    pub job: JobId,
    /// The job's kind: whose recipe to ask what comes next.
    pub job_kind: Name,
    pub id: StepId,
    /// The kind of worker that runs it, and so its queue.
    pub kind: Name,
    pub class: Class,
    /// How many steps the step's group has; when all of them have results the recipe is asked for more.
    pub group_size: u32,
    /// How many steps the stage has in all (version 2). Steps of version 1 do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_size: Option<u32>,
    /// Counted from 1. Only a charged failure adds to it.
    pub attempt: u32,
    /// Of the worker's own `Params`.
    pub params: Value,
    #[serde(default)]
    pub inputs: Vec<StepInput>,
    /// Steps that give the same result share this key; it names everything that the result depends on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Unix time of the first publish, for the queue wait.
    pub published_ms: u64,
    #[serde(default)]
    pub lineage: Lineage,
    /// W3C `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Step {
    /// The newest version of this message that this build reads. A step is written with the lowest version that can say
    /// what it says: 2 when it has a `stage_size` or reads [`StepInput::All`], else 1.
    pub const MAX_VERSION: u16 = 2;
}

/// What a step reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepInput {
    /// The job's input of this index.
    Job(u32),
    /// An artifact of an earlier step of the same job.
    Artifact(Artifact),
    /// The inline output (`result.json`'s `output`) of an earlier step, as a JSON file.
    Output(StepId),
    /// The artifact of this name that an earlier step left: for steps that come later than right after it.
    Left { step: StepId, name: String },
    /// All artifacts of all `size` steps of an earlier stage, in the order of the steps (version 2).
    All { stage: Name, size: u32 },
}

/// The record of a finished step, `result.json`. Writing it is the one act that commits the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepResult {
    pub v: u16,
    pub id: StepId,
    /// The worker's own `Output`.
    pub output: Value,
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// What the step knows of how good its result is.
    #[serde(default)]
    pub quality: Map<String, Value>,
    pub lineage: Lineage,
}

/// What a result came from, carried along the chain of steps so that the manifest can tell without reading them all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Lineage {
    /// Every model that took part, by name.
    #[serde(default)]
    pub models: BTreeMap<String, ModelUse>,
    /// Compute time of all steps so far.
    #[serde(default)]
    pub compute_ms: u64,
    /// How many steps took part.
    #[serde(default)]
    pub steps: u64,
}

impl Lineage {
    /// Adds what another branch came from. Both may come from the wire: sums that do not fit stay at the largest number.
    pub fn absorb(&mut self, other: &Lineage) {
        self.models.extend(other.models.iter().map(|(name, model)| (name.clone(), model.clone())));
        self.compute_ms = self.compute_ms.saturating_add(other.compute_ms);
        self.steps = self.steps.saturating_add(other.steps);
    }
}

/// A model as it was used: what it was, byte for byte, and under which terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelUse {
    pub name: String,
    pub version: String,
    /// SHA-256 of each file that was loaded, by file name.
    pub files: BTreeMap<String, Sha256>,
    pub licence_code: String,
    pub licence_weights: String,
    pub licence_data: String,
    pub commercial: Commercial,
}

/// May results of the model be used commercially, as far as its published terms say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Commercial {
    Yes,
    No,
    Unclear,
}
