//! What the JSON of `/v1/audio/speech` asks for: the params of the kind `speak`, and how to answer.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{error::ApiError, names};

/// The body of `/v1/audio/speech`. Members that are not known are ignored, as OpenAI does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "SpeechRequest")]
pub(super) struct SpeechBody {
    /// The text, of any length that the kind `speak` reads.
    pub(super) input: String,
    /// Any name: there is one engine for each voice.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// A name of OpenAI's, or one of GET /v1/audio/voices.
    #[serde(default)]
    voice: Option<VoiceBody>,
    /// Accepted; no voice here follows instructions.
    #[serde(default)]
    instructions: Option<String>,
    /// mp3 (default), opus, aac, flac, wav or pcm (16 bits, little-endian, mono, 24 kHz).
    #[serde(default)]
    response_format: Option<String>,
    /// 0.25 to 4; below 0.5 and above 2 it is 0.5 and 2.
    #[serde(default)]
    speed: Option<f64>,
    /// `audio` (default): the file itself; `sse`: events with pieces of it.
    #[serde(default)]
    stream_format: Option<String>,
}

/// A voice by name, or as OpenAI writes those of one's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "SpeechVoice")]
enum VoiceBody {
    Name(String),
    Id { id: String },
}

/// What a file of speech is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    Mp3,
    Opus,
    Aac,
    Flac,
    Wav,
    /// The samples of a WAV file without its head.
    Pcm,
}

impl Sound {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "mp3" => Self::Mp3,
            "opus" => Self::Opus,
            "aac" => Self::Aac,
            "flac" => Self::Flac,
            "wav" => Self::Wav,
            "pcm" => Self::Pcm,
            _ => return None,
        })
    }

    /// What the kind `speak` calls the file, and its extension.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Wav | Self::Pcm => "wav",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/ogg; codecs=opus",
            Self::Aac => "audio/aac",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
            Self::Pcm => "audio/pcm",
        }
    }
}

/// A body that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speaking {
    pub(super) params: Value,
    pub(super) sound: Sound,
    /// Answer with events.
    pub(super) events: bool,
    pub(super) warnings: Vec<String>,
}

/// What the kind can do.
const MIN_RATE: f64 = 0.5;
const MAX_RATE: f64 = 2.0;

impl Speaking {
    /// `voices` are those that the kind has.
    ///
    /// # Errors
    /// When a member cannot be used.
    pub(super) fn of(body: &SpeechBody, voices: &[String]) -> Result<Self, ApiError> {
        let mut warnings = Vec::new();
        if body.input.trim().is_empty() {
            return Err(ApiError::bad("media_empty", "input", "input is empty; send the text to say"));
        }
        let format = body.response_format.as_deref().unwrap_or("mp3");
        let sound = Sound::of(format).ok_or_else(|| {
            let message = format!("response_format '{format}' is unknown; use mp3, opus, aac, flac, wav or pcm");
            ApiError::param("response_format", message)
        })?;
        let events = match body.stream_format.as_deref().unwrap_or("audio") {
            "audio" => false,
            "sse" => true,
            other => {
                let message = format!("stream_format '{other}' is unknown; use audio or sse");
                return Err(ApiError::param("stream_format", message));
            }
        };
        let mut params = Map::new();
        // A text that looks like Markdown or SSML is read as it stands.
        params.insert("format".into(), "plain".into());
        params.insert("audio".into(), sound.file().into());
        if let Some(voice) = voice(body, voices)? {
            params.insert("voice".into(), voice.into());
        }
        if let Some(rate) = rate(body.speed, &mut warnings)? {
            params.insert("rate".into(), json!(rate));
        }
        if body.instructions.as_deref().is_some_and(|text| !text.trim().is_empty()) {
            warnings.push("instructions have no counterpart: no voice here follows them".into());
        }
        Ok(Self { params: params.into(), sound, events, warnings })
    }
}

fn voice<'a>(body: &'a SpeechBody, voices: &[String]) -> Result<Option<&'a str>, ApiError> {
    let (VoiceBody::Name(asked) | VoiceBody::Id { id: asked }) = match &body.voice {
        Some(voice) => voice,
        None => return Ok(None),
    };
    let found = names::voice(asked, voices).ok_or_else(|| {
        ApiError::param("voice", format!("there is no voice '{asked}'; GET /v1/audio/voices lists those there are"))
    })?;
    Ok(Some(found))
}

fn rate(speed: Option<f64>, warnings: &mut Vec<String>) -> Result<Option<f64>, ApiError> {
    let Some(speed) = speed.filter(|speed| (speed - 1.0).abs() > f64::EPSILON) else { return Ok(None) };
    if !(0.25..=4.0).contains(&speed) {
        return Err(ApiError::param("speed", format!("speed is {speed}; use 0.25 to 4")));
    }
    let rate = speed.clamp(MIN_RATE, MAX_RATE);
    if (rate - speed).abs() > f64::EPSILON {
        warnings.push(format!("speed {speed} is beyond what the voices do: {rate} is used"));
    }
    Ok(Some(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(more: Value) -> Result<Speaking, ApiError> {
        let mut body = json!({ "input": "Hello.", "model": "tts-1", "voice": "alloy" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let voices = ["hibari", "joe"].map(str::to_owned);
        Speaking::of(&serde_json::from_value(body).unwrap(), &voices)
    }

    #[test]
    fn members_become_params() {
        let plain = of(json!({})).unwrap();
        assert_eq!(plain.params, json!({ "format": "plain", "audio": "mp3", "voice": "hibari" }));
        assert_eq!((plain.sound, plain.events, plain.warnings.len()), (Sound::Mp3, false, 0));
        let more = json!({
            "voice": { "id": "onyx" }, "response_format": "pcm", "speed": 1.5, "stream_format": "sse", "unknown": 1,
        });
        let more = of(more).unwrap();
        assert_eq!(more.params, json!({ "format": "plain", "audio": "wav", "voice": "joe", "rate": 1.5 }));
        assert_eq!((more.sound, more.events), (Sound::Pcm, true));
    }

    #[test]
    fn what_voices_cannot_do_is_said() {
        let slow = of(json!({ "speed": 0.25, "instructions": "Speak in a cheerful tone." })).unwrap();
        assert_eq!((slow.params["rate"].as_f64(), slow.warnings.len()), (Some(0.5), 2));
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        for (member, value) in [
            ("speed", json!(9)),
            ("response_format", json!("aiff")),
            ("stream_format", json!("ws")),
            ("voice", json!("nobody")),
            ("input", json!("  ")),
        ] {
            let error = of(json!({ member: value })).unwrap_err();
            assert_eq!((error.status.as_u16(), error.param.as_deref()), (400, Some(member)));
        }
    }
}
