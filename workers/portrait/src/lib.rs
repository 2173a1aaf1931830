//! A portrait that speaks: a photo and a voice become a clip in which the person of the photo says what is heard.
//!
//! The face is found and fitted with a mesh of 468 points once (`scene`), the movement of the whole clip is planned
//! once from the sounds that are heard (`drive`), and each frame is then a pure function of the two (`engine`,
//! on `rig` and `draw`): any stretch of film can be rendered alone and joined without a seam.

mod draw;
mod drive;
mod engine;
mod error;
mod film;
mod hear;
mod kind;
mod news;
mod overlay;
mod params;
mod recipe;
mod rig;
mod scene;
mod script;
mod sound;
mod stage;
mod steps;
mod subtitles;

pub use error::PortraitError;
pub use kind::{KIND, NEWS};
pub use news::{NewsParams, NewsRecipe};
pub use params::{Engine, Lips, PortraitParams};
pub use recipe::PortraitRecipe;
pub use scene::Framing;
pub use script::FrontMatter;
pub use stage::{Aspect, Background, Stage};
pub use steps::{Act, Clip, Done, Join, Mux, Portrait, PortraitConfig, Prepare, Render, Script, Sources, Subtitles};
