//! A portrait that speaks: a photo and a voice become a clip in which the person of the photo says what is heard.

mod draw;
mod drive;
mod engine;
mod error;
mod rig;
#[cfg(test)]
mod dev;

pub use error::PortraitError;
