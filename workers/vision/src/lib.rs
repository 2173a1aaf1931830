//! What several kinds see with: text lines, faces, face mesh, body pose, things, classes of pictures.
//!
//! All coordinates are pixels of the image that was handed in, x to the right and y down, continuous: the centre of
//! the first pixel is (0.5, 0.5).

pub mod classify;
mod crop;
mod error;
pub mod face;
pub mod geometry;
pub mod objects;
pub mod parallel;
pub mod phash;
pub mod pose;
pub mod resample;
mod run;
mod ssd;
pub mod text;

pub use error::VisionError;
