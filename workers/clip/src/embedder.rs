use crate::{ClipError, Preprocess, Scoring};

/// Turns images and texts into unit vectors of one space. The closer two vectors are, the better image and text fit.
pub trait Embedder: Send + Sync {
    /// The length of a vector, in values.
    fn dim(&self) -> usize;

    /// Turns an image into the input of [`Embedder::images`].
    fn preprocess(&self) -> &Preprocess;

    /// Turns cosines into probabilities.
    fn scoring(&self) -> Scoring;

    /// How many calls of [`Embedder::images`] run at the same time; further calls wait.
    fn parallel_runs(&self) -> usize {
        1
    }

    /// `pixels` is a batch of preprocessed images, [N, 3, side, side]; one vector for each, of length 1.
    ///
    /// # Errors
    /// When the model cannot be run or does not keep its contract.
    fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, ClipError>;

    /// One vector for each text, of length 1.
    ///
    /// # Errors
    /// As [`Embedder::images`].
    fn texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ClipError>;
}
