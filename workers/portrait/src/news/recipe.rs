use std::marker::PhantomData;

use medley_proto::{Input, StepInput};
use medley_step::{GroupDone, JobView, Planned, Recipe, Retryable, StepDraft, StepError};
use serde_json::{Map, Value};

use super::NewsParams;
use crate::{
    PortraitError,
    composition::Composition,
    recipe::{artifact, film, gather, say, script, script_id},
    step::{Clip, Mux, PortraitOutput, PortraitStep, Prepare, PrepareInputs, Script},
    worker::PortraitWorker,
};

/// The kind of job `news`: a script and a portrait become a clip. The recipe `S` speaks the script.
#[derive(Debug)]
pub struct NewsRecipe<S>(PhantomData<fn() -> S>);

/// The job's inputs, in order.
const SCRIPT: u32 = 0;
const PICTURE: u32 = 1;

impl<S: Recipe> Recipe for NewsRecipe<S> {
    const KIND: &'static str = "news";
    type Params = NewsParams;
    const ABOUT: &'static str = "Make a news clip: the person in a photo reads a script, with subtitles";
    const EXAMPLES: &'static str = "medley run news --portrait kafka.jpg script.md -o out\n\
        medley run news script.md kafka.jpg --aspect 9:16 --subtitles burnt --label 'AI generated' -o out\n\
        medley run news script.md kafka.jpg studio.jpg logo.png --background image --logo -o out";
    const INPUTS: std::ops::RangeInclusive<usize> = 2..=4;
    const INPUT_ROLES: &'static [&'static str] =
        &["the script", "the portrait", "the background picture (with --background image)", "the logo (with --logo)"];

    const TAKES_TEXT: bool = true;
    const NAMED_INPUTS: &'static [(&'static str, usize, &'static str)] =
        &[("portrait", PICTURE as usize, "The photo of who speaks; else it is the second input")];

    fn check(params: &Self::Params, inputs: &[Input]) -> Result<(), StepError> {
        params.portrait().check()?;
        let wrong = |what: String| Err(PortraitError::Params(what).into_step_error());
        if !(128..=2160).contains(&params.short_px) {
            return wrong("--short-px must lie between 128 and 2160".into());
        }
        let (background, logo) = params.pictures();
        let wanted = 2 + usize::from(background.is_some()) + usize::from(logo.is_some());
        if inputs.len() != wanted {
            let order = "a script, a portrait, then the background with --background image, then the logo with --logo";
            return wrong(format!("news takes {wanted} inputs here ({order}) and was given {}", inputs.len()));
        }
        Ok(())
    }

    fn start(_job: &JobView<'_, Self::Params>) -> Result<Planned, StepError> {
        script(StepInput::Job(SCRIPT), Script::Markdown)
    }

    fn next(job: &JobView<'_, Self::Params>, done: &GroupDone) -> Result<Planned, StepError> {
        if done.stage == "script" {
            return say::<S>(job.job, voice(&job.params, Some(done))?, Some(done))?.start();
        }
        let speaking = say::<S>(job.job, voice(&job.params, None)?, None)?;
        if speaking.owns(&done.stage) {
            return match speaking.next(done)? {
                Some(planned) => Ok(planned),
                None => prepare(job, done),
            };
        }
        match done.stage.as_str() {
            "prepare" => film(done, job.params.crf),
            "render" | "merge-1" => {
                let mux = Mux {
                    name: "clip.mp4".into(),
                    provenance: !job.params.no_provenance,
                    subtitles: Some(job.params.subtitles),
                };
                gather(done, &mux, StepInput::Artifact(artifact(done, "speech.wav")?))
            }
            _ => Ok(Planned::last()),
        }
    }
}

fn prepare(job: &JobView<'_, NewsParams>, spoken: &GroupDone) -> Result<Planned, StepError> {
    let params = &job.params;
    let mut inputs = vec![
        StepInput::Job(PICTURE),
        StepInput::Artifact(artifact(spoken, "speech.wav")?),
        StepInput::Artifact(artifact(spoken, "timing.json")?),
        StepInput::Output(script_id()),
    ];
    let mut also = |input: Option<u32>| {
        input.map(|input| {
            inputs.push(StepInput::Job(input));
            inputs.len() - 1
        })
    };
    let (background, logo) = params.pictures();
    let (background, logo) = (also(background), also(logo));
    let sources =
        PrepareInputs { picture: 0, sound: 1, timing: Some(2), script: Some(3), reference: None, background, logo };
    let stage = Composition { aspect: params.aspect, short_px: params.short_px, background: params.background };
    let clip = Clip { stage, subtitles: params.subtitles, lower_third: !params.no_lower_third };
    let step = PortraitStep::Prepare(Box::new(Prepare { portrait: params.portrait(), sources, clip: Some(clip) }));
    Ok(Planned::one(StepDraft::only::<PortraitWorker>("prepare", &step)?.inputs(inputs)))
}

/// Params of the speaking recipe: what the command line says, else the front matter.
fn voice(params: &NewsParams, script: Option<&GroupDone>) -> Result<Value, StepError> {
    let front = match script {
        Some(done) => done.output::<PortraitOutput>(0)?.script.unwrap_or_default(),
        None => Default::default(),
    };
    let mut spoken = Map::new();
    for (key, value) in
        [("voice", params.voice.clone().or(front.voice)), ("language", params.language.clone().or(front.language))]
    {
        spoken.extend(value.map(|value| (key.to_owned(), Value::String(value))));
    }
    Ok(Value::Object(spoken))
}
