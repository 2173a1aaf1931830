//! Steps as a recipe plans them, before the runtime makes messages of them.

use medley_proto::{Lineage, Name, Sha256, StepId, StepInput};
use serde_json::Value;

use crate::graph::Group;

/// The steps that a recipe wants run.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    pub steps: Vec<StepDraft>,
    /// How much work these steps are in all, for the time left: seconds of audio, images.
    pub work: Option<(f64, &'static str)>,
}

impl Planned {
    pub fn one(step: StepDraft) -> Self {
        Self { steps: vec![step], work: None }
    }
}

/// A step before the runtime gives it its job, class and attempt.
#[derive(Debug, Clone)]
pub struct StepDraft {
    pub id: StepId,
    /// The kind of worker.
    pub kind: Name,
    pub group_size: u32,
    /// How many steps the stage has in all. Steps that say so are of version 2.
    pub stage_size: Option<u32>,
    pub params: Value,
    pub inputs: Vec<StepInput>,
    pub cache_key: Option<Sha256>,
    /// Filled by the runtime from the results that the step follows from.
    pub lineage: Lineage,
}

impl StepDraft {
    /// The group that the step belongs to.
    pub fn group(&self) -> Group {
        let Self { id, group_size, stage_size, .. } = self;
        Group { stage: id.stage.clone(), group: id.group, size: *group_size, stage_size: *stage_size }
    }
}

/// The key of everything that a result depends on.
pub(crate) fn cache_key(depends_on: &[&[u8]]) -> Sha256 {
    let mut bytes = Vec::new();
    for part in depends_on {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Sha256::of(&bytes)
}

/// The stage of a job that is one step.
pub const WHOLE_JOB: &str = "run";
