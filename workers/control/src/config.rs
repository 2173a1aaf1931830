use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table `[control]` of `medley.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ControlConfig {
    /// A depth network of your own (ONNX, the contract of Depth-Anything-V2), used before those of the registry.
    pub depth_model: Option<PathBuf>,
    /// An M-LSD network (ONNX, [1, 4, H, W] to [1, 9, H/2, W/2]); without one, mlsd draws OpenCV's line segments.
    pub mlsd_model: Option<PathBuf>,
    /// A network for ADE20K's 150 classes (ONNX, [1, 3, H, W] to logits [1, 150, h, w]); without one, segmentation shows
    /// people.
    pub segmentation_model: Option<PathBuf>,
}
