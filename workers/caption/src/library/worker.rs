use std::sync::{Arc, Mutex, PoisonError};

use medley_models::Models;
use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LibraryOutput, LibraryStep, gather, list, look, merge, pack};
use crate::{LookParams, LookSlots, Looker};

/// Settings of the machine's owner for libraries: there are none yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LibraryConfig {}

/// Makes data sets of image libraries.
pub struct Library {
    models: Models,
    slots: usize,
    threads_per_slot: usize,
    /// The models in use: the last ones asked for stay loaded.
    loaded: Mutex<Option<(LookParams, Arc<Looker>)>>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("slots", &self.slots).finish_non_exhaustive()
    }
}

impl Worker for Library {
    const KIND: &'static str = "library";
    type Config = LibraryConfig;
    type Params = LibraryStep;
    type Output = LibraryOutput;

    fn build(_config: LibraryConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self {
            models: Models::open(&cx.models_dir),
            slots: cx.slots,
            threads_per_slot: cx.threads_per_slot(),
            loaded: Mutex::default(),
        })
    }

    fn run(&self, params: LibraryStep, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
        Ok(match params {
            LibraryStep::List(params) => {
                // A model that is not there is found out before the work.
                self.looker(&params.look(false))?;
                LibraryOutput::List(list::list(&params, list::with(&self.models, &params)?, cx)?)
            }
            LibraryStep::Look { look, share } => {
                LibraryOutput::Look(look::look(&*self.looker(&look)?, look.thumbnail_px > 0, &share, cx)?)
            }
            LibraryStep::MergeLooks => LibraryOutput::Merge(merge::looks(cx)?),
            LibraryStep::MergeParts { of } => merge::parts(of, cx)?,
            LibraryStep::Gather { params, of } => gather::gather(&params, of, cx)?,
            LibraryStep::Pack(pack) => pack::pack(pack, cx)?,
            LibraryStep::Done => {
                for (n, input) in cx.inputs().iter().enumerate() {
                    cx.hand_on(n, &input.name)?;
                }
                LibraryOutput::Done
            }
        })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}

impl Library {
    fn looker(&self, params: &LookParams) -> Result<Arc<Looker>, StepError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, looker)) = &*loaded
            && of == params
        {
            return Ok(looker.clone());
        }
        let slots = LookSlots { threads: self.threads_per_slot, calls: self.slots };
        let looker = Arc::new(Looker::open(&self.models, params, slots)?);
        *loaded = Some((params.clone(), looker.clone()));
        Ok(looker)
    }
}
