use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use medley_assist::Assistant;
use medley_models::Models;
use medley_proto::{ErrorCode, Input, ModelUse};
use medley_step::{
    BuildContext, BuildError, GroupDone, JobView, Planned, Recipe, StepContext, StepError, Worker, recipe_of_one_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LookParams, LookSlots, Looker, Row, clip::Family, npy};

/// The table `[caption]` of `medley.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionConfig {
    /// The vision model that `--describe` asks.
    pub assist: medley_assist::Config,
    /// CLIP models of your own, by the name that `--model` gives.
    pub models: BTreeMap<String, OwnModel>,
    /// Text files with a label a line, by the name that `--labels` gives.
    pub banks: BTreeMap<String, PathBuf>,
}

/// Two ONNX towers to the contract of CLIP or one of its kin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnModel {
    /// Holds `visual.onnx` or `vision_model.onnx` ([N, 3, side, side] to [N, dim]), `textual.onnx` or `text_model.onnx`
    /// ([N, context] to [N, dim]), for SigLIP `spiece.model`, and for Chinese-CLIP, if it is another than the published
    /// one, `vocab.txt`.
    pub folder: PathBuf,
    /// Whose contract they keep: `clip`, `siglip` or `chinese-clip`.
    #[serde(default)]
    pub family: Family,
    /// The side of the image tower's input in px.
    #[serde(default = "usual_side")]
    pub side_px: u32,
    /// What cosines are multiplied by before they become probabilities (e to the power of the checkpoint's
    /// `logit_scale`); none: what the family's published model has.
    #[serde(default)]
    pub logit_scale: Option<f32>,
    /// What is added to them then, of SigLIP's family.
    #[serde(default)]
    pub logit_bias: Option<f32>,
}

impl OwnModel {
    /// CLIP's contract at 224 px.
    pub fn of_folder(folder: PathBuf) -> Self {
        Self { folder, family: Family::default(), side_px: usual_side(), logit_scale: None, logit_bias: None }
    }
}

fn usual_side() -> u32 {
    224
}

/// What was seen of one image: its row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaptionOutput {
    pub row: Row,
}

/// Lookers by their params: opening one loads models and, with a CLIP model, embeds its labels.
#[derive(Debug)]
pub struct Lookers {
    models: Models,
    config: CaptionConfig,
    assistant: Option<Arc<Assistant>>,
    slots: LookSlots,
    /// The one in use; other params replace it.
    open: Mutex<Option<(LookParams, Looker)>>,
}

impl Lookers {
    /// # Errors
    /// When the assistant's configuration cannot be used.
    pub fn new(config: &CaptionConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        let assistant = Assistant::new(&config.assist).map_err(|error| BuildError {
            code: ErrorCode::PARAMS_INVALID,
            message: format!("[caption.assist] cannot be used: {error}"),
            source: Some(Box::new(error)),
        })?;
        Ok(Self {
            models: Models::open(&cx.models_dir),
            config: config.clone(),
            assistant: assistant.map(Arc::new),
            slots: LookSlots { threads: cx.threads_per_slot(), calls: cx.slots.max(1) },
            open: Mutex::default(),
        })
    }

    /// The looker for these params.
    ///
    /// # Errors
    /// As [`Looker::open`].
    pub fn get(&self, params: &LookParams) -> Result<Looker, StepError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, looker)) = &*open
            && of == params
        {
            return Ok(looker.clone());
        }
        let looker = Looker::configured(&self.models, params, self.slots, &self.config)?;
        let looker = looker.assisted(self.assistant.clone())?;
        *open = Some((params.clone(), looker.clone()));
        Ok(looker)
    }

    /// The models that were loaded so far.
    pub fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}

/// The kind `caption`: one image.
#[derive(Debug)]
pub struct Caption {
    lookers: Lookers,
}

impl Worker for Caption {
    const KIND: &'static str = "caption";
    type Config = CaptionConfig;
    type Params = LookParams;
    type Output = CaptionOutput;

    fn build(config: CaptionConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { lookers: Lookers::new(&config, cx)? })
    }

    fn run(&self, params: LookParams, cx: &StepContext<'_>) -> Result<CaptionOutput, StepError> {
        let input = cx.input(0)?;
        cx.progress(0.0, 1.0, "images");
        let looker = self.lookers.get(&params)?;
        let seen = looker.look(&[(input.name.clone(), input.path.clone())], cx.host())?;
        let mut seen = seen.into_iter().next().ok_or_else(|| StepError::internal("one image has one answer"))?;
        // Alone, an image that cannot be read is the job's failure; in a library it is a row.
        if let Some(error) = seen.row.error {
            return Err(StepError::permanent(error.code, error.message));
        }
        seen.row.embedding = seen.embedding.as_ref().map(|_| 0);
        let mut line = serde_json::to_vec(&seen.row)?;
        line.push(b'\n');
        cx.publish("captions.jsonl", "application/jsonl", &line)?;
        cx.publish(&sidecar(&input.name), "text/plain; charset=utf-8", format!("{}\n", seen.row.caption).as_bytes())?;
        if let Some(vector) = &seen.embedding {
            cx.publish("embeddings.npy", "application/x-npy", &npy::matrix(std::slice::from_ref(vector)))?;
        }
        cx.quality("captioned_by", serde_json::to_value(seen.row.captioned_by)?);
        cx.quality("tags", seen.row.tags.len());
        cx.progress(1.0, 1.0, "images");
        Ok(CaptionOutput { row: seen.row })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.lookers.models()
    }
}

/// The name of an image's caption file, as trainers look for it: the image's with `.txt` for its extension.
fn sidecar(name: &str) -> String {
    let name = Path::new(name);
    let stem = name.file_stem().or(name.file_name()).unwrap_or_default().to_string_lossy();
    format!("{}.txt", if stem.is_empty() { "caption".into() } else { stem })
}

impl Recipe for Caption {
    const KIND: &'static str = "caption";
    type Params = LookParams;
    const ABOUT: &'static str =
        "Say what an image shows: a caption, text, people, colours; with CLIP tags and an embedding";
    const EXAMPLES: &'static str = "medley run caption photo.jpg -o out\n\
        medley run caption photo.jpg --model clip-vit-base-patch32 --own-labels cat,dog,car -o out";

    fn check(params: &LookParams, _inputs: &[Input]) -> Result<(), StepError> {
        Ok(params.check()?)
    }

    fn start(job: &JobView<'_, LookParams>) -> Result<Planned, StepError> {
        recipe_of_one_step::<Self>(job)
    }

    fn next(_job: &JobView<'_, LookParams>, _done: &GroupDone) -> Result<Planned, StepError> {
        Ok(Planned::last())
    }
}
