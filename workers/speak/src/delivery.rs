//! How a sentence is spoken: which voice, how fast, how high and how loud.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An English voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnglishVoice {
    /// A woman, 24 kHz: the clearest and by far the fastest.
    #[default]
    Hibari,
    /// A man, 22.05 kHz (Piper).
    Joe,
}

/// How a sentence is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    pub english: EnglishVoice,
    /// 1 is the voice's own pace, 2 twice as fast.
    pub rate: f32,
    /// 1 is the voice's own pitch.
    pub pitch: f32,
    /// Added to the common level.
    pub volume_db: f32,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { english: EnglishVoice::default(), rate: 1.0, pitch: 1.0, volume_db: 0.0 }
    }
}
