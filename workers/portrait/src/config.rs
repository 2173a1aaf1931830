use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table `[portrait]` of `medley.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortraitConfig {
    /// The longest sound that is accepted, in seconds.
    #[serde(alias = "most_sound_s")]
    pub max_sound_s: u32,
    /// An ONNX file of Wav2Lip's contract for the engine `wav2lip`, instead of the registry's `wav2lip-gan-96`.
    pub wav2lip_model: Option<PathBuf>,
}

impl Default for PortraitConfig {
    fn default() -> Self {
        Self { max_sound_s: 2 * 3600, wav2lip_model: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_name_of_a_key_still_works() {
        let config: PortraitConfig = serde_json::from_str(r#"{"max_sound_s":60}"#).unwrap();
        assert_eq!(config, PortraitConfig { max_sound_s: 60, ..PortraitConfig::default() });
    }
}
