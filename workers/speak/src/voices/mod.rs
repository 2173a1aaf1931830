//! Voices by name: which there are, which speak which language, and mixes of them.

mod list;
mod mix;
mod speakers;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use list::{Listed, Sex, VOICES};
pub(crate) use mix::{Blend, Mix};
pub(crate) use speakers::Speakers;

use crate::language::Language;

/// The voice of English.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum EnglishVoice {
    #[default]
    Hibari,
    Joe,
    Kokoro(Mix),
}

/// The voice of Chinese.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum ChineseVoice {
    #[default]
    Baker,
    Kokoro(Mix),
}

/// Who speaks each language. Its text form names one voice, or several apart by commas, each for the languages that it
/// speaks; a language that none of them speaks keeps its default voice. A mix of voices, `af_heart:0.6+am_michael:0.4`,
/// is one voice that speaks the languages of all its parts; `timbre/prosody` takes the sound of one and the melody of
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Voices {
    pub(crate) english: EnglishVoice,
    pub(crate) chinese: ChineseVoice,
}

impl Voices {
    /// The mix that speaks both languages, if one does: it can speak a mixed sentence in one breath.
    pub(crate) fn of_both(&self) -> Option<Mix> {
        match (self.english, self.chinese) {
            (EnglishVoice::Kokoro(english), ChineseVoice::Kokoro(chinese)) if english == chinese => Some(english),
            _ => None,
        }
    }

    /// The same with the voices that a name of SSML stands for, and the language that text in it is read as.
    ///
    /// # Errors
    /// A sentence that says which names there are.
    pub(crate) fn with(mut self, name: &str) -> Result<(Self, Option<Language>), String> {
        let mut languages = Vec::new();
        for spoken in split(name) {
            OneVoice::from_str(spoken)?.set(&mut self, &mut languages)?;
        }
        Ok((self, (languages == [Language::Zh]).then_some(Language::Zh)))
    }
}

fn split(names: &str) -> impl Iterator<Item = &str> {
    names.split(',').map(str::trim)
}

/// One voice of a list.
enum OneVoice {
    Hibari,
    Joe,
    Baker,
    Kokoro(Mix),
}

impl OneVoice {
    fn languages(&self) -> Vec<Language> {
        match self {
            Self::Hibari | Self::Joe => vec![Language::En],
            Self::Baker => vec![Language::Zh],
            Self::Kokoro(mix) => mix.languages(),
        }
    }

    /// Gives it the languages that it speaks and nobody before it.
    fn set(&self, voices: &mut Voices, taken: &mut Vec<Language>) -> Result<(), String> {
        let mut speaks = self.languages();
        let named = speaks.first().map_or("a language", |language| language.name());
        speaks.retain(|language| !taken.contains(language));
        if speaks.is_empty() {
            return Err(format!("two voices are named for {named}; name one for each language"));
        }
        for language in speaks {
            taken.push(language);
            match (self, language) {
                (Self::Hibari, _) => voices.english = EnglishVoice::Hibari,
                (Self::Joe, _) => voices.english = EnglishVoice::Joe,
                (Self::Baker, _) => voices.chinese = ChineseVoice::Baker,
                (Self::Kokoro(mix), Language::En) => voices.english = EnglishVoice::Kokoro(*mix),
                (Self::Kokoro(mix), Language::Zh) => voices.chinese = ChineseVoice::Kokoro(*mix),
            }
        }
        Ok(())
    }
}

impl fmt::Display for OneVoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hibari => f.write_str("hibari"),
            Self::Joe => f.write_str("joe"),
            Self::Baker => f.write_str("baker"),
            Self::Kokoro(mix) => write!(f, "{mix}"),
        }
    }
}

impl FromStr for OneVoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name.to_lowercase().as_str() {
            "hibari" => Self::Hibari,
            "joe" | "piper-joe" => Self::Joe,
            "baker" | "fastspeech2-baker" => Self::Baker,
            name => Self::Kokoro(name.parse()?),
        })
    }
}

impl FromStr for Voices {
    type Err = String;

    fn from_str(names: &str) -> Result<Self, String> {
        Ok(Self::default().with(names)?.0)
    }
}

impl TryFrom<String> for Voices {
    type Error = String;

    fn try_from(names: String) -> Result<Self, String> {
        names.parse()
    }
}

impl From<Voices> for String {
    fn from(voices: Voices) -> Self {
        voices.to_string()
    }
}

impl fmt::Display for Voices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mix) = self.of_both() {
            return write!(f, "{mix}");
        }
        let english = match self.english {
            EnglishVoice::Hibari => OneVoice::Hibari,
            EnglishVoice::Joe => OneVoice::Joe,
            EnglishVoice::Kokoro(mix) => OneVoice::Kokoro(mix),
        };
        let chinese = match self.chinese {
            ChineseVoice::Baker => OneVoice::Baker,
            ChineseVoice::Kokoro(mix) => OneVoice::Kokoro(mix),
        };
        // A voice of both languages that speaks one of them comes behind the other's.
        match (english.languages().len(), chinese.languages().len()) {
            (2, _) => write!(f, "{chinese},{english}"),
            (_, 1) if self.chinese == ChineseVoice::default() => write!(f, "{english}"),
            (_, 1) if self.english == EnglishVoice::default() => write!(f, "{chinese}"),
            _ => write!(f, "{english},{chinese}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &str) -> Voices {
        names.parse().unwrap()
    }

    #[test]
    fn voices_have_one_text_form() {
        for (given, canonical) in [
            ("hibari", "hibari"),
            ("joe", "joe"),
            ("baker", "hibari"),
            ("AF_Heart", "af_heart"),
            ("alloy", "af_alloy"),
            ("zf_xiaoxiao", "zf_xiaoxiao"),
            ("joe, zm_yunxi", "joe,zm_yunxi"),
            ("zm_yunxi,onyx", "am_onyx,zm_yunxi"),
            ("af_heart:0.6+am_michael:0.4", "af_heart:0.6+am_michael:0.4"),
            ("af_heart+am_michael", "af_heart:1+am_michael:1"),
            ("zf_xiaoxiao+af_heart/zf_xiaoxiao", "zf_xiaoxiao:1+af_heart:1/zf_xiaoxiao"),
        ] {
            assert_eq!(read(given).to_string(), canonical, "{given}");
            assert_eq!(read(canonical), read(given));
        }
        assert_eq!(read("hibari"), Voices::default());
        // A voice of both languages of which one was given to another.
        let both = read("zf_xiaoxiao+af_heart");
        for (name, canonical) in [
            ("joe", "joe,zf_xiaoxiao:1+af_heart:1"),
            ("baker", "baker,zf_xiaoxiao:1+af_heart:1"),
            ("hibari", "hibari,zf_xiaoxiao:1+af_heart:1"),
        ] {
            let (voices, _) = both.with(name).unwrap();
            assert_eq!((voices.to_string().as_str(), read(canonical)), (canonical, voices));
        }
    }

    #[test]
    fn a_mix_of_two_languages_speaks_both() {
        assert!(read("zf_xiaoxiao+af_heart/zf_xiaoxiao").of_both().is_some());
        assert!(read("af_heart,zf_xiaoxiao").of_both().is_none());
        assert!(read("af_heart").of_both().is_none());
        assert_eq!(read("af_heart").chinese, ChineseVoice::Baker);
    }

    #[test]
    fn what_is_no_voice_is_refused_with_the_names_that_are() {
        for (bad, says) in [
            ("af_haert", "there is no voice 'af_haert'; did you mean af_heart?"),
            ("robot", "there is no voice 'robot'"),
            ("", "there is no voice ''"),
            ("af_heart,joe", "two voices are named for English"),
            ("af_heart:0+am_adam:1", "above 0"),
            ("af_heart:x", "above 0"),
            ("af_heart+am_adam+af_sky+am_eric+af_nova", "at most 4"),
            ("af_heart/am_adam/af_sky", "timbre/prosody"),
            ("af_heart+joe", "there is no voice 'joe' that can be mixed"),
        ] {
            let error = bad.parse::<Voices>().unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    #[test]
    fn ssml_changes_the_voices_that_it_names() {
        let (voices, language) = read("joe,zm_yunxi").with("nova").unwrap();
        assert_eq!((voices.to_string().as_str(), language), ("af_nova,zm_yunxi", None));
        assert_eq!(read("joe").with("baker").unwrap().1, Some(Language::Zh));
        assert_eq!(read("joe").with("zf_xiaoyi").unwrap().1, Some(Language::Zh));
    }
}
