use std::marker::PhantomData;

use medley_proto::{Input, StepInput};
use medley_step::{GroupDone, JobView, Planned, Recipe, Retryable, StepDraft, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    PortraitError,
    params::PortraitParams,
    recipe::{artifact, film, gather, say, script, script_id},
    stage::{Aspect, Background, Stage},
    steps::{Act, Clip, Mux, Portrait, Prepare, Script, Sources, Subtitles},
};

/// How a news clip is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewsParams {
    /// The shape of the clip
    pub aspect: Aspect,
    /// The clip's shorter side in pixels: 1080, 720, 480
    pub short_px: u32,
    /// What stands behind a photo that does not fill the clip; `image` takes the third input
    pub background: Background,
    /// The last input is a logo, shown at the top right
    pub logo: bool,
    /// Leave out the panel that says who speaks, and of what, in the first seconds
    pub no_lower_third: bool,
    /// Where the words are read
    pub subtitles: Subtitles,
    /// The voice: `medley schema speak` tells which there are; the script's front matter may name one as well
    pub voice: Option<String>,
    /// The language of the script, as ISO 639-1; found by itself when neither this nor the front matter says it
    pub language: Option<String>,
    /// Which face speaks when the photo shows several, from 1: the largest is 1
    pub face: u32,
    /// The mouth alone moves: no turns of the head, no blinks, no brows
    pub still: bool,
    /// How far the head moves, 0 to 2
    pub head_motion: f64,
    /// Frames a second: 24, 25, 30, 50 or 60
    pub fps: u32,
    /// H.264's constant rate factor: 18 is nearly the original, 28 small
    pub crf: u32,
    /// A line shown in the picture for as long as it lasts, such as "AI generated"
    pub label: Option<String>,
    /// Who agreed to the use of this likeness, and when; kept in the manifest and in the file's metadata
    pub consent: Option<String>,
    /// Leave out the metadata that marks the file as synthetic media
    pub no_provenance: bool,
}

impl Default for NewsParams {
    fn default() -> Self {
        let portrait = PortraitParams::default();
        Self {
            aspect: Aspect::Wide,
            short_px: 1080,
            background: Background::Blur,
            logo: false,
            no_lower_third: false,
            subtitles: Subtitles::Soft,
            voice: None,
            language: None,
            face: portrait.face,
            still: false,
            head_motion: portrait.head_motion,
            fps: portrait.fps,
            crf: portrait.crf,
            label: None,
            consent: None,
            no_provenance: false,
        }
    }
}

impl NewsParams {
    fn portrait(&self) -> PortraitParams {
        PortraitParams {
            face: self.face,
            still: self.still,
            head_motion: self.head_motion,
            fps: self.fps,
            crf: self.crf,
            label: self.label.clone(),
            consent: self.consent.clone(),
            no_provenance: self.no_provenance,
            ..PortraitParams::default()
        }
    }

    /// Where background and logo stand among the inputs.
    fn pictures(&self) -> (Option<u32>, Option<u32>) {
        let background = (self.background == Background::Image).then_some(BACKGROUND);
        let logo = self.logo.then_some(if background.is_some() { BACKGROUND + 1 } else { BACKGROUND });
        (background, logo)
    }
}

/// The kind of job `news`: a script and a portrait become a clip. The recipe `S` speaks the script.
#[derive(Debug)]
pub struct NewsRecipe<S>(PhantomData<fn() -> S>);

/// The job's inputs, in order.
const SCRIPT: u32 = 0;
const PICTURE: u32 = 1;
const BACKGROUND: u32 = 2;

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
    let sources = Sources { picture: 0, sound: 1, timing: Some(2), script: Some(3), reference: None, background, logo };
    let stage = Stage { aspect: params.aspect, short_px: params.short_px, background: params.background };
    let clip = Clip { stage, subtitles: params.subtitles, lower_third: !params.no_lower_third };
    let step = Act::Prepare(Box::new(Prepare { portrait: params.portrait(), sources, clip: Some(clip) }));
    Ok(Planned::one(StepDraft::only::<Portrait>("prepare", &step)?.inputs(inputs)))
}

/// Params of the speaking recipe: what the command line says, else the front matter.
fn voice(params: &NewsParams, script: Option<&GroupDone>) -> Result<Value, StepError> {
    let front = match script {
        Some(done) => done.output::<crate::steps::Done>(0)?.script.unwrap_or_default(),
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
