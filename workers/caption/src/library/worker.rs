use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};

use super::{LibraryOutput, LibraryStep, analyze, assemble, list, merge, webdataset};
use crate::{CaptionConfig, analyzer_cache::AnalyzerCache};

/// Makes data sets of image libraries.
#[derive(Debug)]
pub struct LibraryWorker {
    analyzers: AnalyzerCache,
}

impl Worker for LibraryWorker {
    const KIND: &'static str = "library";
    type Config = CaptionConfig;
    type Params = LibraryStep;
    type Output = LibraryOutput;

    fn build(config: CaptionConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { analyzers: AnalyzerCache::new(&config, cx)? })
    }

    fn run(&self, params: LibraryStep, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
        Ok(match params {
            LibraryStep::List(params) => {
                // A missing model ends the job here, before any work.
                self.analyzers.get(&params.of_shard(false))?;
                let version = list::analyzer_version(&self.analyzers.models())?;
                LibraryOutput::List(list::list(&params, version, cx)?)
            }
            LibraryStep::Analyze { params, shard } => {
                let analyzer = self.analyzers.get(&params)?;
                LibraryOutput::Analyze(analyze::analyze(&analyzer, params.thumbnail_px > 0, &shard, cx)?)
            }
            LibraryStep::MergeAnalyses => LibraryOutput::Merge(merge::analyses(cx)?),
            LibraryStep::MergeParts { of } => merge::parts(of, cx)?,
            LibraryStep::Assemble { params, of } => assemble::assemble(&params, of, cx)?,
            LibraryStep::Pack(range) => webdataset::pack(range, cx)?,
            LibraryStep::Done => {
                assemble::hand_on(cx)?;
                LibraryOutput::Done
            }
        })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.analyzers.models()
    }
}
