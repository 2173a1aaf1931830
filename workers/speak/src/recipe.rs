use medley_proto::{Input, StepInput};
use medley_step::{GroupDone, JobView, Planned, Recipe, StepDraft, StepError};

use crate::{
    params::SpeakParams,
    step::{Plan, SpeakOutput, SpeakStep},
    worker::Speak,
};

/// Text to speech as a job: plan, say ×N, join.
#[derive(Debug)]
pub struct SpeakJob;

impl Recipe for SpeakJob {
    const KIND: &'static str = "speak";
    type Params = SpeakParams;
    const ABOUT: &'static str = "Read a text aloud, in English, Chinese or both, with times and subtitles";
    const EXAMPLES: &'static str = "medley run speak \"Good morning, 早上好。\" -o out
medley run speak article.md --audio mp3 --voice joe -o out
medley run speak book.txt --rate 1.1 --loudness broadcast --sample-rate-hz 48000 -o out";

    const TAKES_TEXT: bool = true;

    fn check(params: &SpeakParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, SpeakParams>) -> Result<Planned, StepError> {
        let plan = SpeakStep::Plan { params: job.params.clone() };
        Ok(Planned::one(StepDraft::only::<Speak>("plan", &plan)?.input(StepInput::Job(0))))
    }

    fn next(job: &JobView<'_, SpeakParams>, done: &GroupDone) -> Result<Planned, StepError> {
        match (done.stage.as_str(), done.output::<SpeakOutput>(0)?) {
            ("plan", SpeakOutput::Plan(plan)) => says(&plan, done),
            ("say", SpeakOutput::Say { parts, .. }) => said(&job.params, parts, done),
            ("merge-1", SpeakOutput::Merge { .. }) => join(&job.params, done),
            ("join", _) => Ok(Planned::last()),
            (stage, _) => Err(StepError::internal(format!("no speech has a stage '{stage}'"))),
        }
    }
}

/// One step for each part. Its result depends on the part's lines and the voices alone.
fn says(plan: &Plan, done: &GroupDone) -> Result<Planned, StepError> {
    let script = artifacts(done).next().ok_or_else(|| StepError::internal("the plan left no script"))?;
    let parts = u32::try_from(plan.parts.len()).map_err(|_| StepError::internal("more parts than fit a number"))?;
    let draft = |part: &crate::step::Part| {
        let say = SpeakStep::Say { part: part.clone(), parts };
        let draft = StepDraft::nth::<Speak>("say", part.number, parts, &say)?.input(script.clone());
        let number = part.number.to_be_bytes();
        Ok(draft.cached(&[b"speak-say-1", part.sha256.as_bytes(), plan.voices.as_bytes(), &number]))
    };
    let steps = plan.parts.iter().map(draft).collect::<Result<_, StepError>>()?;
    Ok(Planned::many(steps).work(plan.characters as f64, "characters"))
}

/// A group of parts is spoken: they are joined, or, when there are several groups, handed on to be.
fn said(params: &SpeakParams, parts: u32, done: &GroupDone) -> Result<Planned, StepError> {
    let groups = parts.div_ceil(GroupDone::MAX);
    if groups <= 1 {
        return join(params, done);
    }
    let merge = SpeakStep::Merge { groups };
    let draft = StepDraft::nth::<Speak>("merge-1", done.group, groups, &merge)?;
    Ok(Planned::one(draft.inputs(artifacts(done))))
}

fn join(params: &SpeakParams, done: &GroupDone) -> Result<Planned, StepError> {
    let join = SpeakStep::Join { params: params.clone() };
    Ok(Planned::one(StepDraft::only::<Speak>("join", &join)?.inputs(artifacts(done))))
}

fn artifacts(done: &GroupDone) -> impl Iterator<Item = StepInput> {
    done.results.iter().flat_map(|result| &result.artifacts).cloned().map(StepInput::Artifact)
}
