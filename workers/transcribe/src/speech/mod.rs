//! Where somebody speaks, and what is decoded in one go.

pub(crate) mod regions;
pub(crate) mod vad;
pub(crate) mod windows;

/// The rate that Whisper and the voice detector hear at.
pub(crate) const SAMPLE_RATE_HZ: u32 = 16_000;
