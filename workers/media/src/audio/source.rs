//! What decoders have in common.

use std::{fs::File, path::PathBuf, sync::Arc};

use super::{AudioInfo, Undecoded};
use crate::{MediaError, sniff::Container};

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) container: Container,
    /// ffmpeg's.
    pub(super) demuxer: &'static str,
    pub(super) bytes: u64,
}

/// Sound at its own rate, with all its channels. A frame is a sample of each; frames count from the start of the
/// part's time line.
pub(super) trait Source: Send {
    fn info(&self) -> &AudioInfo;
    /// Appends frames, interleaved; false at the end. They follow those that came before without a gap.
    fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, MediaError>;
    /// Goes to a frame and says to which.
    fn seek(&mut self, frame: u64) -> Result<u64, MediaError>;
    /// How many frames there are in all, where that is known for sure.
    fn length(&self) -> Option<u64>;
    /// What could not be decoded since the start or the last seek.
    fn lost(&self) -> Option<Undecoded>;
}

/// Files of floats may hold anything.
pub(super) fn clean(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-8.0, 8.0) } else { 0.0 }
}

/// Whether so few bytes may hold so many seconds. No codec takes less than this many bytes a second, even for silence;
/// a header that says so is damaged or lies.
pub(super) fn is_credible(seconds: f64, bytes: u64) -> bool {
    const MIN_BYTES_PER_S: f64 = 25.0;
    const ALWAYS_S: f64 = 600.0;
    seconds <= ALWAYS_S || bytes as f64 / seconds >= MIN_BYTES_PER_S
}
