use std::marker::PhantomData;

use medley_proto::{Input, Name, Source, StepId, StepInput};
use medley_step::{GroupDone, JobView, Nested, Planned, Recipe, StepDraft, StepError};
use serde_json::json;

use crate::{
    language::Language,
    params::SpeakParams,
    step::{Plan, SpeakOutput, SpeakStep},
    worker::SpeakWorker,
};

/// Text to speech as a job: plan, say ×N, join; and with `verify` a transcription (by the recipe `T`) and verify.
#[derive(Debug)]
pub struct SpeakRecipe<T>(PhantomData<fn() -> T>);

/// Stages of the transcription are called `hear-…`.
const HEAR: &str = "hear";

impl<T: Recipe> Recipe for SpeakRecipe<T> {
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
        Ok(Planned::one(StepDraft::only::<SpeakWorker>("plan", &plan)?.input(StepInput::Job(0))))
    }

    fn next(job: &JobView<'_, SpeakParams>, done: &GroupDone) -> Result<Planned, StepError> {
        let hear = hear::<T>(job);
        if hear.owns(&done.stage) {
            return hear.next(done)?.map_or_else(|| verify(job, done), Ok);
        }
        match (done.stage.as_str(), done.output::<SpeakOutput>(0)?) {
            ("plan", SpeakOutput::Plan(plan)) => says(&plan, done),
            ("say", SpeakOutput::Say { parts, .. }) => said(&job.params, parts, done),
            ("merge-1", SpeakOutput::Merge { .. }) => join(&job.params, done),
            ("join", _) if job.params.verify => hear.start(),
            ("join" | "verify", _) => Ok(Planned::last()),
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
        let draft = StepDraft::nth::<SpeakWorker>("say", part.number, parts, &say)?.input(script.clone());
        let number = part.number.to_be_bytes();
        // The answer tells how many groups there are.
        let groups = parts.div_ceil(GroupDone::MAX).to_be_bytes();
        Ok(draft.cached(&[b"speak-say-2", part.sha256.as_bytes(), plan.voices.as_bytes(), &number, &groups]))
    };
    let steps = plan.parts.iter().map(draft).collect::<Result<_, StepError>>()?;
    Ok(Planned::many(steps).work(plan.characters as f64, "characters"))
}

/// What the join step left.
fn left(name: String) -> StepInput {
    StepInput::Left { step: step("join"), name }
}

fn step(stage: &'static str) -> StepId {
    StepId::new(Name::from_static(stage), 0, 0)
}

fn speech_file(params: &SpeakParams) -> String {
    format!("speech.{}", params.audio.media().extension())
}

/// The transcription of the speech.
fn hear<T: Recipe>(job: &JobView<'_, SpeakParams>) -> Nested<T> {
    let name = speech_file(&job.params);
    let seen = Input {
        name: name.clone(),
        source: Source::Stored(String::new()),
        sha256: None,
        bytes: None,
        media_type: Some(job.params.audio.media().media_type().into()),
    };
    let language = job.params.language().map_or("auto", Language::code);
    Nested::new(job.job, HEAR, json!({ "language": language }), vec![(seen, Some(left(name)))])
}

fn verify(job: &JobView<'_, SpeakParams>, heard: &GroupDone) -> Result<Planned, StepError> {
    let transcript = heard.results.iter().flat_map(|result| &result.artifacts);
    let transcript = transcript.into_iter().find(|artifact| artifact.name == "transcript.json").cloned();
    let transcript = transcript.ok_or_else(|| StepError::internal("the transcription left no transcript.json"))?;
    let draft = StepDraft::only::<SpeakWorker>("verify", &SpeakStep::Verify)?
        .input(StepInput::Output(step("join")))
        .input(StepInput::Artifact(transcript));
    let made = [speech_file(&job.params), "timing.json".into(), "speech.srt".into()];
    Ok(Planned::one(draft.inputs(made.map(left))))
}

/// A group of parts is spoken: they are joined, or, when there are several groups, handed on to be.
fn said(params: &SpeakParams, parts: u32, done: &GroupDone) -> Result<Planned, StepError> {
    let groups = parts.div_ceil(GroupDone::MAX);
    if groups <= 1 {
        return join(params, done);
    }
    let merge = SpeakStep::Merge { groups };
    let draft = StepDraft::nth::<SpeakWorker>("merge-1", done.group, groups, &merge)?;
    Ok(Planned::one(draft.inputs(artifacts(done))))
}

fn join(params: &SpeakParams, done: &GroupDone) -> Result<Planned, StepError> {
    let join = SpeakStep::Join { params: params.clone() };
    let plan = StepInput::Output(step("plan"));
    Ok(Planned::one(StepDraft::only::<SpeakWorker>("join", &join)?.input(plan).inputs(artifacts(done))))
}

fn artifacts(done: &GroupDone) -> impl Iterator<Item = StepInput> {
    done.results.iter().flat_map(|result| &result.artifacts).cloned().map(StepInput::Artifact)
}
