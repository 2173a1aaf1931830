//! What the steps of a transcription are told and what they answer.

use medley_proto::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    decode::Decoded,
    episode::EpisodeStep,
    params::{Script, Task, TranscribeParams},
    speech::windows::Window,
};

/// One step of a transcription.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum TranscribeStep {
    /// Finds speech in the input, shares it out among windows and decides on a language.
    Plan(TranscribeParams),
    /// Decodes windows of the input.
    Decode(DecodeStep),
    /// Joins the answers of the decode steps of one group; its inputs are theirs.
    Merge {
        /// How many groups there are.
        groups: u32,
    },
    /// Writes the transcript; its inputs are the answers of the decode steps or the artifacts of the merges.
    Gather { params: TranscribeParams, facts: Facts },
    /// Makes an episode's pages of its transcript.
    Publish(EpisodeStep),
}

/// Windows to decode, and everything that the answer depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecodeStep {
    pub facts: Facts,
    pub how: How,
    pub windows: Vec<Window>,
}

/// The params that change what is heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct How {
    pub model: String,
    pub language: String,
    pub task: Task,
    pub prompt: String,
    pub beam_size: u8,
    pub temperature_fallback: bool,
    pub word_timestamps: bool,
    pub script: Script,
}

impl How {
    pub(crate) fn new(params: &TranscribeParams, language: &str) -> Self {
        Self {
            model: params.model().into(),
            language: language.into(),
            task: params.task,
            prompt: params.prompt(language),
            beam_size: params.beam_size,
            temperature_fallback: params.temperature_fallback,
            word_timestamps: params.word_timestamps,
            script: params.script,
        }
    }
}

/// What the plan found out, carried along to the end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    pub duration_s: f64,
    /// Seconds of speech by the voice detector.
    pub speech_s: f64,
    /// ISO 639-1.
    pub language: String,
    /// 1 when it was given.
    pub language_prob: f64,
    /// How many decode steps there are.
    pub decodes: u32,
}

/// What a step answers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum TranscribeOutput {
    Plan(Plan),
    Decode { facts: Facts, windows: Vec<Decoded> },
    Merge { facts: Facts, groups: u32 },
    Gather { facts: Facts, words: u64 },
    Publish { chapters: u64 },
}

/// The windows of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub facts: Facts,
    pub input: Sha256,
    /// SHA-256 of the model's files that were looked up so far, by name: part of what a decode's cache key says.
    pub models: String,
    /// The windows of each decode step.
    pub steps: Vec<Vec<Window>>,
}
