use medley_proto::{Artifact, Input, StepInput};
use medley_step::{GroupDone, JobView, Planned, Recipe, StepDraft, StepError};

use crate::{
    params::PortraitParams,
    steps::{Act, Done, Mux, Portrait, Prepare, Render, Sources},
};

/// The kind of job `portrait`: a photo and a voice, and where there is one the voice's `timing.json`.
#[derive(Debug)]
pub struct PortraitRecipe;

/// The job's inputs, in order.
const PICTURE: u32 = 0;
const SOUND: u32 = 1;
const TIMING: u32 = 2;

impl Recipe for PortraitRecipe {
    const KIND: &'static str = "portrait";
    type Params = PortraitParams;
    const ABOUT: &'static str = "Make the person in a photo speak what is heard in a recording";
    const EXAMPLES: &'static str = "medley run portrait kafka.jpg voice.wav -o out\n\
        medley run portrait kafka.jpg speech.wav timing.json --framing head --still -o out";
    const INPUTS: std::ops::RangeInclusive<usize> = 2..=3;

    fn check(params: &Self::Params, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, Self::Params>) -> Result<Planned, StepError> {
        let timing = (job.job.inputs.len() > TIMING as usize).then_some(TIMING as usize);
        let sources = Sources { picture: PICTURE as usize, sound: SOUND as usize, timing, ..Sources::default() };
        let inputs = (0..job.job.inputs.len() as u32).map(StepInput::Job);
        let step = Act::Prepare(Prepare { portrait: job.params.clone(), sources });
        Ok(Planned::one(StepDraft::only::<Portrait>("prepare", &step)?.inputs(inputs)))
    }

    fn next(job: &JobView<'_, Self::Params>, done: &GroupDone) -> Result<Planned, StepError> {
        let mux = Mux { portrait: job.params.clone(), name: "video.mp4".into() };
        match done.stage.as_str() {
            "prepare" => film(done, job.params.crf),
            "render" | "merge-1" => gather(done, &mux, StepInput::Job(SOUND)),
            _ => Ok(Planned::last()),
        }
    }
}

/// The render steps that follow from a prepare step.
///
/// # Errors
/// When the prepare step's result is not one.
pub fn film(prepared: &GroupDone, crf: u32) -> Result<Planned, StepError> {
    let Done { frames, fps, parts } = prepared.output(0)?;
    let inputs = ["scene.json", "scene.png", "motion.f32"].map(|name| artifact(prepared, 0, name));
    let [scene, picture, motion] = inputs;
    let inputs = [scene?, picture?, motion?].map(StepInput::Artifact);
    let steps = (0..parts)
        .map(|n| {
            let at = |n: u32| frames * n as usize / parts.max(1) as usize;
            let step = Act::Render(Render { from: at(n), to: at(n + 1), parts, crf });
            Ok(StepDraft::nth::<Portrait>("render", n, parts, &step)?.inputs(inputs.clone()))
        })
        .collect::<Result<Vec<_>, StepError>>()?;
    Ok(Planned::many(steps).work(frames as f64 / f64::from(fps.max(1)), "s of film"))
}

/// What follows from a finished group of films: with one group the mux, with several a join for each, then the mux.
///
/// # Errors
/// When the group's results are not films.
pub fn gather(done: &GroupDone, mux: &Mux, sound: StepInput) -> Result<Planned, StepError> {
    let parts = done.output::<Done>(0)?.parts;
    let films = (0..done.results.len())
        .map(|n| Ok(StepInput::Artifact(artifact(done, n, "film.ts")?)))
        .collect::<Result<Vec<_>, StepError>>()?;
    let scene = StepInput::Artifact(artifact(done, 0, "scene.json")?);
    if done.stage == "render" && parts > GroupDone::MAX {
        let groups = parts.div_ceil(GroupDone::MAX);
        let step = StepDraft::nth::<Portrait>("merge-1", done.group, groups, &Act::Join)?;
        return Ok(Planned::one(step.input(scene).inputs(films)));
    }
    let step = StepDraft::only::<Portrait>("mux", &Act::Mux(mux.clone()))?;
    Ok(Planned::one(step.input(sound).input(scene).inputs(films)))
}

fn artifact(done: &GroupDone, n: usize, name: &str) -> Result<Artifact, StepError> {
    let result = done.results.get(n).and_then(|result| result.artifacts.iter().find(|artifact| artifact.name == name));
    result.cloned().ok_or_else(|| StepError::internal(format!("step {n} of stage {} left no {name}", done.stage)))
}
