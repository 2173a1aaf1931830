//! Text to speech: English, Chinese, and both in one sentence.
//!
//! [`SpeakFragment`] makes a job a chain of steps: *plan* cuts a text into sentences and these into parts, *say* steps
//! synthesize the parts side by side, and *join* writes one file at one loudness with `timing.json` and `speech.srt`.
//! [`SpeakWorker`] computes the steps with a [`Speaker`], which also works by itself.
//!
//! A sentence passes these modules: `document` cuts it out of a text, `pronunciation` applies SSML and the lexicon,
//! `language` cuts it into runs of one language, `normalization` writes numbers and signs in words, `phonemes` makes
//! symbols of the words, a `voice` speaks them, and `sound` brings the voices to one level and keeps the timing.
//!
//! [`WrittenOut`] shows what the voices are given:
//!
//! ```
//! use medley_speak::WrittenOut;
//!
//! let written_out = WrittenOut::default();
//! assert_eq!(written_out.of("It rose 12%.", None), "It rose twelve percent.");
//! ```

mod config;
mod delivery;
mod document;
mod error;
mod kind;
mod language;
mod normalization;
mod params;
mod phonemes;
mod pronunciation;
mod recipe;
mod sound;
mod speaker;
mod stages;
mod step;
mod voice;
mod voices;
mod worker;

pub use config::SpeakConfig;
pub use delivery::Delivery;
pub use error::SpeakError;
pub use kind::KIND;
pub use language::{Language, main_language};
pub use params::{LoudnessTarget, MainLanguage, SpeakParams, SpeechFormat, TextFormat};
pub use recipe::{SpeakFragment, SpeakStages};
pub use sound::speech::Speech;
pub use speaker::{Speaker, WrittenOut};
pub use step::{
    JoinStep, Joined, MendStep, Misheard, Part, Plan, PlanStep, Quality, ReadBack, RetakeStep, SayStep, SpeakOutput,
    SpeakStep, VerifyStep,
};
pub use voices::{Listed, Sex, VOICES, Voices};
pub use worker::SpeakWorker;
