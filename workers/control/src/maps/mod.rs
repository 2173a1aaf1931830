//! The maps: one file for each.

mod ade20k;
mod canny;
mod depth;
mod detect;
mod face_mesh;
mod hed;
mod lineart;
mod mlsd;
mod normal;
mod pose;
mod scribble;
mod segmentation;

use canny::Canny;
use depth::Depth;
use detect::Detect;
use face_mesh::FaceMesh;
use hed::{Hed, Softedge};
use lineart::Lineart;
use mlsd::Mlsd;
use normal::Normal;
use pose::Pose;
use scribble::Scribble;
#[cfg(test)]
pub(crate) use scribble::broad;
use segmentation::Segmentation;

use crate::{annotator::Annotator, params::AnnotatorName};

/// The annotator of this name.
pub(crate) fn annotator(name: AnnotatorName) -> &'static dyn Annotator {
    match name {
        AnnotatorName::Canny => &Canny,
        AnnotatorName::Pose => &Pose,
        AnnotatorName::Hed => &Hed,
        AnnotatorName::Softedge => &Softedge,
        AnnotatorName::Scribble => &Scribble,
        AnnotatorName::Lineart => &Lineart,
        AnnotatorName::Mlsd => &Mlsd,
        AnnotatorName::Normal => &Normal,
        AnnotatorName::Segmentation => &Segmentation,
        AnnotatorName::Depth => &Depth,
        AnnotatorName::FaceMesh => &FaceMesh,
        AnnotatorName::Detect => &Detect,
    }
}
