//! Speech to text by Whisper.
//!
//! A job is a chain of steps ([`TranscribeRecipe`]): *plan* finds speech with a voice detector, packs it into windows of at
//! most 28 s and decides on a language; *decode* steps turn windows into words with times, side by side; where speakers are
//! wanted, *listen* steps and a step *speakers* find who speaks when; *gather* assembles `transcript.json`, `.txt`, `.srt`,
//! `.vtt` and `.rttm`. [`TranscribeWorker`] computes the steps. A podcast ([`PodcastRecipe`]) is the
//! same with one more step, which makes chapters, a summary and a page.
//!
//! ```sh
//! medley run transcribe interview.mp3 --language en --hotwords Medley -o out
//! ```
//!
//! The way of the audio through the modules: `audio` reads it, `speech` finds the windows, `decode` decodes them (with
//! `fallback` where `hallucination` finds doubts, and `word_timestamps` for the times) on one of the engines in `whisper`,
//! `speakers` tells who speaks,
//! `text` and `assemble` make the transcript, and `episode` makes the pages of a podcast.

mod assemble;
mod audio;
mod config;
mod decode;
mod episode;
mod error;
mod kind;
mod language;
mod params;
mod plan;
mod recipe;
mod speakers;
mod speech;
mod step;
mod text;
mod whisper;
mod worker;

pub use config::TranscribeConfig;
pub use episode::{PodcastParams, PodcastRecipe, PublishStep};
pub use kind::{KIND, PODCAST};
pub use params::{Channels, Script, Silence, SpeakerCount, Task, TranscribeParams};
pub use recipe::TranscribeRecipe;
pub use speakers::names::{NewName, RENAMED, rename};
pub use speakers::step::{ListenStep, Listened, MergeListenedStep, Speakers, SpeakersStep};
pub use step::{
    DecodeParams, DecodeStep, Facts, GatherStep, Gathered, MergeStep, Plan, TranscribeOutput, TranscribeStep,
};
pub use worker::TranscribeWorker;
