//! Sound after the voices: one level, loudness of the whole, timing and mouth shapes.

pub(crate) mod level;
pub(crate) mod loudness;
pub(crate) mod speech;
mod viseme;
