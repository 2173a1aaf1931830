use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker, graph::Task, tasks};
use serde::Deserialize;
use serde_json::Value;

use super::{
    LibraryOutput, LibraryParams, LibraryStep, analyze, assemble, list, merge,
    step::{AnalyzeStep, ArchiveRange, AssembleStep, Assembled, DoneStep, Listing, Part},
    webdataset,
};
use crate::{CaptionConfig, analyzer_cache::AnalyzerCache};

/// Makes data sets of image libraries.
#[derive(Debug)]
pub struct LibraryWorker {
    analyzers: AnalyzerCache,
}

/// Either merge of the tree: both answer with a [`Part`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum MergeStep {
    Analyses,
    Parts(Part),
}

tasks!(LibraryWorker: LibraryStep => LibraryOutput { List(LibraryParams) => Listing, Assemble(AssembleStep) => Assembled });
tasks!(LibraryWorker: LibraryStep => unread { Analyze(AnalyzeStep), Pack(ArchiveRange), Done(DoneStep) });

impl Task for MergeStep {
    type Worker = LibraryWorker;
    type Answer = Part;

    fn into_params(self) -> LibraryStep {
        match self {
            Self::Analyses => LibraryStep::MergeAnalyses,
            Self::Parts(of) => LibraryStep::MergeParts { of },
        }
    }

    fn read(output: &Value) -> Result<Part, StepError> {
        match LibraryOutput::deserialize(output)? {
            LibraryOutput::Merge(part) => Ok(part),
            _ => Err(StepError::internal("a merge answered something else")),
        }
    }
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
            LibraryStep::Analyze(AnalyzeStep { params, shard }) => {
                let analyzer = self.analyzers.get(&params)?;
                LibraryOutput::Analyze(analyze::analyze(&analyzer, params.thumbnail_px > 0, &shard, cx)?)
            }
            LibraryStep::MergeAnalyses => LibraryOutput::Merge(merge::analyses(cx)?),
            LibraryStep::MergeParts { of } => merge::parts(of, cx)?,
            LibraryStep::Assemble(AssembleStep { params, of }) => assemble::assemble(&params, of, cx)?,
            LibraryStep::Pack(range) => webdataset::pack(range, cx)?,
            LibraryStep::Done(DoneStep {}) => {
                assemble::hand_on(cx)?;
                LibraryOutput::Done
            }
        })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.analyzers.models()
    }
}
