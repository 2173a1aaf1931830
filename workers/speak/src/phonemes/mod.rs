//! Grapheme to phoneme: normalised text becomes the symbols of a voice.

pub(crate) mod chinese;
pub(crate) mod english;
