//! Sound: any file as blocks of mono samples at a wanted rate, and back.

mod encode;
mod external;
mod loudness;
mod mp4;
mod native;
mod reader;
mod resample;

pub(crate) use encode::url;
pub use encode::{AudioFormat, Encoder, encode, write_wav};
pub use loudness::{Loudness, loudness};
pub use reader::{AudioInfo, AudioLimits, Reader, ReaderOptions};
pub use resample::resample;
