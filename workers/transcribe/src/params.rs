use medley_proto::ErrorCode;
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The params of a `transcribe` job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TranscribeParams {
    /// The Whisper model: `auto` (the multilingual base model) or the name of an entry of `medley models list`
    /// without its `whisper-`, such as `tiny.en` or `large-v3-turbo`.
    pub model: String,
    /// The language spoken, as ISO 639-1 (`en`, `zh`); `auto` detects it everywhere, and decodes each part of a file with
    /// several languages in its own.
    pub language: String,
    /// The sound track to read, from 1; 0 is the one that the file flags as default, or the first that is not silent.
    pub track: u32,
    /// Write down what is said, or say it in English.
    pub task: Task,
    /// Text in the style of what is wanted (spelling, punctuation, names); it is not part of the transcript.
    pub initial_prompt: String,
    /// Names and terms that are likely to be said, so that they are spelled like this.
    pub hotwords: Vec<String>,
    /// How many hypotheses are kept: 1 (greedy, fastest) to 8.
    pub beam_size: u8,
    /// Decode a window again with a higher temperature when its text repeats itself or is improbable.
    pub temperature_fallback: bool,
    /// Find the time of every word; without it words and segments are placed by the pauses and their length alone.
    pub word_timestamps: bool,
    /// The script of Chinese text.
    pub script: Script,
    /// Who says what: `auto` tells speakers apart, a number says how many there are, `off` leaves them out. A podcast is
    /// `auto` unless this says otherwise, everything else `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub speakers: Option<SpeakerCount>,
    /// Which channels are heard as what: `mix` makes one sound of all, with `split` each channel is a speaker, as in
    /// recordings of calls; then no voice prints are made.
    pub channels: Channels,
    /// How sure the voice detector must be that somebody speaks, 0 to 1. Lower finds more speech, and more that is none.
    pub vad_threshold: f32,
    /// What becomes of a recording in which nobody speaks: the error `no_speech`, or an empty transcript.
    pub silence: Silence,
    /// Characters in a line of a subtitle; 0 is 42 letters or 16 full-width characters.
    pub max_line_chars: u16,
    /// Lines of a subtitle, 1 or 2.
    pub max_lines: u8,
}

impl Default for TranscribeParams {
    fn default() -> Self {
        Self {
            model: "auto".into(),
            language: "auto".into(),
            track: 0,
            task: Task::Transcribe,
            initial_prompt: String::new(),
            hotwords: Vec::new(),
            beam_size: 1,
            temperature_fallback: true,
            word_timestamps: true,
            script: Script::Simplified,
            speakers: None,
            channels: Channels::Mix,
            vad_threshold: 0.5,
            silence: Silence::Error,
            max_line_chars: 0,
            max_lines: 2,
        }
    }
}

/// What the channels of a recording are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// One sound.
    #[default]
    Mix,
    /// A speaker each.
    Split,
}

/// How many speakers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpeakerCount {
    /// Nobody asks.
    #[default]
    Off,
    /// As many as are heard.
    Auto,
    /// At most so many.
    Known(u16),
}

/// The most speakers that may be asked for.
const MAX_SPEAKERS: u16 = 99;

impl std::str::FromStr for SpeakerCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("off", _) => Ok(Self::Off),
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(count @ 1..=MAX_SPEAKERS)) => Ok(Self::Known(count)),
            _ => Err(format!("speakers is '{text}'; use auto, off or a number from 1 to {MAX_SPEAKERS}")),
        }
    }
}

impl std::fmt::Display for SpeakerCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Auto => f.write_str("auto"),
            Self::Known(count) => count.fmt(f),
        }
    }
}

impl Serialize for SpeakerCount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// As text, or as the number itself.
impl<'de> Deserialize<'de> for SpeakerCount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(u64),
        }
        let text = match Either::deserialize(from)? {
            Either::Text(text) => text,
            Either::Number(count) => count.to_string(),
        };
        text.parse().map_err(D::Error::custom)
    }
}

/// What becomes of a recording in which nobody speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// The job ends with `no_speech`.
    #[default]
    Error,
    /// The transcript is empty.
    Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// In the language spoken.
    Transcribe,
    /// Into English.
    Translate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    Simplified,
    Traditional,
    /// As the model writes it.
    AsHeard,
}

/// The longest prompt that is taken, in bytes: what Whisper keeps of it is 223 tokens.
const PROMPT_MAX_BYTES: usize = 4096;

impl TranscribeParams {
    /// The model's name with `auto` resolved.
    pub fn model(&self) -> &str {
        if self.model == "auto" { "base" } else { &self.model }
    }

    /// Whether speakers are told apart.
    pub(crate) fn tells_speakers(&self) -> bool {
        self.channels == Channels::Split || !matches!(self.speakers, None | Some(SpeakerCount::Off))
    }

    /// The language, when the user or the model leaves no choice.
    pub fn fixed_language(&self) -> Option<&str> {
        if self.language != "auto" {
            Some(&self.language)
        } else if self.model().ends_with(".en") {
            Some("en")
        } else {
            None
        }
    }

    /// Refuses params that no step could use.
    ///
    /// # Errors
    /// `params_invalid`, with a sentence that names the parameter and what it may be.
    pub fn check(&self) -> Result<(), StepError> {
        let refuse = |what: String| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, what));
        if !(1..=8).contains(&self.beam_size) {
            return refuse(format!("beam_size is {}; use 1 to 8", self.beam_size));
        }
        if !(0.05..=0.95).contains(&self.vad_threshold) {
            return refuse(format!("vad_threshold is {}; use 0.05 to 0.95", self.vad_threshold));
        }
        if self.channels == Channels::Split && !matches!(self.speakers, None | Some(SpeakerCount::Auto)) {
            return refuse("channels is split, so each channel is a speaker; leave speakers out".into());
        }
        if !(1..=2).contains(&self.max_lines) {
            return refuse(format!("max_lines is {}; use 1 or 2", self.max_lines));
        }
        if self.max_line_chars != 0 && !(8..=120).contains(&self.max_line_chars) {
            return refuse(format!("max_line_chars is {}; use 8 to 120, or 0", self.max_line_chars));
        }
        if self.language != "auto" && !knows_language(&self.language) {
            return refuse(format!(
                "language '{}' is none that Whisper knows; use ISO 639-1 such as en or zh, or auto",
                self.language
            ));
        }
        if self.model().ends_with(".en") && (self.fixed_language() != Some("en") || self.task == Task::Translate) {
            return refuse(format!("model '{}' only hears English; use base or another without .en", self.model));
        }
        let prompt = self.initial_prompt.len() + self.hotwords.iter().map(String::len).sum::<usize>();
        if prompt > PROMPT_MAX_BYTES {
            return refuse(format!("initial_prompt and hotwords have {prompt} bytes; use at most {PROMPT_MAX_BYTES}"));
        }
        if self.initial_prompt.contains('\0') || self.hotwords.iter().any(|word| word.contains('\0')) {
            return refuse("initial_prompt or hotwords contain a NUL character; remove it".into());
        }
        Ok(())
    }
}

/// Whether this is an ISO 639-1 code of Whisper's. Whisper also accepts full English names, which nothing else here does.
fn knows_language(code: &str) -> bool {
    crate::whisper::LANGUAGES.contains(&code)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn speakers_are_a_word_or_a_number() {
        let read = |value| serde_json::from_value::<TranscribeParams>(json!({ "speakers": value }));
        assert_eq!(read(json!("auto")).unwrap().speakers, Some(SpeakerCount::Auto));
        assert_eq!(read(json!("off")).unwrap().speakers, Some(SpeakerCount::Off));
        assert_eq!(read(json!("3")).unwrap().speakers, Some(SpeakerCount::Known(3)));
        assert_eq!(read(json!(3)).unwrap().speakers, Some(SpeakerCount::Known(3)));
        assert_eq!(serde_json::to_value(SpeakerCount::Known(3)).unwrap(), json!("3"));
        for wrong in [json!(0), json!("many"), json!(100), json!(-1)] {
            assert!(read(wrong).is_err());
        }
        assert!(!TranscribeParams::default().tells_speakers());
        assert!(serde_json::to_value(TranscribeParams::default()).unwrap().get("speakers").is_none());
    }
}
