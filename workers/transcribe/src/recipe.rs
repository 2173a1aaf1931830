use medley_proto::{Input, StepInput};
use medley_step::{GroupDone, JobView, Planned, Recipe, StepDraft, StepError};

use crate::{
    params::TranscribeParams,
    step::{DecodeParams, DecodeStep, Facts, Plan, TranscribeOutput, TranscribeStep},
    worker::TranscribeWorker,
};

/// Speech to text as a job: plan, decode ×N, gather.
#[derive(Debug)]
pub struct TranscribeRecipe;

impl Recipe for TranscribeRecipe {
    const KIND: &'static str = "transcribe";
    type Params = TranscribeParams;
    const ABOUT: &'static str = "Write down what is said in audio or video, with subtitles";
    const EXAMPLES: &'static str = "medley run transcribe interview.mp3 -o out
medley run transcribe talk.mp4 --language zh --script traditional -o out
medley run transcribe calls/*.wav --model tiny.en --hotwords Medley --hotwords Silero -o out";

    fn check(params: &TranscribeParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, TranscribeParams>) -> Result<Planned, StepError> {
        start(&job.params)
    }

    fn next(job: &JobView<'_, TranscribeParams>, done: &GroupDone) -> Result<Planned, StepError> {
        Ok(match next(&job.params, done)? {
            Progress::More(planned) => planned,
            Progress::Transcribed => Planned::last(),
        })
    }
}

/// What a recipe that transcribes does next.
pub(crate) enum Progress {
    More(Planned),
    /// The group that is done was the gather step: its artifacts are the transcript.
    Transcribed,
}

/// The first step of every recipe that transcribes its first input.
pub(crate) fn start(params: &TranscribeParams) -> Result<Planned, StepError> {
    let plan = TranscribeStep::Plan(params.clone());
    Ok(Planned::one(StepDraft::only::<TranscribeWorker>("plan", &plan)?.input(StepInput::Job(0))))
}

/// The steps that follow in every recipe that transcribes.
pub(crate) fn next(params: &TranscribeParams, done: &GroupDone) -> Result<Progress, StepError> {
    match (done.stage.as_str(), done.output::<TranscribeOutput>(0)?) {
        ("plan", TranscribeOutput::Plan(plan)) => decodes(params, plan).map(Progress::More),
        ("decode", TranscribeOutput::Decode { facts, .. }) => decoded(params, facts, done).map(Progress::More),
        ("merge-1", TranscribeOutput::Merge { facts, .. }) => {
            let parts = done.results.iter().flat_map(|result| &result.artifacts).cloned().map(StepInput::Artifact);
            gather(params, facts, parts).map(Progress::More)
        }
        ("gather", _) => Ok(Progress::Transcribed),
        (stage, _) => Err(StepError::internal(format!("no transcription has a stage '{stage}'"))),
    }
}

fn decodes(params: &TranscribeParams, plan: Plan) -> Result<Planned, StepError> {
    let Plan { facts, input, models, steps } = plan;
    if steps.is_empty() {
        return gather(params, facts, []);
    }
    let how = DecodeParams::new(params, &facts.language, facts.sound.asked());
    let work: f64 = steps.iter().flatten().map(|window| window.audio_s()).sum();
    let draft = |(n, windows)| {
        let depends_on = serde_json::to_vec(&(&how, &windows))?;
        let step = DecodeStep { facts: facts.clone(), how: how.clone(), windows };
        let draft = StepDraft::nth::<TranscribeWorker>("decode", n, facts.decodes, &TranscribeStep::Decode(step))?;
        Ok(draft.input(StepInput::Job(0)).cached(&[input.as_bytes(), models.as_bytes(), &depends_on]))
    };
    let steps = (0..).zip(steps).map(draft).collect::<Result<_, StepError>>()?;
    Ok(Planned::many(steps).work(work, "s of speech"))
}

/// A group of decode steps is done: the transcript follows, or, when there are several groups, its share of a merge.
fn decoded(params: &TranscribeParams, facts: Facts, done: &GroupDone) -> Result<Planned, StepError> {
    let answers = done.results.iter().map(|result| StepInput::Output(result.id.clone()));
    let groups = facts.decodes.div_ceil(GroupDone::MAX);
    if groups <= 1 {
        return gather(params, facts, answers);
    }
    let merge = TranscribeStep::Merge { groups };
    Ok(Planned::one(StepDraft::nth::<TranscribeWorker>("merge-1", done.group, groups, &merge)?.inputs(answers)))
}

fn gather(
    params: &TranscribeParams,
    facts: Facts,
    inputs: impl IntoIterator<Item = StepInput>,
) -> Result<Planned, StepError> {
    let gather = TranscribeStep::Gather { params: params.clone(), facts };
    Ok(Planned::one(StepDraft::only::<TranscribeWorker>("gather", &gather)?.inputs(inputs)))
}
