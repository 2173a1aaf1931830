//! A transcript in each of OpenAI's response formats.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use medley_proto::{Transcript, TranscriptSegment};
use schemars::JsonSchema;
use serde::Serialize;

use super::{languages, logprobs::Logprob, spacing::spaced};

/// What was worked for, in seconds of sound: nothing here is counted in tokens.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "AudioUsage")]
pub(super) struct Usage {
    #[serde(rename = "type")]
    kind: &'static str,
    /// Seconds of the input.
    seconds: f64,
}

impl Usage {
    pub(super) fn seconds(seconds: f64) -> Self {
        Self { kind: "duration", seconds }
    }
}

/// A language that is spoken.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "SpokenLanguage")]
pub(super) struct LanguageCode {
    /// ISO 639-1.
    code: String,
}

/// `response_format=json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Transcription {
    text: String,
    /// With `include[]=logprobs`: one for each word.
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<Logprob>>,
    /// The languages spoken, that of most seconds first.
    languages: Vec<LanguageCode>,
    usage: Usage,
}

/// `response_format=verbose_json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct VerboseTranscription {
    task: &'static str,
    /// English name of the text's language.
    language: String,
    /// Seconds of the input.
    duration: f64,
    text: String,
    /// Unless only words were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<Segment>>,
    /// With `timestamp_granularities[]=word`.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<TimedWord>>,
    usage: Usage,
}

/// A sentence.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "TranscriptionSegment")]
struct Segment {
    id: usize,
    /// Where it begins, in hundredths of a second.
    seek: u64,
    start: f64,
    end: f64,
    /// With the space before it: the texts of all segments, one after the other, are the whole text.
    text: String,
    /// Always empty: a transcript keeps words and not tokens.
    tokens: Vec<u32>,
    /// Always 0: which window was decoded at which temperature is not kept.
    temperature: f64,
    avg_logprob: f64,
    /// Length of the text over its length when compressed.
    compression_ratio: f64,
    no_speech_prob: f64,
}

/// A word with its punctuation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "TranscriptionWord")]
struct TimedWord {
    word: String,
    start: f64,
    end: f64,
}

/// `response_format=diarized_json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct DiarizedTranscription {
    task: &'static str,
    duration: f64,
    text: String,
    segments: Vec<DiarizedSegment>,
    usage: Usage,
}

/// A sentence and who says it; also an event of a stream.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct DiarizedSegment {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    start: f64,
    end: f64,
    text: String,
    speaker: String,
}

/// Which times a verbose answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Granularities {
    pub(super) words: bool,
    pub(super) segments: bool,
}

impl Granularities {
    /// What a verbose answer has when nothing is asked for.
    pub(super) const DEFAULT: Self = Self { words: false, segments: true };
}

pub(super) fn json(transcript: &Transcript, logprobs: Option<Vec<Logprob>>) -> Transcription {
    Transcription {
        text: transcript.text.clone(),
        logprobs,
        languages: spoken(transcript),
        usage: Usage::seconds(transcript.duration_s),
    }
}

/// The languages spoken, that of most seconds first.
pub(super) fn spoken(transcript: &Transcript) -> Vec<LanguageCode> {
    let mut languages: Vec<(&String, &f64)> = transcript.languages.iter().collect();
    languages.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    languages.into_iter().map(|(code, _)| LanguageCode { code: code.clone() }).collect()
}

pub(super) fn verbose(transcript: &Transcript, task: &'static str, times: Granularities) -> VerboseTranscription {
    let words = transcript.segments.iter().flat_map(|segment| &segment.words);
    let word = |word: &medley_proto::Word| TimedWord { word: word.text.clone(), start: word.start_s, end: word.end_s };
    VerboseTranscription {
        task,
        language: languages::name_of(&transcript.language).to_owned(),
        duration: transcript.duration_s,
        text: transcript.text.clone(),
        segments: times.segments.then(|| segments(transcript)),
        words: times.words.then(|| words.map(word).collect()),
        usage: Usage::seconds(transcript.duration_s),
    }
}

fn segments(transcript: &Transcript) -> Vec<Segment> {
    let texts = spaced(&transcript.text, transcript.segments.iter().map(|segment| segment.text.as_str()));
    let segment = |(id, (segment, text)): (usize, (&TranscriptSegment, String))| Segment {
        id,
        seek: (segment.start_s * 100.0).max(0.0) as u64,
        start: segment.start_s,
        end: segment.end_s,
        compression_ratio: compression_ratio(&text),
        text,
        tokens: Vec::new(),
        temperature: 0.0,
        avg_logprob: segment.avg_logprob,
        no_speech_prob: segment.no_speech_prob,
    };
    transcript.segments.iter().zip(texts).enumerate().map(segment).collect()
}

/// As Whisper computes it: bytes over bytes of zlib.
fn compression_ratio(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    let ratio = text.len() as f64 / packed.map_or(1, |packed| packed.len()).max(1) as f64;
    (ratio * 1_000.0).round() / 1_000.0
}

pub(super) fn diarized(transcript: &Transcript) -> DiarizedTranscription {
    DiarizedTranscription {
        task: "transcribe",
        duration: transcript.duration_s,
        text: transcript.text.clone(),
        segments: diarized_segments(transcript),
        usage: Usage::seconds(transcript.duration_s),
    }
}

/// What a sentence has for a speaker where nobody could be told.
const NOBODY: &str = "unknown";

/// The sentences with their speakers: a name, or `A`, `B`, … in the order in which they first speak.
pub(super) fn diarized_segments(transcript: &Transcript) -> Vec<DiarizedSegment> {
    let segment = |(n, segment): (usize, &TranscriptSegment)| DiarizedSegment {
        kind: "transcript.text.segment",
        id: format!("seg_{n}"),
        start: segment.start_s,
        end: segment.end_s,
        text: segment.text.clone(),
        speaker: segment.speaker.clone().unwrap_or_else(|| NOBODY.to_owned()),
    };
    transcript.segments.iter().enumerate().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::logprobs::logprobs, *};

    const TRANSCRIPT: &str = include_str!("../../tests/goldens/openai/transcript.json");

    fn transcript() -> Transcript {
        serde_json::from_str(TRANSCRIPT).unwrap()
    }

    /// Equal but for the last digits of numbers: what zlib makes of a text depends on who wrote it.
    fn is_alike(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 0.05,
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_alike(a, b)),
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_alike(a, b)))
            }
            _ => a == b,
        }
    }

    #[track_caller]
    fn golden(name: &str, stored: &str, made: impl Serialize) {
        let (stored, made): (Value, Value) =
            (serde_json::from_str(stored).unwrap(), serde_json::to_value(made).unwrap());
        assert!(is_alike(&stored, &made), "{name}.json is {stored:#}\nand the answer {made:#}");
    }

    /// The contract, kept here because its owner drops it: fixtures for each format and granularity.
    #[test]
    fn answers_are_those_of_the_goldens() {
        let transcript = transcript();
        let times = |words, segments| Granularities { words, segments };
        golden("json", include_str!("../../tests/goldens/openai/json.json"), json(&transcript, None));
        let with_logprobs = json(&transcript, Some(logprobs(&transcript)));
        golden("json-logprobs", include_str!("../../tests/goldens/openai/json-logprobs.json"), with_logprobs);
        let segments = verbose(&transcript, "transcribe", Granularities::DEFAULT);
        golden("verbose-segment", include_str!("../../tests/goldens/openai/verbose-segment.json"), segments);
        let words = verbose(&transcript, "transcribe", times(true, false));
        golden("verbose-word", include_str!("../../tests/goldens/openai/verbose-word.json"), words);
        let both = verbose(&transcript, "translate", times(true, true));
        golden("verbose-both-translate", include_str!("../../tests/goldens/openai/verbose-both-translate.json"), both);
        golden("diarized", include_str!("../../tests/goldens/openai/diarized.json"), diarized(&transcript));
    }

    #[test]
    fn segments_joined_are_the_text() {
        let transcript = transcript();
        let joined: String = segments(&transcript).into_iter().map(|segment| segment.text).collect();
        assert_eq!(joined, transcript.text);
        assert_eq!(spaced("你好。再见。", ["你好。", "再见。"].into_iter()), ["你好。", "再见。"]);
        assert_eq!(spaced("a b", ["x", "b"].into_iter()), ["x", "a b"]);
    }

    #[test]
    fn an_empty_transcript_has_every_member() {
        let silent = Transcript { language: "en".into(), duration_s: 2.5, ..Transcript::default() };
        let made = serde_json::to_value(verbose(&silent, "transcribe", Granularities::DEFAULT)).unwrap();
        let usage = json!({ "type": "duration", "seconds": 2.5 });
        let expected = json!({
            "task": "transcribe", "language": "english", "duration": 2.5, "text": "", "segments": [], "usage": usage,
        });
        assert_eq!(made, expected);
        let made = serde_json::to_value(super::json(&silent, None)).unwrap();
        assert_eq!(made, json!({ "text": "", "languages": [], "usage": usage }));
    }
}
