use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked of each image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LookParams {
    /// The CLIP model of the registry that tags, captions and embeds (`clip-vit-base-patch32`); without one the caption
    /// is composed of what the small models see.
    pub model: Option<String>,
    /// What tags are taken from: `photo` (a taxonomy of photographs), `imagenet` (1,000 things), or the path of a text
    /// file with a label a line. Needs a CLIP model.
    pub labels: String,
    /// The most tags of an image, 0 to 100.
    pub max_tags: u32,
    /// A tag needs at least this probability, 0 to 1.
    pub tag_threshold: f32,
    /// Divides the model's similarities before they become probabilities; above 1 is less sure.
    pub temperature: f32,
    /// Read the text in the image.
    pub text: bool,
    /// Count people, faces and poses.
    pub people: bool,
    /// Score how likely the image is not safe for work.
    pub nsfw: bool,
    /// Leave camera, time and place out.
    pub strip_exif: bool,
    /// Words that start every caption, for training sets: `sks dog`.
    pub trigger: Option<String>,
    /// The longer side of the thumbnail in px, 0 for none, at most 1024.
    pub thumbnail_px: u32,
}

impl Default for LookParams {
    fn default() -> Self {
        Self {
            model: None,
            labels: "photo".into(),
            max_tags: 10,
            tag_threshold: 0.05,
            temperature: 1.0,
            text: true,
            people: true,
            nsfw: true,
            strip_exif: false,
            trigger: None,
            thumbnail_px: 0,
        }
    }
}
