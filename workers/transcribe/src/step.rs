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
    /// The file's.
    pub language: String,
    /// Listen for other languages in every window.
    pub detect: bool,
    pub task: Task,
    pub initial_prompt: String,
    pub hotwords: Vec<String>,
    pub beam_size: u8,
    pub temperature_fallback: bool,
    pub word_timestamps: bool,
    pub script: Script,
    /// The sound track; none where there is only one.
    pub track: Option<u32>,
}

impl How {
    pub(crate) fn new(params: &TranscribeParams, language: &str, track: Option<u32>) -> Self {
        Self {
            track,
            model: params.model().into(),
            language: language.into(),
            detect: params.fixed_language().is_none(),
            task: params.task,
            initial_prompt: params.initial_prompt.clone(),
            hotwords: params.hotwords.clone(),
            beam_size: params.beam_size,
            temperature_fallback: params.temperature_fallback,
            word_timestamps: params.word_timestamps,
            script: params.script,
        }
    }

    /// The text that Whisper is shown as if it had been said before: hotwords, then the prompt (the end counts most).
    /// Chinese without a prompt of the user's gets one sentence in the wanted script: Whisper then punctuates and keeps to it.
    pub(crate) fn prompt(&self, language: &str) -> String {
        let chinese = language == "zh" && self.task == Task::Transcribe;
        let style = match self.script {
            _ if !self.initial_prompt.is_empty() => &self.initial_prompt,
            Script::Simplified if chinese => "以下是普通话的句子，请加标点。",
            Script::Traditional if chinese => "以下是普通話的句子，請加標點。",
            _ => "",
        };
        let hotwords = self.hotwords.join(if language == "zh" { "、" } else { ", " });
        match (hotwords.is_empty(), style.is_empty()) {
            (false, false) if language == "zh" => format!("{hotwords}。{style}"),
            (false, false) => format!("{hotwords}. {style}"),
            _ => hotwords + style,
        }
    }
}

/// What the plan found out, carried along to the end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    pub duration_s: f64,
    /// Seconds of speech by the voice detector.
    pub speech_s: f64,
    /// ISO 639-1: the one that most of the places listened to are in.
    pub language: String,
    /// How many decode steps there are.
    pub decodes: u32,
    pub sound: SoundFacts,
}

/// What there was to hear.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SoundFacts {
    /// The sound track that is read, from 1, and how many there are.
    pub track: u32,
    pub tracks: u32,
    /// Seconds of sound that the file holds or promises and that could not be decoded.
    pub undecoded_s: f64,
    /// It may have a picture.
    pub film: bool,
    /// What a person should know of it, in sentences.
    pub warnings: Vec<String>,
}

impl SoundFacts {
    /// What to ask a reader for, so that every step reads the same.
    pub(crate) fn asked(&self) -> Option<u32> {
        (self.tracks > 1).then_some(self.track)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hotwords_come_before_the_style_and_do_not_replace_it() {
        let hotwords = vec!["Medley".to_owned(), "Silero".to_owned()];
        let params = TranscribeParams { hotwords, ..TranscribeParams::default() };
        let how = How::new(&params, "en", None);
        assert_eq!(how.prompt("en"), "Medley, Silero");
        assert_eq!(how.prompt("zh"), "Medley、Silero。以下是普通话的句子，请加标点。");
        let styled = How { initial_prompt: "A talk.".into(), ..how };
        assert_eq!(styled.prompt("en"), "Medley, Silero. A talk.");
        assert_eq!(How::new(&TranscribeParams::default(), "en", None).prompt("en"), "");
    }
}
