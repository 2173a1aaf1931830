//! What crosses the wire between the steps that find speakers.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::voice_print::{DIMENSIONS, Print};
use crate::speech::span::{Span, milliseconds};

/// Listens to a stretch of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListenStep {
    /// The sound track; `None` where there is only one.
    pub track: Option<u32>,
    /// Seconds of the whole file.
    pub duration_s: f64,
    pub stretch: Span,
    /// Each channel is a speaker.
    #[serde(default)]
    pub split: bool,
}

/// Joins what the steps of one group heard, which are its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeListenedStep {}

/// Tells the speakers of the whole file apart; its inputs are outputs of listen steps or of their merges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeakersStep {
    /// How many speakers there are; `None` when nobody knows.
    pub count: Option<u16>,
}

/// What was heard in a stretch. **It holds voice prints**, which are biometric data: it is never an artifact, never cached
/// and never logged.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Listened {
    /// Speech of one voice each, in order.
    pub(crate) pieces: Vec<Piece>,
    /// Where two speak at once.
    pub(crate) both: Vec<Span>,
    /// The voice prints that pieces refer to.
    pub(crate) voices: Vec<Voice>,
    /// Who speaks when, where channels say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) turns: Vec<Turn>,
    /// What could not be listened to, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missed: Vec<Missed>,
}

/// Says how much there is, and never a voice print.
impl std::fmt::Debug for Listened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listened")
            .field("pieces", &self.pieces.len())
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

/// Speech between two changes of the voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Piece {
    pub(crate) span: Span,
    /// Where voice prints were taken, and which.
    pub(crate) prints: Vec<Place>,
}

/// Where a voice print was taken, and its index. It crosses the wire as `[start, end, index]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "(f64, f64, u32)", into = "(f64, f64, u32)")]
#[schemars(with = "(f64, f64, u32)")]
pub struct Place {
    pub(crate) span: Span,
    pub(crate) voice: u32,
}

impl From<(f64, f64, u32)> for Place {
    fn from((start_s, end_s, voice): (f64, f64, u32)) -> Self {
        Self { span: Span::new(start_s, end_s), voice }
    }
}

impl From<Place> for (f64, f64, u32) {
    fn from(place: Place) -> Self {
        (milliseconds(place.span.start_s), milliseconds(place.span.end_s), place.voice)
    }
}

/// A stretch without speakers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Missed {
    pub(crate) span: Span,
    pub(crate) why: String,
}

/// A voice print of length 1 and how much speech it stands for: one place, or several that a merge found to be one voice.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Voice {
    #[serde(serialize_with = "write", deserialize_with = "read")]
    #[schemars(with = "String")]
    pub(crate) print: Print,
    /// Seconds of speech, where neighbouring prints overlap counted twice.
    pub(crate) weight_s: f64,
    /// Seconds of speech.
    pub(crate) own_s: f64,
}

/// Never the print.
impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("weight_s", &self.weight_s).finish_non_exhaustive()
    }
}

/// As base64 of bytes, the largest number being 127: that moves the cosine of two prints by less than 0.001.
fn write<S: Serializer>(print: &Print, to: S) -> Result<S::Ok, S::Error> {
    let largest = print.iter().fold(1e-9_f32, |largest, x| largest.max(x.abs()));
    let bytes: Vec<u8> = print.iter().map(|x| ((x / largest * 127.0).round() as i8).cast_unsigned()).collect();
    to.serialize_str(&STANDARD_NO_PAD.encode(bytes))
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Print, D::Error> {
    let text = String::deserialize(from)?;
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| D::Error::custom("no base64"))?;
    if bytes.len() != DIMENSIONS {
        return Err(D::Error::custom("a voice print of another length"));
    }
    let mut print = Print::default();
    print.iter_mut().zip(bytes).for_each(|(x, byte)| *x = f32::from(byte.cast_signed()));
    print.normalise();
    Ok(print)
}

/// Who speaks when. It holds no voice prints.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Speakers {
    /// How many there are; they are numbered in the order in which they begin.
    pub(crate) count: u32,
    /// In order; turns of two speakers may overlap.
    pub(crate) turns: Vec<Turn>,
    /// What could not be listened to, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missed: Vec<Missed>,
}

/// A speaker's turn. It crosses the wire as `[start, end, speaker]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "(f64, f64, u32)", into = "(f64, f64, u32)")]
#[schemars(with = "(f64, f64, u32)")]
pub struct Turn {
    pub(crate) span: Span,
    pub(crate) speaker: u32,
}

impl From<(f64, f64, u32)> for Turn {
    fn from((start_s, end_s, speaker): (f64, f64, u32)) -> Self {
        Self { span: Span::new(start_s, end_s), speaker }
    }
}

impl From<Turn> for (f64, f64, u32) {
    fn from(turn: Turn) -> Self {
        (milliseconds(turn.span.start_s), milliseconds(turn.span.end_s), turn.speaker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_crosses_the_wire_and_is_never_shown() {
        let mut print = Print::default();
        print.iter_mut().enumerate().for_each(|(n, x)| *x = ((n * 37 % 101) as f32 - 50.0) / 50.0);
        print.normalise();
        let listened = Listened {
            pieces: vec![Piece {
                span: Span::new(0.0, 1.0),
                prints: vec![Place { span: Span::new(0.0, 1.0), voice: 0 }],
            }],
            voices: vec![Voice { print: print.clone(), weight_s: 1.0, own_s: 0.75 }],
            ..Listened::default()
        };
        let json = serde_json::to_string(&listened).unwrap();
        let back: Listened = serde_json::from_str(&json).unwrap();
        assert!(back.voices[0].print.cosine(&print) > 0.999);
        assert_eq!(back.pieces, listened.pieces);
        let encoded: serde_json::Value = serde_json::from_str(&json).unwrap();
        let secret = encoded["voices"][0]["print"].as_str().unwrap();
        assert!(!format!("{listened:?}").contains(secret) && !format!("{listened:?}").contains("0.0"));
        assert!(serde_json::from_str::<Voice>(r#"{"print":"AAAA","weight_s":1.0,"own_s":1.0}"#).is_err());
    }
}
