use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    composition::{Aspect, Background},
    params::PortraitParams,
    step::Subtitles,
};

/// The index of the job's first picture after the portrait.
const BACKGROUND: u32 = 2;

/// How a news clip is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewsParams {
    /// The shape of the clip
    pub aspect: Aspect,
    /// The clip's shorter side in pixels: 1080, 720, 480
    pub short_px: u32,
    /// What stands behind a photo that does not fill the clip; `image` takes the third input
    pub background: Background,
    /// The last input is a logo, shown at the top right
    pub logo: bool,
    /// Leave out the panel that says who speaks, and of what, in the first seconds
    pub no_lower_third: bool,
    /// Where the words are read
    pub subtitles: Subtitles,
    /// The voice: `medley schema speak` tells which there are; the script's front matter may name one as well
    pub voice: Option<String>,
    /// The language of the script, as ISO 639-1; found by itself when neither this nor the front matter says it
    pub language: Option<String>,
    /// Which face speaks when the photo shows several, from 1: the largest is 1
    pub face: u32,
    /// The mouth alone moves: no turns of the head, no blinks, no brows
    pub still: bool,
    /// How far the head moves, 0 to 2
    pub head_motion: f64,
    /// Frames a second: 24, 25, 30, 50 or 60
    pub fps: u32,
    /// H.264's constant rate factor: 18 is nearly the original, 28 small
    pub crf: u32,
    /// A line shown in the picture for as long as it lasts, such as "AI generated"
    pub label: Option<String>,
    /// Who agreed to the use of this likeness, and when; kept in the manifest and in the file's metadata
    pub consent: Option<String>,
    /// Leave out the metadata that marks the file as synthetic media
    pub no_provenance: bool,
}

impl Default for NewsParams {
    fn default() -> Self {
        let portrait = PortraitParams::default();
        Self {
            aspect: Aspect::Wide,
            short_px: 1080,
            background: Background::Blur,
            logo: false,
            no_lower_third: false,
            subtitles: Subtitles::Soft,
            voice: None,
            language: None,
            face: portrait.face,
            still: false,
            head_motion: portrait.head_motion,
            fps: portrait.fps,
            crf: portrait.crf,
            label: None,
            consent: None,
            no_provenance: false,
        }
    }
}

impl NewsParams {
    pub(crate) fn portrait(&self) -> PortraitParams {
        PortraitParams {
            face: self.face,
            still: self.still,
            head_motion: self.head_motion,
            fps: self.fps,
            crf: self.crf,
            label: self.label.clone(),
            consent: self.consent.clone(),
            no_provenance: self.no_provenance,
            ..PortraitParams::default()
        }
    }

    /// Where background and logo stand among the inputs.
    pub(crate) fn pictures(&self) -> (Option<u32>, Option<u32>) {
        let background = (self.background == Background::Image).then_some(BACKGROUND);
        let logo = self.logo.then_some(if background.is_some() { BACKGROUND + 1 } else { BACKGROUND });
        (background, logo)
    }
}
