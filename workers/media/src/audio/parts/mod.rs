//! What a sound file is put together of. Files are joined by laying them end to end, ads are cut into podcasts, web
//! radio is recorded over a change of programme: decoders stop at the first end, or go by the first part's header.
//! Here the frames are walked over, without decoding, and each part becomes a [`Span`] of its own.

mod bytes;
mod frames;
mod marks;
mod mpeg;
mod ogg;
mod riff;
mod ts;

use std::{fs::File, io};

use crate::{
    audio::{Undecoded, span::Span},
    sniff::Container,
};

pub(crate) use bytes::Bytes;

/// More parts than this are taken as damage.
const MAX_PARTS: usize = 4096;

/// A part of a file that is decoded by itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) span: Span,
    /// About how long it sounds; 0 when nobody knows.
    pub(crate) seconds: f64,
    /// How many frames it gives, where that is known for sure: it sounds so long, whatever is damaged in it.
    pub(crate) frames: Option<u64>,
    /// What comes behind it, or is missing at its end, and is not decoded.
    pub(crate) lost: Option<Undecoded>,
}

impl Part {
    pub(crate) fn new(span: Span) -> Self {
        Self { span, seconds: 0.0, frames: None, lost: None }
    }

    fn loses(&mut self, seconds: f64, reason: &str) {
        if seconds > 0.0 {
            let before = self.lost.take().map_or(0.0, |lost| lost.seconds);
            self.lost = Some(Undecoded { seconds: before + seconds, reason: reason.into() });
        }
    }
}

/// The parts of a file, in order; one that spans all of it where it is of one piece, or of a kind that is not looked
/// into.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn find(file: &File, container: Container) -> io::Result<Vec<Part>> {
    let end = file.metadata()?.len();
    let mut bytes = Bytes::new(file, end);
    let parts = match container {
        Container::Mp3 => mpeg::mp3(&mut bytes)?,
        Container::Adts => mpeg::adts(&mut bytes)?,
        Container::Ogg => ogg::links(&mut bytes)?,
        Container::Wav => riff::waves(&mut bytes)?,
        Container::Flac => marks::heads(&mut bytes, marks::FLAC)?,
        Container::Caf => marks::heads(&mut bytes, marks::CAF)?,
        Container::Flv => marks::heads(&mut bytes, marks::FLV)?,
        Container::Wave64 => marks::heads(&mut bytes, marks::WAVE64)?,
        Container::Asf => marks::heads(&mut bytes, marks::ASF)?,
        Container::Au => marks::heads(&mut bytes, marks::AU)?,
        Container::WavPack => marks::heads(&mut bytes, marks::WAV_PACK)?,
        Container::Mp4 => marks::films(&mut bytes)?,
        Container::MpegTs => ts::recordings(&mut bytes)?,
        Container::Aiff => marks::chunks(&mut bytes, b"FORM", &[b"AIFF", b"AIFC"])?,
        Container::Avi => marks::chunks(&mut bytes, b"RIFF", &[b"AVI "])?,
        Container::Matroska => marks::matroskas(&mut bytes)?,
        _ => Vec::new(),
    };
    let usable = !parts.is_empty() && parts.len() <= MAX_PARTS;
    Ok(if usable { parts } else { vec![Part::new(Span::new(0, end))] })
}
