//! A portrait that speaks: a photo and a voice become a clip in which the person in the photo speaks.
//!
//! ```sh
//! medley run portrait kafka.jpg voice.wav --framing head -o out
//! ```
//!
//! The face is found and fitted with a mesh of 468 points once (`scene`). The movement of the whole clip is planned once:
//! `alignment` finds the time of each phoneme in the voice, and `animation` turns phonemes into poses and adds idle motion.
//! Each frame is then a pure function of the two (`engine`, on `rig` and `draw`), so any part of the film can be rendered
//! alone and joined without a seam (`encode`). [`PortraitStep`] lists the steps. The recipes of the kinds `portrait` and `news`
//! listen and speak as well, so they are the binary's; [`film`] is what they share.

mod alignment;
mod animation;
mod composition;
mod config;
mod draw;
mod encode;
mod engine;
mod error;
mod front_matter;
mod kind;
mod networks;
mod news;
mod overlay;
mod params;
mod percentile;
mod recipe;
mod rig;
mod scene;
mod sound;
mod step;
mod steps;
mod worker;

pub use composition::{Aspect, Background, Composition};
pub use config::PortraitConfig;
pub use error::PortraitError;
pub use front_matter::FrontMatter;
pub use kind::{KIND, NEWS};
pub use news::NewsParams;
pub use params::{Engine, Framing, Lips, PortraitParams};
pub use recipe::{Film, can_be_said, film, text_to_speak};
pub use step::{Clip, Join, Mux, PortraitOutput, PortraitStep, Prepare, PrepareInputs, Render, Script, Subtitles};
pub use worker::PortraitWorker;
