//! Sound after the voices: one level, loudness of the whole, timing, mouth shapes and subtitles.

pub(crate) mod level;
pub(crate) mod loudness;
pub(crate) mod speech;
pub(crate) mod subtitles;
mod viseme;
