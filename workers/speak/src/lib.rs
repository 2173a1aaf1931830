//! Text to speech: English, Chinese, and both in one sentence.

mod chinese;
mod document;
mod english;
mod error;
mod language;
mod mix;
mod normal;
mod speaker;
mod speech;
mod viseme;
mod voice;

pub use error::SpeakError;
pub use language::{Language, main_language};
pub use speaker::{Delivery, EnglishVoice, Speaker};
pub use speech::Speech;
