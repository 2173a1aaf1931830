//! The params of the kind `news`: a script and a portrait become a clip with subtitles.

use medley_step::{Retryable, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    PortraitError,
    composition::{Aspect, Background, Composition},
    params::PortraitParams,
    step::{Clip, Subtitles},
};

/// The index of the job's first picture after the portrait.
const BACKGROUND: usize = 2;

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
    /// Refuses what no step could use, and a number of inputs that does not fit.
    ///
    /// # Errors
    /// `params_invalid`.
    pub fn check(&self, inputs: usize) -> Result<(), StepError> {
        self.portrait().check()?;
        let wrong = |what: String| Err(PortraitError::Params(what).into_step_error());
        if !(128..=2160).contains(&self.short_px) {
            return wrong("--short-px must lie between 128 and 2160".into());
        }
        let (background, logo) = self.pictures();
        let wanted = 2 + usize::from(background.is_some()) + usize::from(logo.is_some());
        if inputs != wanted {
            let order = "a script, a portrait, then the background with --background image, then the logo with --logo";
            return wrong(format!("news takes {wanted} inputs here ({order}) and was given {inputs}"));
        }
        Ok(())
    }

    /// What makes the portrait a news clip.
    pub fn clip(&self) -> Clip {
        let stage = Composition { aspect: self.aspect, short_px: self.short_px, background: self.background };
        Clip { stage, subtitles: self.subtitles, lower_third: !self.no_lower_third }
    }

    /// How the portrait is made.
    pub fn portrait(&self) -> PortraitParams {
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
    pub fn pictures(&self) -> (Option<usize>, Option<usize>) {
        let background = (self.background == Background::Image).then_some(BACKGROUND);
        let logo = self.logo.then_some(if background.is_some() { BACKGROUND + 1 } else { BACKGROUND });
        (background, logo)
    }
}
