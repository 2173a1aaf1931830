//! How a sentence is spoken: which voices, how fast, how high and how loud.

use serde::{Deserialize, Serialize};

use crate::voices::Voices;

/// How a sentence is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    // Scripts that an older version planned have the voice of English alone.
    #[serde(alias = "english")]
    pub voices: Voices,
    /// 1 is the voice's own pace, 2 twice as fast.
    pub rate: f32,
    /// 1 is the voice's own pitch.
    pub pitch: f32,
    /// Added to the common level.
    pub volume_db: f32,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { voices: Voices::default(), rate: 1.0, pitch: 1.0, volume_db: 0.0 }
    }
}
