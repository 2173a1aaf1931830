//! Lines of text in pictures: where they stand, what they say, in which order to read them.
//!
//! [`PpOcr`] is the PP-OCR pipeline (detection, direction, recognition) on ONNX Runtime; its geometry and its sampling
//! are plain Rust, the same on every machine.

mod detect;
mod error;
mod geometry;
mod order;
mod orient;
mod pixels;
mod reader;
mod recognize;

use image::RgbImage;
use medley_step::Host;
use serde::{Deserialize, Serialize};

pub use error::TextError;
pub use geometry::{Plane, Point, Quad, min_area_rect};
pub use reader::{PpOcr, PpOcrVersion, Slots};
pub use recognize::{Glyph, Reading};

/// Reads the text of a picture.
pub trait LineReader: Send + Sync {
    /// Lines in reading order. `host` is asked now and then whether to stop.
    ///
    /// # Errors
    /// When a model is missing or fails, or the host says stop.
    fn read(&self, picture: &RgbImage, host: &dyn Host) -> Result<TextPage, TextError>;
}

/// What was read of a picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextPage {
    /// How far the picture has to be turned clockwise to be upright: 0, 90, 180 or 270.
    pub turn_deg: u16,
    /// The lean of the lines after that turn, in degrees clockwise.
    pub lean_deg: f32,
    /// Size of the page once upright and straight: what `upright` of each line refers to.
    pub width: f32,
    pub height: f32,
    /// In reading order.
    pub lines: Vec<TextLine>,
}

impl TextPage {
    /// A page of lines that were not read from pixels (a PDF's text layer): upright, certain, put in reading order.
    pub fn of_lines(width: f32, height: f32, lines: Vec<(String, Quad)>) -> Self {
        let quads: Vec<Quad> = lines.iter().map(|(_, quad)| *quad).collect();
        let mut ordered = Vec::with_capacity(lines.len());
        for (row, members) in order::rows(&quads).into_iter().enumerate() {
            ordered.extend(members.into_iter().map(|index| TextLine {
                text: lines[index].0.clone(),
                confidence: 1.0,
                polygon: quads[index],
                upright: quads[index],
                row,
                glyphs: Vec::new(),
            }));
        }
        Self { width, height, lines: ordered, ..Self::default() }
    }
}

/// A line of text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextLine {
    pub text: String,
    /// Mean probability of the characters.
    pub confidence: f32,
    /// In pixels of the picture, starting at the top left corner of the text as it is read.
    pub polygon: Quad,
    /// Where the line stands on the page turned upright and set straight, in pixels of about the picture's size.
    pub upright: Quad,
    /// Lines with the same number stand side by side.
    pub row: usize,
    /// Its characters, with places and alternatives.
    pub glyphs: Vec<Glyph>,
}
