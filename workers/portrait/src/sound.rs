//! Reads sound.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use medley_media::audio::{Reader, ReaderOptions};
use medley_step::LocalInput;

use crate::PortraitError;

/// The sample rate for analysis.
pub(crate) const RATE_HZ: u32 = 16_000;
/// The sample rate in the film.
pub(crate) const FILM_RATE_HZ: u32 = 48_000;

/// Mono sound at [`RATE_HZ`], at most `max_s` seconds.
pub(crate) fn read_speech(input: &LocalInput, max_s: f64) -> Result<Vec<f32>, PortraitError> {
    let read = || open(input, RATE_HZ)?.read_to_end(max_s);
    Ok(read().map_err(|error| error.named(&input.name))?)
}

/// Writes the sound as plain 32-bit floats, mono at [`FILM_RATE_HZ`], block by block.
pub(crate) fn decode(input: &LocalInput, path: &Path) -> Result<(), PortraitError> {
    const BLOCK: usize = 1 << 16;
    let mut reader = open(input, FILM_RATE_HZ).map_err(|error| error.named(&input.name))?;
    let mut out = BufWriter::new(File::create(path)?);
    let mut block = Vec::new();
    while reader.read(&mut block, BLOCK).map_err(|error| error.named(&input.name))? > 0 {
        for sample in block.drain(..) {
            out.write_all(&sample.to_le_bytes())?;
        }
    }
    Ok(out.flush()?)
}

fn open(input: &LocalInput, rate_hz: u32) -> Result<Reader, medley_media::MediaError> {
    Reader::open(&input.path, &ReaderOptions { rate_hz, ..ReaderOptions::default() })
}
