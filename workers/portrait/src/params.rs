use medley_step::{Retryable, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PortraitError;

/// What the lips follow when no `timing.json` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lips {
    /// The words, which are transcribed first; the sound where there are none, or none that a voice here can say
    #[default]
    Words,
    /// The sound alone: quicker, for any language, and closed lips are missed
    Sound,
}

/// What draws the speaking face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The photo itself, warped over a face mesh
    #[default]
    Mesh,
    /// The network Wav2Lip, whose published weights are for research only: `medley models pull --unpinned
    /// wav2lip-gan-96`; the head is still
    Wav2lip,
}

/// How much of the photo the clip shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// All of it, at its own resolution up to `max_px`.
    #[default]
    Picture,
    /// A square about the head.
    Head,
}

/// How a portrait speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortraitParams {
    /// Which face speaks when the photo shows several, from 1: the largest is 1
    pub face: u32,
    /// The mouth alone moves: no turns of the head, no blinks, no brows
    pub still: bool,
    /// How far the head moves, 0 to 2
    pub head_motion: f64,
    /// How far the brows move, 0 to 2
    pub brows: f64,
    /// What the lips follow when no timing is given
    pub lips: Lips,
    /// What draws the speaking face
    pub engine: Engine,
    /// Frames a second: 24, 25, 30, 50 or 60
    pub fps: u32,
    /// Show the whole picture, or a square about the head
    pub framing: Framing,
    /// The longest side of the clip when it shows the whole picture, in pixels
    pub max_px: u32,
    /// The side of the clip when it shows the head, in pixels
    pub head_px: u32,
    /// H.264's constant rate factor: 18 is nearly the original, 28 small
    pub crf: u32,
    /// A line shown in the picture for as long as it lasts, such as "AI generated"
    pub label: Option<String>,
    /// Who agreed to the use of this likeness, and when; kept in the manifest and in the file's metadata
    pub consent: Option<String>,
    /// Leave out the metadata that marks the file as synthetic media
    pub no_provenance: bool,
}

impl Default for PortraitParams {
    fn default() -> Self {
        Self {
            face: 1,
            still: false,
            head_motion: 1.0,
            brows: 1.0,
            lips: Lips::Words,
            engine: Engine::Mesh,
            fps: 25,
            framing: Framing::Picture,
            max_px: 1920,
            head_px: 512,
            crf: 20,
            label: None,
            consent: None,
            no_provenance: false,
        }
    }
}

impl PortraitParams {
    /// Refuses what no step could do.
    ///
    /// # Errors
    /// `params_invalid`, with the param's name and range.
    pub fn check(&self) -> Result<(), StepError> {
        let wrong = |what: &str| Err(PortraitError::Params(what.into()).into_step_error());
        if self.face == 0 {
            return wrong("--face counts from 1");
        }
        if ![24, 25, 30, 50, 60].contains(&self.fps) {
            return wrong("--fps must be 24, 25, 30, 50 or 60");
        }
        if !(0.0..=2.0).contains(&self.head_motion) || !(0.0..=2.0).contains(&self.brows) {
            return wrong("--head-motion and --brows must lie between 0 and 2");
        }
        if !(64..=3840).contains(&self.max_px) || !(64..=2160).contains(&self.head_px) {
            return wrong("--max-px must lie between 64 and 3840, --head-px between 64 and 2160");
        }
        if !(10..=40).contains(&self.crf) {
            return wrong("--crf must lie between 10 and 40");
        }
        if self.label.as_ref().is_some_and(|label| label.chars().count() > 80) {
            return wrong("--label may have at most 80 characters");
        }
        Ok(())
    }
}
