use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table `[speak]` of `medley.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpeakConfig {
    /// A CSV file of words and how they are said, for every job of this machine; a job's own lexicon comes first.
    pub lexicon: Option<PathBuf>,
}
