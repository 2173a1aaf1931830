use medley_media::audio::AudioFormat;
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    SpeakError,
    delivery::Delivery,
    language::Language,
    pronunciation::Lexicon,
    voices::{Speakers, Voices},
};

/// The parameters of a `speak` job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpeakParams {
    /// The main language of every sentence; `auto` finds it for each. Words of the other language are spoken by its
    /// voice all the same.
    pub language: MainLanguage,
    /// The voice, or one for each language with a comma between (`af_heart,zf_xiaoxiao`); `medley voices` lists all. Mixes:
    /// `af_heart:0.6+am_michael:0.4`, and `timbre/prosody`.
    #[schemars(with = "String")]
    pub voice: Voices,
    /// The voices of `[NAME]` tags in the text: `A=af_heart B=am_michael`. A voice's own name in brackets needs none.
    pub speakers: String,
    /// How fast: 1 is the voice's own pace, 0.5 half, 2 twice as fast.
    pub rate: f32,
    /// How high: 1 is the voice's own pitch.
    pub pitch: f32,
    /// What the text is.
    pub format: TextFormat,
    /// A pronunciation lexicon as CSV text (`--lexicon "$(cat words.csv)"`): rows of `written,said` or
    /// `written,said,alphabet` with the alphabet `text`, `ipa` or `pinyin`.
    pub lexicon: String,
    /// Let Whisper read the speech back: `quality` says how many of its words were heard wrongly, `read-back.json` where.
    pub verify: bool,
    /// The file to make: `speech.wav`, `speech.mp3`, …
    pub audio: SpeechFormat,
    /// Samples a second: 16000, 22050, 24000, 44100 or 48000.
    pub sample_rate_hz: u32,
    /// Loudness of the whole (EBU R 128): `podcast` −16 LUFS, `broadcast` −23, `off` as the voices are. True peaks stay
    /// below −1 dBTP.
    pub loudness: LoudnessTarget,
}

impl Default for SpeakParams {
    fn default() -> Self {
        Self {
            language: MainLanguage::Auto,
            voice: Voices::default(),
            speakers: String::new(),
            rate: 1.0,
            pitch: 1.0,
            format: TextFormat::Auto,
            lexicon: String::new(),
            verify: false,
            audio: SpeechFormat::Wav,
            sample_rate_hz: 24_000,
            loudness: LoudnessTarget::Podcast,
        }
    }
}

/// Which language a sentence is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MainLanguage {
    Auto,
    En,
    Zh,
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// By the file's name and how it begins.
    Auto,
    Plain,
    /// Headings pause, links are read by their text, code is skipped.
    Markdown,
    /// A subset of SSML 1.1: speak, p, s, break, prosody, say-as, sub, phoneme, lang, voice, mark, emphasis, audio.
    Ssml,
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpeechFormat {
    /// 16-bit PCM.
    Wav,
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Ogg,
    Flac,
    /// AAC in MP4.
    M4a,
    /// AAC as a bare stream (ADTS).
    Aac,
}

impl SpeechFormat {
    /// The file that is made.
    pub fn file_name(self) -> String {
        format!("speech.{}", self.media().extension())
    }

    pub(crate) fn media(self) -> AudioFormat {
        match self {
            Self::Wav => AudioFormat::Wav,
            Self::Mp3 => AudioFormat::Mp3,
            Self::Opus => AudioFormat::Opus,
            Self::Ogg => AudioFormat::Ogg,
            Self::Flac => AudioFormat::Flac,
            Self::M4a => AudioFormat::M4a,
            Self::Aac => AudioFormat::Aac,
        }
    }
}

/// How loud the whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoudnessTarget {
    Podcast,
    Broadcast,
    Off,
}

impl LoudnessTarget {
    pub(crate) fn lufs(self) -> Option<f64> {
        match self {
            Self::Podcast => Some(-16.0),
            Self::Broadcast => Some(-23.0),
            Self::Off => None,
        }
    }
}

/// The sample rates that files may have.
const RATES_HZ: [u32; 5] = [16_000, 22_050, 24_000, 44_100, 48_000];

impl SpeakParams {
    /// Refuses what no step could use.
    ///
    /// # Errors
    /// `params_invalid`.
    pub fn check(&self) -> Result<(), StepError> {
        let refuse = |what: String| Err(SpeakError::Params { what }.into());
        if !RATES_HZ.contains(&self.sample_rate_hz) {
            return refuse(format!("sample_rate_hz is {}: use one of {RATES_HZ:?}", self.sample_rate_hz));
        }
        if !(0.5..=2.0).contains(&self.rate) {
            return refuse(format!("rate is {}: use 0.5 to 2", self.rate));
        }
        if !(0.5..=2.0).contains(&self.pitch) {
            return refuse(format!("pitch is {}: use 0.5 to 2", self.pitch));
        }
        Lexicon::read(&[&self.lexicon])?;
        self.speakers()?;
        Ok(())
    }

    pub(crate) fn language(&self) -> Option<Language> {
        match self.language {
            MainLanguage::Auto => None,
            MainLanguage::En => Some(Language::En),
            MainLanguage::Zh => Some(Language::Zh),
        }
    }

    /// # Errors
    /// `params_invalid` for what is no speaker.
    pub(crate) fn speakers(&self) -> Result<Speakers, SpeakError> {
        let wrong = |what| SpeakError::Params { what: format!("speakers: {what}") };
        Speakers::read(&self.speakers, self.voice).map_err(wrong)
    }

    pub(crate) fn delivery(&self) -> Delivery {
        Delivery { voices: self.voice, rate: self.rate, pitch: self.pitch, volume_db: 0.0 }
    }
}
