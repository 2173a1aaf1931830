//! ControlNet annotators: one photo in, the conditioning maps that pipelines expect out.
//!
//! Each map is a small file in `maps` behind the trait [`Annotator`]; what several of them need (the picture at the
//! working size, people, faces, edges, depth) is computed once and shared by a [`Scene`]. Sizes, interpolation, colours
//! and thresholds follow `controlnet_aux` 0.0.10, the pre-processor that diffusers uses, so that maps are what the
//! published ControlNets were trained on.

mod annotator;
mod depth;
mod error;
mod kind;
mod maps;
mod mat;
mod network;
mod params;
mod picture;
#[cfg(test)]
mod reference;
mod scene;
mod size;
mod worker;

pub use annotator::{Annotator, Document, Map};
pub use error::ControlError;
pub use kind::KIND;
pub use params::{AnnotatorName, ControlParams, DepthSource, NormalOrder, PoseNetwork, ScribbleMethod, Stereo};
pub use scene::Scene;
pub use worker::{Control, ControlConfig, ControlOutput};
