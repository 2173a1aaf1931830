//! ControlNet annotators: a photo becomes the conditioning maps that diffusion pipelines expect.
//!
//! Each map is a small file in `maps` behind the trait [`Annotator`]. A [`Scene`] computes what several of them need (the
//! picture at the working size, people, faces, edges, depth) once and shares it. Sizes, interpolation, colours and
//! thresholds follow `controlnet_aux` 0.0.10, the preprocessor of diffusers, so that the maps match those that the
//! published ControlNets were trained on.
//!
//! Runs the worker by itself on a photo and keeps its maps in a folder:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use medley_control::{AnnotatorName, ControlConfig, ControlParams, ControlWorker};
//! use medley_models::Models;
//! use medley_step::{BuildContext, Worker, testing};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cx = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
//! let worker = ControlWorker::build(ControlConfig::default(), &cx)?;
//! let params = ControlParams { annotators: vec![AnnotatorName::Canny], ..ControlParams::default() };
//! let photo = testing::input(Path::new("photo.jpg"))?;
//! let ran = testing::run(&worker, params, vec![photo], Path::new("out"))?;
//! println!("{}", ran.artifacts["canny.png"].display());
//! # Ok(())
//! # }
//! ```

mod annotator;
mod config;
mod depth;
mod error;
mod kind;
mod maps;
mod mat;
mod network;
mod params;
mod picture;
mod recipe;
#[cfg(test)]
mod reference;
mod relief;
mod scene;
mod size;
mod worker;

pub use annotator::{Annotator, Document, Map};
pub use config::ControlConfig;
pub use error::ControlError;
pub use kind::KIND;
pub use params::{AnnotatorName, ControlParams, DepthSource, NormalOrder, PoseNetwork, ScribbleMethod, Stereo};
pub use recipe::ControlRecipe;
pub use scene::Scene;
pub use worker::{ControlOutput, ControlWorker};
