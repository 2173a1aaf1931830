//! The steps of a clip: prepare (find the face, plan the movement), render (at most ten seconds of film each, side by
//! side), join (sixty-four films into one), mux (film and sound into the finished file).

mod mux;
mod prepare;
mod render;

use medley_models::{Models, SessionOptions};
use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError, Arc};

use crate::{PortraitError, params::PortraitParams, scene::Eyesight};

/// What one step is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    Prepare(Prepare),
    Render(Render),
    Join,
    Mux(Mux),
}

/// Finds the face and plans the clip. Leaves `scene.json`, `scene.png` and `motion.f32`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    pub portrait: PortraitParams,
    pub sources: Sources,
}

/// Which input of the step is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sources {
    pub picture: usize,
    pub sound: usize,
    /// A `timing.json` of the sound.
    pub timing: Option<usize>,
    /// A `transcript.json` of the sound.
    pub transcript: Option<usize>,
    /// Synthetic speech of the same words and its `timing.json`.
    pub reference: Option<(usize, usize)>,
}

/// Renders frames `from..to`; inputs are the three artifacts of the prepare step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Render {
    pub from: usize,
    pub to: usize,
    /// How many render steps the clip has.
    pub parts: u32,
    pub crf: u32,
}

/// Makes the file; inputs are the sound, `scene.json`, then the films in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mux {
    pub portrait: PortraitParams,
    /// What the file is called.
    pub name: String,
}

/// What a step tells the recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// Of the whole clip after prepare, of this film after render.
    pub frames: usize,
    pub fps: u32,
    /// How many render steps the clip has.
    pub parts: u32,
}

/// Settings of the machine's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortraitConfig {
    /// The longest sound that is taken, in seconds.
    pub most_sound_s: u32,
}

impl Default for PortraitConfig {
    fn default() -> Self {
        Self { most_sound_s: 2 * 3600 }
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
            Act::Prepare(prepare) => prepare::run(self, &prepare, cx),
            Act::Render(render) => render::run(self, render, cx),
            Act::Join => mux::join(cx),
            Act::Mux(mux) => mux::run(&mux, cx),
        }
    }

    fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}
