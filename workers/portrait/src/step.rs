//! What crosses the wire: the steps of a clip and their outputs. Field and variant names are the wire format.

use medley_proto::Transcript;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{composition::Composition, front_matter::FrontMatter, params::PortraitParams};

/// The artifact with a part of the film, which render and join leave: H.264, annex B.
pub(crate) const FILM: &str = "film.h264";
pub(crate) const FILM_TYPE: &str = "video/h264";

/// One step of a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum PortraitStep {
    Script(Script),
    Prepare(Box<Prepare>),
    Render(Render),
    Join(Join),
    Mux(Mux),
}

/// Reads the only input and leaves the text to be spoken, as `script.md` or `script.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// A script with front matter.
    Markdown,
    /// A `transcript.json`.
    Transcript,
}

/// Finds the face and plans the movement. Leaves `scene.json`, `scene.png`, `motion.f32`; for a news clip also
/// `poster.jpg`, `speech.wav` and `logo.png`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    pub portrait: PortraitParams,
    pub sources: PrepareInputs,
    #[serde(default)]
    pub clip: Option<Clip>,
}

/// What makes a portrait a news clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    pub stage: Composition,
    pub subtitles: Subtitles,
    /// Show the speaker's name and the title for the first seconds.
    pub lower_third: bool,
}

/// Where the viewer reads the words of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subtitles {
    /// A track that the player shows or hides.
    #[default]
    Soft,
    /// In the picture.
    Burnt,
    /// Only in the files beside the clip.
    None,
}

/// The index of each input of a prepare step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrepareInputs {
    pub picture: usize,
    pub sound: usize,
    /// A `timing.json` of the sound.
    pub timing: Option<usize>,
    /// The output of the script step.
    pub script: Option<usize>,
    /// Synthetic speech of the same words and its `timing.json`.
    pub reference: Option<(usize, usize)>,
    /// A picture behind the photo.
    pub background: Option<usize>,
    pub logo: Option<usize>,
}

/// Renders frames `from..to`; inputs are `scene.json`, `scene.png`, `motion.f32`, and what else the scene is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Render {
    pub from: usize,
    pub to: usize,
    /// How many render steps the clip has.
    pub parts: u32,
    pub crf: u32,
}

/// Concatenates the inputs called `film.h264` and hands on the others, which only jobs of version 1 have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub parts: u32,
}

/// Makes the file; inputs are the sound, `scene.json`, the films in order, and the other files of the prepare step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mux {
    /// The name of the file.
    pub name: String,
    /// Mark the file as synthetic media.
    pub provenance: bool,
    /// A track of subtitles in the file, and files of them beside it; none for a plain portrait.
    pub subtitles: Option<Subtitles>,
}

/// The output of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PortraitOutput {
    /// Frames of the whole clip after prepare, of this part after render.
    pub frames: usize,
    pub fps: u32,
    /// How many render steps the clip has.
    pub parts: u32,
    /// The front matter, after a script step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<FrontMatter>,
    /// The transcript, after a script step that read one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
}
