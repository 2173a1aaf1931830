//! Stretches of a text that are not read as they are written: what SSML or a lexicon says of them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// How a stretch of a text is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// Bytes of the text.
    pub(crate) range: Range<usize>,
    pub(crate) how: How,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// As this text is.
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

impl How {
    /// The language of phonemes.
    pub(crate) fn language(&self) -> Language {
        match self {
            Self::Pinyin(_) => Language::Zh,
            Self::Ipa(_) | Self::Said(_) => Language::En,
        }
    }

    /// Phonemes as they were written, checked.
    ///
    /// # Errors
    /// A sentence about what is no phoneme of that alphabet.
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

/// A text with its readings put in, and where each stretch of it came from.
#[derive(Debug)]
pub(crate) struct Script {
    /// What is said: the text with other words in place of those that have a reading.
    pub(crate) text: String,
    /// Stretches of `text` that stand for something else, in order, with what they stand for.
    put_in: Vec<(Range<usize>, Range<usize>)>,
    /// Stretches of `text` that are said in phonemes, in order.
    pub(crate) phonemes: Vec<(Range<usize>, How)>,
}

impl Script {
    /// `readings` are in order and apart.
    pub(crate) fn new(written: &str, readings: &[Reading]) -> Self {
        let mut script = Self { text: String::with_capacity(written.len()), put_in: Vec::new(), phonemes: Vec::new() };
        let mut at = 0;
        for Reading { range, how } in readings {
            script.text.push_str(&written[at..range.start]);
            let start = script.text.len();
            script.text.push_str(match how {
                How::Said(said) => said,
                How::Ipa(_) | How::Pinyin(_) => &written[range.clone()],
            });
            let place = start..script.text.len();
            if !matches!(how, How::Said(_)) {
                script.phonemes.push((place.clone(), how.clone()));
            }
            script.put_in.push((place, range.clone()));
            at = range.end;
        }
        script.text.push_str(&written[at..]);
        script
    }

    /// Where in the written text this stretch of the script is.
    pub(crate) fn written(&self, script: Range<usize>) -> Range<usize> {
        let place = |at: usize, is_end: bool| {
            let mut moved = 0_isize;
            for (place, written) in &self.put_in {
                let inside =
                    if is_end { place.start < at && at <= place.end } else { (place.start..place.end).contains(&at) };
                if inside {
                    return if is_end { written.end } else { written.start };
                }
                if at < place.start || (is_end && at == place.start) {
                    break;
                }
                moved = written.end as isize - place.end as isize;
            }
            at.saturating_add_signed(moved)
        };
        let (start, end) = (place(script.start, false), place(script.end, true));
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_points_to_what_is_written() {
        let written = "The W3C met 茅台 here.";
        let readings = [
            Reading { range: 4..7, how: How::Said("World Wide Web Consortium".into()) },
            Reading { range: 12..18, how: How::Pinyin("mao2 tai2".into()) },
        ];
        let script = Script::new(written, &readings);
        assert_eq!(script.text, "The World Wide Web Consortium met 茅台 here.");
        let wide = script.text.find("Wide").unwrap();
        assert_eq!(&written[script.written(wide..wide + 4)], "W3C");
        for word in ["The", "met", "茅台", "here."] {
            let at = script.text.find(word).unwrap();
            assert_eq!(&written[script.written(at..at + word.len())], word);
        }
        assert_eq!(script.phonemes.len(), 1);
    }

    #[test]
    fn phonemes_are_checked() {
        assert!(How::phonemes("ipa", "təmˈɑːɾoʊ").is_ok());
        assert!(How::phonemes("ipa", "tə中").unwrap_err().contains('中'));
        assert_eq!(How::phonemes("pinyin", "Lü4 zhong1"), Ok(How::Pinyin("lv4 zhong1".into())));
        for bad in ["zhong", "zhongguo2", "xyz1", "7", ""] {
            assert!(How::phonemes("pinyin", bad).is_err(), "{bad}");
        }
        assert!(How::phonemes("arpabet", "T").is_err());
    }
}
