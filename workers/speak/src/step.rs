//! What the steps of a job are told and what they answer.

use medley_proto::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{params::SpeakParams, verify::Quality};

/// One step of a job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum SpeakStep {
    /// Cuts the text into sentences and these into parts; leaves `script.jsonl`.
    Plan { params: SpeakParams },
    /// Speaks one part of the script, its input.
    Say { part: Part, parts: u32 },
    /// Hands on the parts of one group.
    Merge { groups: u32 },
    /// Joins the parts, its inputs: the plan's output, and `part-*.wav` and `part-*.json` in order.
    Join { params: SpeakParams },
    /// Compares the speech with its transcript.
    Verify,
}

/// A run of sentences: lines of `script.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    pub number: u32,
    /// Where its first line begins.
    pub offset_bytes: u64,
    pub length_bytes: u64,
    /// Of its lines.
    pub sha256: Sha256,
}

/// What a step answers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum SpeakOutput {
    Plan(Plan),
    Say {
        parts: u32,
        duration_s: f64,
    },
    Merge {
        groups: u32,
    },
    Join {
        duration_s: f64,
        sentences: u64,
        words: u64,
        /// What the manifest says of the speech, for a step that comes after.
        #[serde(default)]
        quality: Quality,
    },
}

/// The parts of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub parts: Vec<Part>,
    /// Characters in all.
    pub characters: u64,
    /// Letters of scripts that no voice reads.
    pub unspoken_letters: u64,
    /// What is not read as a person would, in sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What the sound depends on besides the text: voices and programs with their versions.
    pub voices: String,
}
