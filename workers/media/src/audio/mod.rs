//! Sound: any file as blocks of mono samples at a wanted rate, and back.

mod encode;
mod external;
mod loudness;
mod native;
mod reader;
mod resample;

pub(crate) use encode::url;
pub use encode::{AudioFormat, encode, write_wav};
pub use loudness::{Loudness, loudness};
pub use reader::{AudioInfo, AudioLimits, Reader, ReaderOptions};
