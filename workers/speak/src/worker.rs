use medley_models::Models;
use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};

use crate::{
    config::SpeakConfig,
    speaker::Speaker,
    stages::{join, plan, synthesize, verify},
    step::{SpeakOutput, SpeakStep},
};

/// Computes the steps of `speak` jobs.
#[derive(Debug)]
pub struct SpeakWorker {
    models: Models,
    speaker: Speaker,
    config: SpeakConfig,
}

impl Worker for SpeakWorker {
    const KIND: &'static str = "speak";
    type Config = SpeakConfig;
    type Params = SpeakStep;
    type Output = SpeakOutput;

    fn build(config: SpeakConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        let models = Models::open(&cx.models_dir);
        Ok(Self { speaker: Speaker::new(models.clone(), cx.threads.max(cx.slots)), models, config })
    }

    fn run(&self, step: SpeakStep, cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
        match step {
            SpeakStep::Plan { params } => plan::run(&self.speaker, &self.config, &params, cx),
            SpeakStep::Say { part, parts } => synthesize::run(&self.speaker, &part, parts, cx),
            SpeakStep::Merge { groups } => merge(groups, cx),
            SpeakStep::Join { params } => join::run(&params, cx),
            SpeakStep::Verify => verify::run(cx),
        }
    }

    fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}

fn merge(groups: u32, cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
    for (n, input) in cx.inputs().iter().enumerate() {
        cx.hand_on(n, &input.name)?;
    }
    Ok(SpeakOutput::Merge { groups })
}
