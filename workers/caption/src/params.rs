use medley_clip::MAX_LABELS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::CaptionError;

/// What is asked of each image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionParams {
    /// The CLIP model that tags, captions and embeds: of the registry (`clip-vit-base-patch32`, `siglip-base-patch16-224`,
    /// `chinese-clip-vit-base-patch16`, …) or of `[caption.models]`.
    /// Without one the caption is composed of what a detector and a classifier see.
    pub model: Option<String>,
    /// What tags are taken from: `photo` (a taxonomy of photographs), `imagenet` (1,000 things), or a file named in
    /// `[caption.banks]`. Needs a CLIP model.
    pub labels: String,
    /// Labels of your own instead of a bank.
    pub own_labels: Vec<String>,
    /// Seven prompts for each label, averaged, instead of one: a little better, seven times the start-up.
    pub ensemble: bool,
    /// The most tags of an image, 0 to 100.
    pub max_tags: u32,
    /// A tag needs at least this probability, 0 to 1: among all labels, or of SigLIP's family by itself.
    pub tag_threshold: f32,
    /// Divides the model's similarities before they become probabilities; above 1 is less sure.
    pub temperature: f32,
    /// Name the things in the image and where it is: caption, tags, boxes and, without a CLIP model, an embedding.
    pub objects: bool,
    /// Look for things with CenterNet too: finds more small ones. Its weights come by `medley models pull centernet`; their
    /// author names no licence.
    pub second_detector: bool,
    /// Say only what is surer than usual.
    pub caption_sure: bool,
    /// The language of captions and tags: `en`, `zh`. CLIP models and the vision model have their own.
    pub caption_language: Language,
    /// Read the text in the image.
    pub text: bool,
    /// Count people, faces and poses.
    pub people: bool,
    /// Score how likely the image is not safe for work.
    pub nsfw: bool,
    /// Leave camera, time and place out.
    pub strip_exif: bool,
    /// Ask the vision model of `[caption.assist]` for the caption; when it fails, the caption is made without it.
    pub describe: bool,
    /// Words that start every caption, for training sets: `sks dog`.
    pub trigger: Option<String>,
    /// The longer side of the thumbnail in px, 0 for none, at most 1024.
    pub thumbnail_px: u32,
}

/// A language that sentences are composed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    Zh,
}

impl Default for CaptionParams {
    fn default() -> Self {
        Self {
            model: None,
            labels: "photo".into(),
            own_labels: Vec::new(),
            ensemble: true,
            max_tags: 10,
            tag_threshold: 0.05,
            temperature: 1.0,
            objects: true,
            second_detector: false,
            caption_sure: false,
            caption_language: Language::En,
            text: true,
            people: true,
            nsfw: true,
            strip_exif: false,
            describe: false,
            trigger: None,
            thumbnail_px: 0,
        }
    }
}

impl CaptionParams {
    /// # Errors
    /// When a value is out of range, or needs a model that is not named.
    pub fn check(&self) -> Result<(), CaptionError> {
        let refuse = |what: String| Err(CaptionError::Params(what));
        if self.max_tags > 100 {
            return refuse(format!("max_tags is {}; give 0 to 100", self.max_tags));
        }
        if !(0.0..=1.0).contains(&self.tag_threshold) {
            return refuse(format!("tag_threshold is {}; give 0 to 1", self.tag_threshold));
        }
        if !(self.temperature > 0.0 && self.temperature <= 100.0) {
            return refuse(format!("temperature is {}; give more than 0 and at most 100", self.temperature));
        }
        if self.own_labels.len() > MAX_LABELS {
            return refuse(format!("{} own_labels are too many; give at most {MAX_LABELS}", self.own_labels.len()));
        }
        if self.model.is_none() && !self.own_labels.is_empty() {
            return refuse("own_labels need a CLIP model: give --model clip-vit-base-patch32".into());
        }
        if self.second_detector && !self.objects {
            return refuse("second_detector looks for things: leave --objects on".into());
        }
        if self.thumbnail_px > 1024 {
            return refuse(format!("thumbnail_px is {}; give 0 to 1024", self.thumbnail_px));
        }
        Ok(())
    }

    /// Puts the trigger words in front of a caption.
    pub(crate) fn with_trigger(&self, caption: String) -> String {
        match self.trigger.as_deref().map(str::trim).filter(|words| !words.is_empty()) {
            Some(words) => format!("{words}, {caption}"),
            None => caption,
        }
    }
}
