use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};

use super::{LibraryOutput, LibraryStep, gather, list, look, merge, pack};
use crate::{CaptionConfig, Lookers};

/// Makes data sets of image libraries.
#[derive(Debug)]
pub struct Library {
    lookers: Lookers,
}

impl Worker for Library {
    const KIND: &'static str = "library";
    type Config = CaptionConfig;
    type Params = LibraryStep;
    type Output = LibraryOutput;

    fn build(config: CaptionConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { lookers: Lookers::new(&config, cx)? })
    }

    fn run(&self, params: LibraryStep, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
        Ok(match params {
            LibraryStep::List(params) => {
                // A model that is not there is found out before the work.
                self.lookers.get(&params.look(false))?;
                LibraryOutput::List(list::list(&params, list::with(&self.lookers.models())?, cx)?)
            }
            LibraryStep::Look { look, share } => {
                LibraryOutput::Look(look::look(&self.lookers.get(&look)?, look.thumbnail_px > 0, &share, cx)?)
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
        self.lookers.models()
    }
}
