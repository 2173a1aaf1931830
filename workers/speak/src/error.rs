use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// What can go wrong while text becomes speech.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpeakError {
    #[error("{input}: there is nothing to say in it; give text with words or numbers in English or Chinese")]
    NothingToSay { input: String },
    #[error("{input}: {bytes} bytes of text are more than the {limit} that one job speaks; split it into several")]
    TooLong { input: String, bytes: u64, limit: u64 },
    #[error("{input}: the text is not UTF-8 at byte {offset}; convert it (iconv -t UTF-8) and run the job again")]
    NotUtf8 { input: String, offset: usize },
    #[error("{input}: the text is in {language}, which no voice speaks; {advice}")]
    Language { input: String, language: &'static str, advice: &'static str },
    #[error("{input}: line {line}, column {column}: {what}")]
    Ssml { input: String, line: usize, column: usize, what: String },
    #[error("lexicon, line {line}: {what}")]
    Lexicon { line: u64, what: String },
    #[error("'{pinyin}' is no Chinese syllable; correct the pinyin of the lexicon or of <phoneme>")]
    Syllable { pinyin: String },
    #[error("{what}")]
    Params { what: String },
    #[error("espeak-ng cannot be run as a program: install it (apt-get install espeak-ng)")]
    EspeakMissing(#[source] std::io::Error),
    #[error("espeak-ng stopped answering while it read {text:?}")]
    EspeakLost { text: String },
    #[error("voice '{voice}' cannot speak {text:?}")]
    Voice {
        voice: &'static str,
        text: String,
        #[source]
        source: ort::Error,
    },
    #[error("{what} of the voice '{voice}' is not as it should be; run `medley models pull {voice}`")]
    VoiceFile { voice: &'static str, what: &'static str },
    #[error(transparent)]
    Model(#[from] medley_models::ModelError),
    #[error(transparent)]
    Media(#[from] medley_media::MediaError),
    #[error("cannot read or write a part of the speech")]
    Part(#[source] std::io::Error),
}

impl SpeakError {
    /// The stable code that users see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NothingToSay { .. } => ErrorCode::MEDIA_EMPTY,
            Self::TooLong { .. } => ErrorCode::MEDIA_TOO_LARGE,
            Self::Language { .. } => ErrorCode::new("language_unsupported"),
            Self::NotUtf8 { .. } => ErrorCode::MEDIA_UNDECODABLE,
            Self::Ssml { .. } | Self::Syllable { .. } => ErrorCode::new("ssml_invalid"),
            Self::Lexicon { .. } => ErrorCode::new("lexicon_invalid"),
            Self::Params { .. } => ErrorCode::PARAMS_INVALID,
            Self::EspeakMissing(_) => ErrorCode::TOOL_MISSING,
            Self::EspeakLost { .. } => ErrorCode::SERVICE_UNAVAILABLE,
            Self::VoiceFile { .. } => ErrorCode::MODEL_CORRUPT,
            Self::Model(error) => error.code(),
            Self::Media(error) => error.code(),
            Self::Voice { .. } | Self::Part(_) => ErrorCode::INTERNAL,
        }
    }
}

impl Retryable for SpeakError {
    fn into_step_error(self) -> StepError {
        match self {
            Self::Model(error) => error.into_step_error(),
            Self::Media(error) => error.into_step_error(),
            Self::Part(error) => error.into(),
            Self::EspeakLost { .. } => StepError::transient(self.code(), self.to_string()),
            _ => StepError::permanent(self.code(), self.to_string()).because(self),
        }
    }
}
