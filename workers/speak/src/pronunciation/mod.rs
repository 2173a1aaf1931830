//! Pronunciations that SSML or a lexicon gives for stretches of a text.

mod lexicon;
mod spoken_text;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub(crate) use lexicon::Lexicon;
pub(crate) use spoken_text::SpokenText;

use crate::language::Language;

/// The pronunciation of a stretch of a text. Lines of `script.jsonl` hold these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// Its place in the text, in bytes.
    pub(crate) range: Range<usize>,
    pub(crate) how: Pronunciation,
}

/// How something is pronounced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pronunciation {
    /// Like this text.
    Said(String),
    /// In English phonemes (IPA as espeak-ng writes it).
    Ipa(String),
    /// In Chinese syllables with their tones, `zhong1 guo2`.
    Pinyin(String),
}

/// Letters and signs of the IPA that the English voices know.
const IPA: &str =
    "abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɡgɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʝʟʡʢˈˌːˑθχβ ";
const INITIALS: [&str; 23] = [
    "zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "r", "z", "c", "s", "y",
    "w",
];
const FINALS: [&str; 37] = [
    "a", "o", "e", "i", "u", "v", "ai", "ei", "ao", "ou", "an", "en", "ang", "eng", "ong", "er", "ia", "ie", "iao",
    "iu", "ian", "in", "iang", "ing", "iong", "ua", "uo", "uai", "ui", "uan", "un", "uang", "ue", "ve", "van", "vn",
    "ueng",
];

impl Pronunciation {
    /// The language that the phonemes belong to.
    pub(crate) fn language(&self) -> Language {
        match self {
            Self::Pinyin(_) => Language::Zh,
            Self::Ipa(_) | Self::Said(_) => Language::En,
        }
    }

    /// Parses and checks phonemes.
    ///
    /// # Errors
    /// A sentence that names what is not a phoneme of that alphabet.
    pub(crate) fn phonemes(alphabet: &str, written: &str) -> Result<Self, String> {
        let written = written.trim();
        if written.is_empty() {
            return Err("there are no phonemes".into());
        }
        match alphabet {
            "ipa" => {
                // Ties, and the marks of other dictionaries.
                let ipa = written.replace(['\u{361}', '\u{200d}', '.', '/'], "").replace('\'', "ˈ");
                match ipa.chars().find(|c| !IPA.contains(*c)) {
                    Some(c) => Err(format!("'{c}' is no IPA letter that the English voices know")),
                    None => Ok(Self::Ipa(ipa)),
                }
            }
            "pinyin" | "x-pinyin" => {
                let syllables = written.to_lowercase().replace('ü', "v");
                match syllables.split_whitespace().find(|syllable| !is_syllable(syllable)) {
                    Some(syllable) => Err(format!(
                        "'{syllable}' is no pinyin syllable with its tone; write syllables apart, like 'zhong1 guo2'"
                    )),
                    None => Ok(Self::Pinyin(syllables)),
                }
            }
            other => Err(format!("the alphabet '{other}' is not known; use ipa or pinyin")),
        }
    }
}

/// `zhong1`, `er2`, `lv4`.
fn is_syllable(text: &str) -> bool {
    let Some(letters) = text.strip_suffix(['1', '2', '3', '4', '5']) else { return false };
    let end = INITIALS.iter().find_map(|initial| letters.strip_prefix(initial)).unwrap_or(letters);
    FINALS.contains(&end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phonemes_are_checked() {
        assert!(Pronunciation::phonemes("ipa", "təmˈɑːɾoʊ").is_ok());
        assert!(Pronunciation::phonemes("ipa", "tə中").unwrap_err().contains('中'));
        assert_eq!(Pronunciation::phonemes("pinyin", "Lü4 zhong1"), Ok(Pronunciation::Pinyin("lv4 zhong1".into())));
        for bad in ["zhong", "zhongguo2", "xyz1", "7", ""] {
            assert!(Pronunciation::phonemes("pinyin", bad).is_err(), "{bad}");
        }
        assert!(Pronunciation::phonemes("arpabet", "T").is_err());
    }
}
