use std::fmt;

use opencv::core::Mat;
use serde_json::{Map as JsonMap, Value};

use crate::{AnnotatorName, ControlError, Scene, maps};

/// Makes one kind of map of a scene.
pub trait Annotator: fmt::Debug + Sync {
    /// # Errors
    /// When a model is missing or fails, or the scene has not what the map shows.
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError>;
}

/// What an annotator gives.
#[derive(Debug)]
pub struct Map {
    /// 8-bit, one or three (RGB) channels, at the scene's working size; brought to the output size afterwards.
    pub picture: Mat,
    /// Only black and white: stays so when it is resized.
    pub hard: bool,
    /// 16-bit, one channel, at the working size: becomes `<name>16.png`.
    pub deep: Option<Mat>,
    /// Becomes `<name>.json`. Built for a canvas of this width and height, in px of the map.
    pub document: Option<Document>,
    /// For the manifest's `quality`.
    pub quality: JsonMap<String, Value>,
}

impl Map {
    pub fn new(picture: Mat) -> Self {
        Self { picture, hard: false, deep: None, document: None, quality: JsonMap::new() }
    }

    #[must_use]
    pub fn hard(mut self) -> Self {
        self.hard = true;
        self
    }

    #[must_use]
    pub fn quality(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.quality.insert(key.into(), value.into());
        self
    }
}

/// A JSON document whose coordinates are of a canvas of some size, which it is told.
pub struct Document(pub Box<dyn Fn([u32; 2]) -> Value>);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document")
    }
}

/// The annotator of this name.
pub(crate) fn of(name: AnnotatorName) -> &'static dyn Annotator {
    match name {
        AnnotatorName::Canny => &maps::Canny,
        AnnotatorName::Pose => &maps::Pose,
        AnnotatorName::Hed => &maps::Hed,
        AnnotatorName::Softedge => &maps::Softedge,
        AnnotatorName::Scribble => &maps::Scribble,
        AnnotatorName::Lineart => &maps::Lineart,
        AnnotatorName::Mlsd => &maps::Mlsd,
        AnnotatorName::Normal => &maps::Normal,
        AnnotatorName::Segmentation => &maps::Segmentation,
        AnnotatorName::Depth => &maps::Depth,
        AnnotatorName::FaceMesh => &maps::FaceMesh,
    }
}
