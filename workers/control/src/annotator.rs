use std::fmt;

use opencv::core::Mat;
use serde_json::{Map as JsonMap, Value};

use crate::{ControlError, Scene};

/// Makes one kind of map of a scene.
pub trait Annotator: fmt::Debug + Sync {
    /// # Errors
    /// When a model is missing or fails, or the scene does not have what the map shows.
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError>;
}

/// The result of an annotator.
#[derive(Debug)]
pub struct Map {
    /// 8-bit, one or three (RGB) channels, at the scene's working size; brought to the output size afterwards.
    pub picture: Mat,
    /// The map has distinct colours that must not blend when it is resized.
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

/// Builds a JSON document with coordinates on a canvas of the given width and height.
pub struct Document(pub Box<dyn Fn([u32; 2]) -> Value>);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document")
    }
}
