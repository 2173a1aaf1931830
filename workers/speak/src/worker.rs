use medley_models::Models;
use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker, tasks};

use crate::{
    config::SpeakConfig,
    speaker::Speaker,
    stages::{join, mend, plan, retake, synthesize, verify},
    step::{JoinStep, Joined, MendStep, Plan, PlanStep, RetakeStep, SayStep, SpeakOutput, SpeakStep, VerifyStep},
};

/// Computes the steps of `speak` jobs.
#[derive(Debug)]
pub struct SpeakWorker {
    models: Models,
    speaker: Speaker,
    config: SpeakConfig,
}

tasks!(SpeakWorker: SpeakStep => SpeakOutput {
    Plan(PlanStep) => Plan,
    Join(JoinStep) => Joined,
    Verify(VerifyStep) => Joined as Join,
    Mend(MendStep) => Joined as Join,
});
tasks!(SpeakWorker: SpeakStep => unread { Say(SayStep), Retake(RetakeStep) });

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
            SpeakStep::Plan(PlanStep { params }) => plan::run(&self.speaker, &self.config, &params, cx),
            SpeakStep::Say(SayStep { part }) => synthesize::run(&self.speaker, &part, cx),
            SpeakStep::Merge { groups } => merge(groups, cx),
            SpeakStep::Join(JoinStep { params }) => join::run(&params, cx),
            SpeakStep::Verify(VerifyStep {}) => verify::run(cx),
            SpeakStep::Retake(RetakeStep {}) => retake::run(&self.speaker, cx),
            SpeakStep::Mend(MendStep { params }) => mend::run(&params, cx),
        }
    }

    fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}

/// Version 1 gathered its parts by steps.
fn merge(groups: u32, cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
    for (n, input) in cx.inputs().iter().enumerate() {
        cx.hand_on(n, &input.name)?;
    }
    Ok(SpeakOutput::Merge { groups })
}
