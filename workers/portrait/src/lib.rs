//! A portrait that speaks: a photo and a voice become a clip in which the person of the photo says what is heard.
//!
//! The face is found and fitted with a mesh of 468 points once ([`scene`]), the movement of the whole clip is planned
//! once from the sounds that are heard ([`drive`]), and each frame is then a pure function of the two ([`engine`],
//! on [`rig`] and [`draw`]): any stretch of film can be rendered alone and joined without a seam.

mod draw;
mod drive;
mod engine;
mod error;
mod hear;
mod params;
mod recipe;
mod rig;
mod scene;
mod sound;
mod steps;

pub use error::PortraitError;
pub use params::PortraitParams;
pub use recipe::{PortraitRecipe, film, gather};
pub use scene::Framing;
pub use steps::{Act, Done, Mux, Portrait, PortraitConfig, Prepare, Render, Sources};
