//! How a portrait is made to speak: one trait, and the engines behind it.

mod eyes;
mod look;
mod mesh;
mod mouth;
mod warp;
mod wav2lip;

pub(crate) use mesh::{MeshFace, Sitter};
pub(crate) use wav2lip::{Heard, Wav2Lip};

use crate::draw::{Canvas, Rect};
use crate::drive::Pose;

/// One frame to draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shot<'a> {
    pub(crate) pose: &'a Pose,
    /// Its number in the clip.
    pub(crate) number: usize,
}

/// Draws a speaking face. A frame depends on nothing but the portrait and its own shot, so any part of a clip can be
/// drawn alone, by several threads, in any order, and comes out the same.
pub(crate) trait LipSync: Send + Sync {
    /// The part of the canvas that any frame may change.
    fn reach(&self) -> Rect;

    /// Draws over a canvas that shows the portrait at rest.
    fn draw(&self, canvas: &mut Canvas, shot: &Shot<'_>);
}
