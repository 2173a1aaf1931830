//! What crosses the wire: the steps of a transcription and their outputs. Field and variant names are the wire format.

use medley_proto::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    episode::step::PublishStep,
    params::{Script, Task, TranscribeParams},
    speakers::step::{ListenStep, Listened, MergeListenedStep, Speakers, SpeakersStep},
    speech::{
        span::{Span, milliseconds},
        windows::Window,
    },
};

/// One step of a transcription.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum TranscribeStep {
    /// Finds speech in the input, shares it out among windows and decides on a language.
    Plan(TranscribeParams),
    /// Decodes windows of the input.
    Decode(DecodeStep),
    /// Joins the outputs of the decode steps of one group, or the artifacts of a group of merges, which are its inputs.
    Merge(MergeStep),
    /// Listens to a stretch of the input: where somebody speaks, and the voice prints of it.
    Listen(ListenStep),
    /// Joins what the listen steps of one group heard, which is its inputs.
    MergeListened(MergeListenedStep),
    /// Tells speakers apart by the outputs of the listen steps or of their merges.
    Speakers(SpeakersStep),
    /// Assembles the transcript from the outputs of the decode steps or the artifacts of the merges, and of the step that
    /// told speakers apart, where there was one.
    Gather(GatherStep),
    /// Makes an episode's pages of its transcript.
    Publish(PublishStep),
}

/// Windows to decode, and everything that the result depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecodeStep {
    pub facts: Facts,
    pub how: DecodeParams,
    pub windows: Vec<Window>,
}

/// A group to join.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeStep {}

/// The transcript to assemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GatherStep {
    pub params: TranscribeParams,
    pub facts: Facts,
    /// The name of the input, which `transcript.rttm` refers to.
    #[serde(default)]
    pub file: String,
}

/// The params that change the result of a decode step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecodeParams {
    pub model: String,
    /// The file's language, ISO 639-1.
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
    /// The sound track; `None` where there is only one.
    pub track: Option<u32>,
}

impl DecodeParams {
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

    /// The prompt, which Whisper takes for the text before the window: hotwords, then the user's prompt (the end counts most).
    /// Chinese without a user's prompt gets one sentence in the wanted script, so that Whisper punctuates and keeps to it.
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

/// What the plan learned about the file. Every output carries it on to the gather step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    pub duration_s: f64,
    /// Seconds of speech by the voice detector.
    pub speech_s: f64,
    /// The language of most of the file, ISO 639-1.
    pub language: String,
    /// How many decode steps there are.
    pub decodes: u32,
    pub sound: SoundFacts,
}

/// The sound of the file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SoundFacts {
    /// The sound track that is read, from 1, and how many there are.
    pub track: u32,
    pub tracks: u32,
    /// Seconds of sound that the file holds or promises and that could not be decoded.
    pub undecoded_s: f64,
    /// The file may have a picture.
    pub film: bool,
    /// Warnings for the user, in sentences.
    pub warnings: Vec<String>,
}

impl SoundFacts {
    /// The track to ask a reader for, so that every step reads the same one.
    pub(crate) fn asked(&self) -> Option<u32> {
        (self.tracks > 1).then_some(self.track)
    }
}

/// The output of a step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum TranscribeOutput {
    Plan(Plan),
    Decode { facts: Facts, windows: Vec<DecodedWindow> },
    Merge { facts: Facts },
    Listen(Listened),
    Speakers(Speakers),
    Gather(Gathered),
    Publish { chapters: u64 },
}

/// The windows of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub facts: Facts,
    pub input: Sha256,
    /// SHA-256 of the model's files, by name: part of the cache key of a decode step.
    pub models: String,
    /// The windows of each decode step.
    pub steps: Vec<Vec<Window>>,
}

/// What was transcribed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gathered {
    pub facts: Facts,
    pub words: u64,
}

/// The words of one window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct DecodedWindow {
    pub(crate) words: Vec<TimedWord>,
    pub(crate) no_speech_prob: f64,
    /// Seconds of speech by the voice detector.
    pub(crate) speech_s: f64,
    #[serde(default)]
    pub(crate) retries: u32,
    #[serde(default)]
    pub(crate) removed: bool,
    /// The language spoken, ISO 639-1.
    pub(crate) language: String,
    /// The probability of the language; 1 when it was given.
    pub(crate) language_prob: f64,
    /// Where speech lasts for seconds without a word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unheard: Vec<Span>,
}

/// A word and its time in seconds of the file. The text begins with a space where it is written apart from the word before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "(f64, f64, String, f64)", into = "(f64, f64, String, f64)")]
#[schemars(with = "(f64, f64, String, f64)")]
pub struct TimedWord {
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) text: String,
    /// Mean natural-log probability of its tokens.
    pub(crate) logprob: f64,
    /// Who says it; it does not cross the wire, since speakers are found after words.
    pub(crate) speaker: Option<u32>,
    /// Somebody else speaks at the same time.
    pub(crate) overlap: bool,
}

impl From<(f64, f64, String, f64)> for TimedWord {
    fn from((start_s, end_s, text, logprob): (f64, f64, String, f64)) -> Self {
        Self { start_s, end_s, text, logprob, ..Self::default() }
    }
}

impl From<TimedWord> for (f64, f64, String, f64) {
    fn from(word: TimedWord) -> Self {
        (milliseconds(word.start_s), milliseconds(word.end_s), word.text, milliseconds(word.logprob))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hotwords_come_before_the_style_and_do_not_replace_it() {
        let hotwords = vec!["Medley".to_owned(), "Silero".to_owned()];
        let params = TranscribeParams { hotwords, ..TranscribeParams::default() };
        let how = DecodeParams::new(&params, "en", None);
        assert_eq!(how.prompt("en"), "Medley, Silero");
        assert_eq!(how.prompt("zh"), "Medley、Silero。以下是普通话的句子，请加标点。");
        let styled = DecodeParams { initial_prompt: "A talk.".into(), ..how };
        assert_eq!(styled.prompt("en"), "Medley, Silero. A talk.");
        assert_eq!(DecodeParams::new(&TranscribeParams::default(), "en", None).prompt("en"), "");
    }
}
