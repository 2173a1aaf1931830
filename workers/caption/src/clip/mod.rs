//! CLIP and its kin: images and sentences in one space (Radford et al., 2021).

mod bank;
mod batch;
mod family;
mod model;
mod phrases;
mod preprocess;
mod scoring;
mod tokens;
mod tower;

pub use bank::{AS_THEY_ARE, Bank, MOST_LABELS, built_in, lines, templates};
pub use batch::Batcher;
pub use family::Family;
pub use model::{Clip, ClipSpec};
pub use phrases::Phrases;
pub use preprocess::{Fit, Preprocess};
pub use scoring::Scoring;
pub use tokens::{Context, Tokenizer};

use crate::CaptionError;

/// Images and texts as unit vectors of one space: the closer, the better they fit.
pub trait Embedder: Send + Sync {
    /// Values of a vector.
    fn dim(&self) -> usize;

    /// How an image becomes what [`Embedder::images`] takes.
    fn preprocess(&self) -> &Preprocess;

    /// How cosines become probabilities.
    fn scoring(&self) -> Scoring;

    /// How many calls of [`Embedder::images`] work side by side; more wait for each other.
    fn side_by_side(&self) -> usize {
        1
    }

    /// `pixels` is a batch of preprocessed images, [N, 3, side, side]; one vector for each, of length 1.
    ///
    /// # Errors
    /// When the model cannot be run or does not keep its contract.
    fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, CaptionError>;

    /// One vector for each text, of length 1.
    ///
    /// # Errors
    /// As [`Embedder::images`].
    fn texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, CaptionError>;
}
