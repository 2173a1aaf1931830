//! CLIP and its kin: images and sentences in one space.

use crate::CaptionError;

/// Images and texts as unit vectors of one space: the closer, the better they fit.
pub trait Embedder: Send + Sync {
    /// Values of a vector.
    fn dim(&self) -> usize;

    /// The side of the square image that the image tower sees, in px.
    fn side_px(&self) -> usize;

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
