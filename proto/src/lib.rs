//! Everything that crosses a wire or lands in a store: plain data, versioned, with JSON Schemas. No I/O.
//!
//! A reader of one version accepts every document of the versions before it; `v` in each document says which wrote
//! it. `proto/schemas/` holds the generated schemas, `proto/goldens/` one document per type and version.

mod artifact;
mod error;
mod event;
mod id;
mod job;
mod manifest;
mod media;
mod step;

pub use artifact::{Artifact, Sha256};
pub use error::{DeadLetter, ErrorCode, Failure};
pub use event::{Event, EventBody};
pub use id::{InvalidName, JobId, Name, StepId};
pub use job::{Class, Input, Job, Source};
pub use manifest::{JobState, Manifest, Outcome, Provenance, Timings};
pub use media::{
    MarkTime, PhonemeTime, SentenceTime, Speaker, SpeakerSample, SpeechTiming, Transcript, TranscriptSegment, Viseme,
    Word, WordTime,
};
pub use step::{Commercial, Lineage, ModelUse, Step, StepInput, StepResult};

/// The version of every document but [`Step`], whose own is [`Step::MAX_VERSION`] or lower.
pub const VERSION: u16 = 1;
