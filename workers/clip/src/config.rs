use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Family;

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
    #[serde(default = "default_side_px")]
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
        Self { folder, family: Family::default(), side_px: default_side_px(), logit_scale: None, logit_bias: None }
    }
}

fn default_side_px() -> u32 {
    224
}
