//! Grapheme to phoneme: normalised text becomes the symbols of a voice.

pub(crate) mod chinese;
pub(crate) mod english;
mod symbol;

pub(crate) use symbol::{BETWEEN_SYLLABLES, BETWEEN_WORDS, Symbol};
