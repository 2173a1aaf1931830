//! The shapes that kinds hand to each other and that other programs read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `transcript.json`. Times are seconds of the original file, monotonic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// ISO 639-1 of the text; where several languages are spoken, of the one spoken most.
    pub language: String,
    /// Seconds of speech in each language that is spoken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub languages: BTreeMap<String, f64>,
    pub duration_s: f64,
    pub text: String,
    pub segments: Vec<TranscriptSegment>,
    /// Who speaks, in the order in which they begin; empty where nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub speakers: Vec<Speaker>,
}

/// Somebody who speaks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Speaker {
    /// A, B, … in the order in which they begin; it stays when a name is given.
    pub label: String,
    /// What segments and words call them: the label, until somebody gives a name.
    pub name: String,
    /// Seconds for which they speak.
    pub talk_s: f64,
    /// A stretch in which nobody else speaks, to hear who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SpeakerSample>,
}

/// A stretch of the file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SpeakerSample {
    pub start_s: f64,
    pub end_s: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TranscriptSegment {
    pub start_s: f64,
    pub end_s: f64,
    pub text: String,
    /// ISO 639-1 of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The name of who speaks, as in `speakers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// Somebody else speaks during some of its words.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overlap: bool,
    /// Mean natural-log probability of the segment's tokens.
    pub avg_logprob: f64,
    /// Probability that the segment holds no speech.
    pub no_speech_prob: f64,
    #[serde(default)]
    pub words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Word {
    pub start_s: f64,
    pub end_s: f64,
    pub text: String,
    /// Mean probability of the word's tokens.
    pub prob: f64,
    /// The name of who speaks, as in `speakers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// Somebody else speaks at the same time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overlap: bool,
}

/// `timing.json`: when each sentence, word and phoneme of synthetic speech sounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SpeechTiming {
    pub duration_s: f64,
    pub sentences: Vec<SentenceTime>,
    pub words: Vec<WordTime>,
    pub phonemes: Vec<PhonemeTime>,
    /// Places that SSML's `mark` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<MarkTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SentenceTime {
    pub start_s: f64,
    pub end_s: f64,
    pub text: String,
    /// ISO 639-1 of the sentence's main language.
    pub language: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WordTime {
    pub start_s: f64,
    pub end_s: f64,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhonemeTime {
    pub start_s: f64,
    pub end_s: f64,
    /// IPA for English, a pinyin initial or final for Chinese.
    pub phoneme: String,
    pub viseme: Viseme,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarkTime {
    pub time_s: f64,
    pub name: String,
}

/// Mouth shapes, one set for English and Chinese, in the manner of MPEG-4 FBA's 15 visemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Viseme {
    /// Silence.
    #[default]
    Sil,
    /// p b m: lips closed.
    Pp,
    /// f v: lower lip to the teeth.
    Ff,
    /// th: tongue between the teeth.
    Th,
    /// t d l: tongue to the ridge.
    Dd,
    /// k g h ng, Chinese g k h.
    Kk,
    /// ch j sh zh; Chinese zh ch sh, j q x.
    Ch,
    /// s z; Chinese z c s.
    Ss,
    /// n, final n.
    Nn,
    /// r, er.
    Rr,
    /// a, open.
    Aa,
    /// e, mid front.
    E,
    /// i, spread.
    Ih,
    /// o, rounded.
    Oh,
    /// u, w, ü: closely rounded.
    Ou,
}
