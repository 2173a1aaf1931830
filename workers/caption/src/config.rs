use std::{collections::BTreeMap, path::PathBuf};

use medley_clip::OwnModel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
