//! Text to speech: English, Chinese, and both in one sentence.
//!
//! A job is a chain of steps ([`SpeakJob`]): *plan* cuts a text into sentences and these into parts; *say* steps speak
//! parts, side by side; *join* writes one file at one loudness with `timing.json` and `speech.srt`. [`Speak`] computes
//! the steps, with a [`Speaker`], which others may use by itself: a sentence is cut into runs of one language, each is
//! normalised, becomes phonemes and is spoken by its language's voice.

mod aloud;
mod chinese;
mod document;
mod english;
mod error;
mod foreign;
mod join;
mod kind;
mod language;
mod lexicon;
mod loudness;
mod mix;
mod normal;
mod params;
mod plan;
mod reading;
mod recipe;
mod say;
mod speaker;
mod speech;
mod step;
mod subtitles;
mod verify;
mod viseme;
mod voice;
mod worker;
mod written_out;

pub use error::SpeakError;
pub use kind::KIND;
pub use language::{Language, main_language};
pub use params::{LoudnessTarget, MainLanguage, SpeakConfig, SpeakParams, SpeechFormat, TextFormat};
pub use recipe::SpeakJob;
pub use speaker::{Delivery, EnglishVoice, Speaker};
pub use speech::Speech;
pub use step::{Part, Plan, SpeakOutput, SpeakStep};
pub use worker::Speak;
pub use written_out::WrittenOut;
