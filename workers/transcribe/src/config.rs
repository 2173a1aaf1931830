use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table `[transcribe]` of `medley.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TranscribeConfig {
    /// Decode in whisper.cpp and not on ONNX Runtime, where both can: less than half as fast.
    pub whisper_cpp: bool,
    /// The helper model that sums up episodes; the table `[assist]` unless this one is set.
    pub assist: medley_assist::Config,
}
