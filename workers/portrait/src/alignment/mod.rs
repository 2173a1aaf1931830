//! Forced alignment: the time of each phoneme in a recording, by dynamic time warping against synthetic speech of the same
//! words.

pub(crate) mod cepstra;
mod dtw;

pub(crate) use dtw::{Reference, align};
