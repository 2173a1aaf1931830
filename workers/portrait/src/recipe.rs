use std::marker::PhantomData;

use medley_proto::{Artifact, Input, Job, Name, Source, StepId, StepInput, Transcript};
use medley_step::{GroupDone, JobView, Nested, Planned, Recipe, StepDraft, StepError};
use serde_json::json;

use crate::{
    params::{Engine, Lips, PortraitParams},
    step::{FILM, Join, Mux, PortraitOutput, PortraitStep, Prepare, PrepareInputs, Render, Script},
    worker::PortraitWorker,
};

/// The kind of job `portrait`: a photo and a voice, and where there is one the voice's `timing.json`. Without it the
/// recording is first transcribed (by the recipe `T`) and its words spoken by a synthetic voice (by the recipe `S`), whose
/// phoneme times are then carried over.
#[derive(Debug)]
pub struct PortraitRecipe<T, S>(PhantomData<fn() -> (T, S)>);

/// The job's inputs, in order.
const PICTURE: u32 = 0;
const SOUND: u32 = 1;
const TIMING: u32 = 2;

/// Stages of the recipes inside are called `hear-…` and `say-…`.
const HEAR: &str = "hear";
pub(crate) const SAY: &str = "say";

impl<T: Recipe, S: Recipe> Recipe for PortraitRecipe<T, S> {
    const KIND: &'static str = "portrait";
    type Params = PortraitParams;
    const ABOUT: &'static str = "Make the person in a photo speak what is heard in a recording";
    const EXAMPLES: &'static str = "medley run portrait kafka.jpg voice.wav -o out\n\
        medley run portrait kafka.jpg speech.wav timing.json --framing head --still -o out";
    const INPUTS: std::ops::RangeInclusive<usize> = 2..=3;
    const INPUT_ROLES: &'static [&'static str] =
        &["the photo", "the speech", "the timing.json of `speak` (if it is there)"];

    fn check(params: &Self::Params, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, Self::Params>) -> Result<Planned, StepError> {
        if job.job.inputs.len() > TIMING as usize {
            let sources = PrepareInputs { picture: 0, sound: 1, timing: Some(2), ..PrepareInputs::default() };
            return prepare(job, sources, [PICTURE, SOUND, TIMING].map(StepInput::Job));
        }
        if job.params.lips == Lips::Sound || job.params.engine == Engine::Wav2lip {
            return from_sound(job);
        }
        hear::<T>(job.job).start()
    }

    fn next(job: &JobView<'_, Self::Params>, done: &GroupDone) -> Result<Planned, StepError> {
        let params = &job.params;
        if hear::<T>(job.job).owns(&done.stage) {
            return match hear::<T>(job.job).next(done)? {
                Some(planned) => Ok(planned),
                None => script(StepInput::Artifact(artifact(done, "transcript.json")?), Script::Transcript),
            };
        }
        if done.stage == "script" {
            if !can_be_said(done.output::<PortraitOutput>(0)?.transcript.as_ref()) {
                return from_sound(job);
            }
            return say::<S>(job.job, json!({}), Some(done))?.start();
        }
        if say::<S>(job.job, json!({}), None)?.owns(&done.stage) {
            if let Some(planned) = say::<S>(job.job, json!({}), None)?.next(done)? {
                return Ok(planned);
            }
            let [speech, timing] = ["speech.wav", "timing.json"].map(|name| artifact(done, name));
            let sources = PrepareInputs {
                picture: 0,
                sound: 1,
                script: Some(2),
                reference: Some((3, 4)),
                ..PrepareInputs::default()
            };
            let inputs = [
                StepInput::Job(PICTURE),
                StepInput::Job(SOUND),
                StepInput::Output(script_id()),
                StepInput::Artifact(speech?),
                StepInput::Artifact(timing?),
            ];
            return prepare(job, sources, inputs);
        }
        match done.stage.as_str() {
            "prepare" => film(done, params.crf),
            "render" | "merge-1" => {
                let mux = Mux { name: "video.mp4".into(), provenance: !params.no_provenance, subtitles: None };
                gather(done, &mux, StepInput::Job(SOUND))
            }
            _ => Ok(Planned::last()),
        }
    }
}

/// Languages that the voices which speak the words once more can read.
const SPOKEN: [&str; 2] = ["en", "zh"];

/// Whether a voice can say what was heard. Music, silence and other languages are left to the sound.
fn can_be_said(transcript: Option<&Transcript>) -> bool {
    transcript
        .is_some_and(|heard| SPOKEN.contains(&heard.language.as_str()) && heard.text.chars().any(char::is_alphanumeric))
}

/// The lips follow the sound alone.
fn from_sound(job: &JobView<'_, PortraitParams>) -> Result<Planned, StepError> {
    let sources = PrepareInputs { picture: 0, sound: 1, ..PrepareInputs::default() };
    prepare(job, sources, [PICTURE, SOUND].map(StepInput::Job))
}

fn prepare(
    job: &JobView<'_, PortraitParams>,
    sources: PrepareInputs,
    inputs: impl IntoIterator<Item = StepInput>,
) -> Result<Planned, StepError> {
    let step = PortraitStep::Prepare(Box::new(Prepare { portrait: job.params.clone(), sources, clip: None }));
    Ok(Planned::one(StepDraft::only::<PortraitWorker>("prepare", &step)?.inputs(inputs)))
}

fn hear<T: Recipe>(job: &Job) -> Nested<T> {
    let sound = job.inputs.get(SOUND as usize).cloned();
    let inputs = sound.into_iter().map(|sound| (sound, Some(StepInput::Job(SOUND)))).collect();
    // A recording in which nobody speaks still moves the lips.
    Nested::new(job, HEAR, json!({"silence": "empty"}), inputs)
}

/// Speaking the text of the script step, whose result is at hand only right after it.
pub(crate) fn say<S: Recipe>(
    job: &Job,
    params: serde_json::Value,
    script: Option<&GroupDone>,
) -> Result<Nested<S>, StepError> {
    let text = script.map(|done| artifact(done, "script.md").or_else(|_| artifact(done, "script.txt"))).transpose()?;
    let seen = Input {
        name: text.as_ref().map_or_else(|| "script.txt".into(), |text| text.name.clone()),
        source: Source::Stored(
            text.as_ref().map(|text| format!("artifacts/{}/{}", text.sha256, text.name)).unwrap_or_default(),
        ),
        sha256: text.as_ref().map(|text| text.sha256),
        bytes: text.as_ref().map(|text| text.bytes),
        media_type: text.as_ref().map(|text| text.media_type.clone()),
    };
    Ok(Nested::new(job, SAY, params, vec![(seen, text.map(StepInput::Artifact))]))
}

/// The step that takes a script or a transcript apart.
pub(crate) fn script(input: StepInput, how: Script) -> Result<Planned, StepError> {
    Ok(Planned::one(StepDraft::only::<PortraitWorker>("script", &PortraitStep::Script(how))?.input(input)))
}

pub(crate) fn script_id() -> StepId {
    StepId::new(Name::from_static("script"), 0, 0)
}

/// The render steps that follow from a prepare step.
pub(crate) fn film(prepared: &GroupDone, crf: u32) -> Result<Planned, StepError> {
    const DRAWN_FROM: [&str; 3] = ["scene.json", "scene.png", "motion.f32"];
    let PortraitOutput { frames, fps, parts, .. } = prepared.output(0)?;
    let drawn_from = DRAWN_FROM.map(|name| artifact(prepared, name));
    let mut inputs = drawn_from.into_iter().collect::<Result<Vec<_>, _>>()?;
    inputs.extend(others(prepared, &DRAWN_FROM));
    let steps = (0..parts)
        .map(|n| {
            let at = |n: u32| frames * n as usize / parts.max(1) as usize;
            let step = PortraitStep::Render(Render { from: at(n), to: at(n + 1), parts, crf });
            let inputs = inputs.iter().cloned().map(StepInput::Artifact);
            Ok(StepDraft::nth::<PortraitWorker>("render", n, parts, &step)?.inputs(inputs))
        })
        .collect::<Result<Vec<_>, StepError>>()?;
    Ok(Planned::many(steps).work(frames as f64 / f64::from(fps.max(1)), "s of film"))
}

/// What follows from a finished group of films: with one group the mux, with several a join for each, then the mux.
pub(crate) fn gather(done: &GroupDone, mux: &Mux, sound: StepInput) -> Result<Planned, StepError> {
    let parts = done.output::<PortraitOutput>(0)?.parts;
    let films = done.results.iter().flat_map(|result| result.artifacts.iter().filter(|a| a.name == FILM));
    let films = films.cloned().map(StepInput::Artifact);
    let scene = StepInput::Artifact(artifact(done, "scene.json")?);
    let handed_on = others(done, &[FILM, "scene.json"]).map(StepInput::Artifact);
    if done.stage == "render" && parts > GroupDone::MAX {
        let step = PortraitStep::Join(Join { parts });
        let draft = StepDraft::nth::<PortraitWorker>("merge-1", done.group, parts.div_ceil(GroupDone::MAX), &step)?;
        return Ok(Planned::one(draft.input(scene).inputs(films).inputs(handed_on)));
    }
    let draft = StepDraft::only::<PortraitWorker>("mux", &PortraitStep::Mux(mux.clone()))?;
    Ok(Planned::one(draft.input(sound).input(scene).inputs(films).inputs(handed_on)))
}

/// An artifact of a group's first step.
pub(crate) fn artifact(done: &GroupDone, name: &str) -> Result<Artifact, StepError> {
    let first = done.results.first().into_iter().flat_map(|result| &result.artifacts);
    let found = first.into_iter().find(|artifact| artifact.name == name);
    found.cloned().ok_or_else(|| StepError::internal(format!("stage {} left no {name}", done.stage)))
}

/// The other artifacts of a group's first step.
fn others<'a>(done: &'a GroupDone, but: &'a [&str]) -> impl Iterator<Item = Artifact> + 'a {
    let first = done.results.first().into_iter().flat_map(|result| &result.artifacts);
    first.filter(move |artifact| !but.contains(&artifact.name.as_str())).cloned()
}
