//! The wire types of a job's steps: parameters and outputs.

use std::collections::BTreeMap;

use medley_proto::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::params::SpeakParams;

/// One step of a job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum SpeakStep {
    /// Cuts the text into sentences and these into parts; leaves `script.jsonl`.
    Plan(PlanStep),
    /// Speaks one part of the script, its input.
    Say(SayStep),
    /// Passes on the artifacts of one group of parts. Only jobs that version 1 planned have it.
    Merge { groups: u32 },
    /// Joins the parts, its inputs: the plan's output, and `part-*.wav` and `part-*.json` in order.
    Join(JoinStep),
    /// Compares the speech with its transcript.
    Verify(VerifyStep),
    /// Says again what was misheard, in other ways; leaves `takes.wav` and `takes.json`.
    Retake(RetakeStep),
    /// Joins the parts once more, with the takes that were heard better.
    Mend(MendStep),
}

/// The text to plan is the input.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PlanStep {
    pub params: SpeakParams,
}

/// One part to speak.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SayStep {
    pub part: Part,
}

/// The parts to join are the inputs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct JoinStep {
    pub params: SpeakParams,
}

/// Speech and transcript are the inputs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct VerifyStep {}

/// The script is the first input, what was misheard the second: the verify step's output.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RetakeStep {}

/// Inputs: the plan's output, the verify step's output, the transcript of the takes, the takes (`takes.wav` and
/// `takes.json`), then the parts as in [`JoinStep`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MendStep {
    pub params: SpeakParams,
}

/// A run of sentences: lines of `script.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    pub number: u32,
    /// The offset of its first line in `script.jsonl`.
    pub offset_bytes: u64,
    pub length_bytes: u64,
    /// The hash of its lines.
    pub sha256: Sha256,
}

/// The output of a step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum SpeakOutput {
    Plan(Plan),
    Say { duration_s: f64 },
    Merge { groups: u32 },
    Join(Joined),
}

/// The whole speech.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    pub duration_s: f64,
    pub sentences: u64,
    pub words: u64,
    /// The quality of the speech as the manifest states it, for the stage `verify`.
    #[serde(default)]
    pub quality: Quality,
    /// What the recogniser heard, after the stage `verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<ReadBack>,
}

/// A comparison of what was heard with what was to be said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadBack {
    /// Units (English words, Chinese syllables) that were heard otherwise, of all.
    pub wrong: u64,
    pub all: u64,
    /// The sentences that were heard badly.
    pub misheard: Vec<Misheard>,
}

/// A sentence that the transcript has otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Misheard {
    /// Its number among the sentences of the speech.
    pub number: u64,
    pub start_s: f64,
    pub text: String,
    pub heard: String,
    pub wrong: u64,
    pub error_rate: f64,
}

/// The parts of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub parts: Vec<Part>,
    /// Characters in all.
    pub characters: u64,
    /// Letters of writing systems that no voice reads.
    pub unspoken_letters: u64,
    /// Sentences about what the voices do not read properly.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What the sound depends on besides the text: voices and programs with their versions. Part of cache keys.
    pub voices: String,
}

/// Entries of the manifest's `quality`.
pub type Quality = BTreeMap<String, Value>;
