//! The engines that draw a speaking face, behind one trait, [`LipSync`].

mod appearance;
mod eyes;
pub(crate) mod mel;
mod mesh;
mod mouth;
mod warp;
mod wav2lip;

pub(crate) use mesh::{MeshFace, Subject};
pub(crate) use wav2lip::{MelFrames, Wav2Lip};

use crate::animation::Pose;
use crate::draw::{Canvas, Rect};

/// One frame to draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameSpec<'a> {
    pub(crate) pose: &'a Pose,
    /// Its number in the clip.
    pub(crate) number: usize,
}

/// Draws a speaking face. A frame depends only on the portrait and its own [`FrameSpec`], so any part of a clip can be drawn
/// alone, by several threads, in any order, with the same result.
pub(crate) trait LipSync: Send + Sync {
    /// The part of the canvas that any frame may change.
    fn reach(&self) -> Rect;

    /// Draws over a canvas that shows the portrait at rest.
    fn draw(&self, canvas: &mut Canvas, frame: &FrameSpec<'_>);
}
