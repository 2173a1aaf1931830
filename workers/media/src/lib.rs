//! Decode and encode of audio, images and video, with limits against hostile input.
//!
//! What a file is, its bytes decide ([`sniff`]); what it may be at most, a limits structure of its kind. Bad input is
//! a [`MediaError`] with a stable code and a sentence, never a panic, a hang or memory without bound.

pub mod audio;
pub mod child;
mod error;
pub mod ffmpeg;
pub mod mel;
pub mod member_names;
pub mod picture;
pub mod sniff;
pub mod source;
pub mod video;

pub use error::{MediaError, Problem};
