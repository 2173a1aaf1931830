use std::path::PathBuf;

use medley_proto::{ErrorCode, ModelUse};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{StepContext, StepError};

/// One kind of step. Holds loaded models, shared by the slots of one compute child; every method may be called from
/// several threads at once. Safe to run twice: a step that runs again, even on another machine, gives the same result.
pub trait Worker: Sized + Send + Sync + 'static {
    /// The kind's name and the middle of its queue's name.
    const KIND: &'static str;
    /// Settings of the machine's owner: the table `[<kind>]` of `medley.toml`.
    type Config: DeserializeOwned + JsonSchema + Default;
    /// What one step is asked to do.
    type Params: DeserializeOwned + Serialize + JsonSchema + Send;
    /// What `result.json` holds inline: small (at most 8 MiB of JSON); larger results are artifacts.
    type Output: Serialize + JsonSchema + Send;

    /// Called once in a compute child, before its first step. Cheap things only: models are opened by the first step
    /// that needs them and kept.
    fn build(config: Self::Config, cx: &BuildContext) -> Result<Self, BuildError>;

    /// Runs on a compute thread; `cx` gives inputs, takes artifacts and progress, and tells of cancellation: call
    /// `cx.checkpoint()?` at least once a second of work.
    fn run(&self, params: Self::Params, cx: &StepContext) -> Result<Self::Output, StepError>;

    /// The models that were loaded so far, for the manifest.
    fn models(&self) -> Vec<ModelUse> {
        Vec::new()
    }
}

/// What a compute child may use.
#[derive(Debug, Clone)]
pub struct BuildContext {
    /// The model cache's root (`medley models pull` fills it).
    pub models_dir: PathBuf,
    /// How many steps run side by side in this child.
    pub slots: usize,
    /// How many CPU threads all slots together should use.
    pub threads: usize,
}

impl BuildContext {
    /// The threads that one slot should use, at least one.
    pub fn threads_per_slot(&self) -> usize {
        (self.threads / self.slots.max(1)).max(1)
    }
}

/// The kind cannot work on this machine. Steps of the kind fail with this code and sentence.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    pub code: ErrorCode,
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
