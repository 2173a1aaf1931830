//! The steps of a clip: prepare (find the face, plan the movement), render (at most ten seconds of film each, side by
//! side), join (sixty-four films into one), mux (film and sound into the finished file).

mod mux;
mod prepare;
mod render;
mod script;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use medley_models::{Models, Session, SessionOptions};
use medley_proto::{ModelUse, Transcript};
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PortraitError, params::PortraitParams, scene::Eyesight, script::FrontMatter, stage::Stage};

/// A part of a film, as render and join leave it: H.264, annex B.
pub(crate) const FILM: &str = "film.h264";
const FILM_TYPE: &str = "video/h264";

/// What one step is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    Script(Script),
    Prepare(Box<Prepare>),
    Render(Render),
    Join(Join),
    Mux(Mux),
}

/// Takes the only input apart and leaves the text that is spoken, as `script.md` or `script.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// A script with front matter.
    Markdown,
    /// A `transcript.json`.
    Transcript,
}

/// Finds the face and plans the clip. Leaves `scene.json`, `scene.png`, `motion.f32`; for a news clip also
/// `poster.jpg`, `speech.wav` and `logo.png`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    pub portrait: PortraitParams,
    pub sources: Sources,
    #[serde(default)]
    pub clip: Option<Clip>,
}

/// What makes a portrait a news clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    pub stage: Stage,
    pub subtitles: Subtitles,
    /// Show who speaks, and of what, for the first seconds.
    pub lower_third: bool,
}

/// Where the words of a clip are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subtitles {
    /// A track that the player shows or hides.
    #[default]
    Soft,
    /// In the picture.
    Burnt,
    /// Only in the files beside the clip.
    None,
}

/// Which input of the step is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sources {
    pub picture: usize,
    pub sound: usize,
    /// A `timing.json` of the sound.
    pub timing: Option<usize>,
    /// The output of the script step.
    pub script: Option<usize>,
    /// Synthetic speech of the same words and its `timing.json`.
    pub reference: Option<(usize, usize)>,
    /// A picture behind the photo.
    pub background: Option<usize>,
    pub logo: Option<usize>,
}

/// Renders frames `from..to`; inputs are `scene.json`, `scene.png`, `motion.f32`, and what is handed on besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Render {
    pub from: usize,
    pub to: usize,
    /// How many render steps the clip has.
    pub parts: u32,
    pub crf: u32,
}

/// Lays the inputs called `film.h264` end to end and hands on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub parts: u32,
}

/// Makes the file; inputs are the sound, `scene.json`, the films in order, and what is handed on besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mux {
    /// What the file is called.
    pub name: String,
    /// Mark the file as synthetic media.
    pub provenance: bool,
    /// A track of subtitles in the file, and files of them beside it; none for a plain portrait.
    pub subtitles: Option<Subtitles>,
}

/// What a step tells the recipe.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Done {
    /// Of the whole clip after prepare, of this film after render.
    pub frames: usize,
    pub fps: u32,
    /// How many render steps the clip has.
    pub parts: u32,
    /// After script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<FrontMatter>,
    /// After script, of a transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
}

/// Settings of the machine's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortraitConfig {
    /// The longest sound that is taken, in seconds.
    pub most_sound_s: u32,
    /// An ONNX file of Wav2Lip's contract for the engine `wav2lip`, instead of the registry's `wav2lip-gan-96`.
    pub wav2lip_model: Option<PathBuf>,
}

impl Default for PortraitConfig {
    fn default() -> Self {
        Self { most_sound_s: 2 * 3600, wav2lip_model: None }
    }
}

/// The worker of the kind `portrait`.
#[derive(Debug)]
pub struct Portrait {
    config: PortraitConfig,
    models: Models,
    parallel: usize,
    eyesight: Mutex<Option<Arc<Eyesight>>>,
}

impl Portrait {
    fn eyesight(&self) -> Result<Arc<Eyesight>, PortraitError> {
        let mut eyesight = self.eyesight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(eyesight) = &*eyesight {
            return Ok(eyesight.clone());
        }
        let options = SessionOptions { threads: 1, parallel: self.parallel };
        let opened = Arc::new(Eyesight::open(&self.models, options)?);
        *eyesight = Some(opened.clone());
        Ok(opened)
    }

    fn wav2lip(&self, threads: usize) -> Result<Session, PortraitError> {
        let options = SessionOptions { threads, parallel: self.parallel };
        Ok(match &self.config.wav2lip_model {
            Some(path) => self.models.session_at(path, options)?,
            None => self.models.session("wav2lip-gan-96", "wav2lip.onnx", options)?,
        })
    }
}

impl Worker for Portrait {
    const KIND: &'static str = "portrait";
    type Config = PortraitConfig;
    type Params = Act;
    type Output = Done;

    fn build(config: Self::Config, cx: &BuildContext) -> Result<Self, BuildError> {
        let models = Models::open(&cx.models_dir);
        Ok(Self { config, models, parallel: cx.slots, eyesight: Mutex::new(None) })
    }

    fn run(&self, params: Self::Params, cx: &StepContext<'_>) -> Result<Self::Output, StepError> {
        match params {
            Act::Script(script) => script::run(script, cx),
            Act::Prepare(prepare) => prepare::run(self, &prepare, cx),
            Act::Render(render) => render::run(self, render, cx),
            Act::Join(join) => mux::join(join, cx),
            Act::Mux(mux) => mux::run(&mux, cx),
        }
    }

    fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}
