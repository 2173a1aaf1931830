//! One file for each map.

mod ade20k;
mod canny;
mod depth;
mod face_mesh;
mod hed;
mod lineart;
mod mlsd;
mod normal;
mod pose;
mod scribble;
mod segmentation;

pub(crate) use canny::Canny;
pub(crate) use depth::Depth;
pub(crate) use face_mesh::FaceMesh;
pub(crate) use hed::{Hed, Softedge};
pub(crate) use lineart::Lineart;
pub(crate) use mlsd::Mlsd;
pub(crate) use normal::Normal;
pub(crate) use pose::Pose;
pub(crate) use scribble::Scribble;
#[cfg(test)]
pub(crate) use scribble::broad;
pub(crate) use segmentation::Segmentation;
