//! From samples to speech: voice activity detection, regions of speech, and windows that are decoded in one go.

pub(crate) mod regions;
pub(crate) mod span;
pub(crate) mod vad;
pub(crate) mod windows;

/// The sample rate of Whisper and of the voice detector.
pub(crate) const SAMPLE_RATE_HZ: u32 = 16_000;
