//! Speech to text.
//!
//! A job is a chain of steps ([`TranscribeJob`]): *plan* finds speech with a voice detector, packs it into windows of at
//! most 28 s and decides on a language; *decode* steps turn windows into words with times, side by side; *gather* writes
//! `transcript.json`, `.txt`, `.srt` and `.vtt`. [`Transcribe`] computes the steps, by Whisper. A podcast ([`PodcastJob`])
//! is the same and one more step for chapters, summary and page.

mod audio;
mod decode;
mod episode;
mod gather;
mod guard;
mod hear;
mod kind;
mod language;
mod params;
mod plan;
mod recipe;
mod speech;
mod step;
mod text;
mod times;
mod whisper;
mod worker;

pub use episode::{EpisodeStep, PodcastJob, PodcastParams};
pub use kind::{KIND, PODCAST};
pub use params::{Script, Task, TranscribeConfig, TranscribeParams};
pub use recipe::TranscribeJob;
pub use step::{DecodeStep, Facts, How, Plan, TranscribeOutput, TranscribeStep};
pub use worker::Transcribe;
