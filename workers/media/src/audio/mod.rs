//! Sound: any file as blocks of mono samples at a wanted rate, and back.

mod asf;
mod avi;
mod choose;
mod encode;
mod external;
mod listening;
mod losses;
mod loudness;
mod mix;
mod mp4;
mod native;
mod parts;
mod reader;
mod resample;
mod source;
mod span;
mod stream;
mod tracks;

pub(crate) use encode::url;
pub use encode::{AudioFormat, Encoder, encode, write_wav};
pub use listening::ListeningGain;
pub use loudness::{Loudness, loudness};
pub use reader::{AudioInfo, AudioLimits, Reader, ReaderOptions, Undecoded};
pub use resample::resample;
pub use tracks::{SoundTrack, SoundTracks, TrackChoice};
