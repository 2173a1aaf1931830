//! Kokoro's letters for the symbols of both front ends. English is misaki's, letter for letter; Chinese is its IPA with
//! arrows for tones (misaki's ZHG2P of v1.0: an equal table on all its syllables but three interjections).

use crate::{
    language::Language,
    phonemes::{BETWEEN_SYLLABLES, BETWEEN_WORDS, Symbol, chinese::NO_INITIAL},
};

/// Where a symbol stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) before: Option<&'a Symbol>,
    /// Whether no word follows.
    pub(super) is_last: bool,
}

/// The letters of a symbol.
pub(super) fn tokens(symbol: &Symbol, place: Place<'_>) -> String {
    match (symbol.word, symbol.language) {
        (None, _) => mark(&symbol.text, place).into(),
        (Some(_), Language::En) => symbol.text.clone(),
        (Some(_), Language::Zh) => match initial(&symbol.text) {
            Some(letters) => letters.into(),
            None => rime(&symbol.text, place.before),
        },
    }
}

fn mark(text: &str, place: Place<'_>) -> &'static str {
    // Behind a mark stands a space in any case.
    let spaced = place.before.is_some_and(|before| before.word.is_none() && !before.is_seam());
    match (text, place.is_last) {
        (BETWEEN_SYLLABLES, _) | (" " | BETWEEN_WORDS, true) => "",
        (" " | BETWEEN_WORDS, false) => {
            if spaced {
                ""
            } else {
                " "
            }
        }
        ("，" | ",", false) => ", ",
        ("。" | ".", false) => ". ",
        ("！" | "!", false) => "! ",
        ("？" | "?", false) => "? ",
        (";", false) => "; ",
        (":", false) => ": ",
        ("—", false) => "— ",
        ("…", false) => "… ",
        ("，" | ",", true) => ",",
        ("。" | ".", true) => ".",
        ("！" | "!", true) => "!",
        ("？" | "?", true) => "?",
        (";", true) => ";",
        (":", true) => ":",
        ("—", true) => "—",
        ("…", true) => "…",
        _ => "",
    }
}

fn initial(text: &str) -> Option<&'static str> {
    Some(match text {
        NO_INITIAL => "",
        "b" => "p",
        "p" => "pʰ",
        "m" => "m",
        "f" => "f",
        "d" => "t",
        "t" => "tʰ",
        "n" => "n",
        "l" => "l",
        "g" => "k",
        "k" => "kʰ",
        "h" => "x",
        "j" => "ʨ",
        "q" => "ʨʰ",
        "x" => "ɕ",
        "zh" => "ꭧ",
        "ch" => "ꭧʰ",
        "sh" => "ʂ",
        "r" => "ɻ",
        "z" => "ʦ",
        "c" => "ʦʰ",
        "s" => "s",
        _ => return None,
    })
}

/// A final with its tone as an arrow behind its vowel.
fn rime(text: &str, before: Option<&Symbol>) -> String {
    let (name, tone) = text.split_at(text.len().saturating_sub(1));
    let arrow = match tone {
        "1" => "→",
        "2" => "↗",
        "3" => "↓",
        "4" => "↘",
        _ => "",
    };
    let labial =
        before.is_some_and(|before| before.word.is_some() && matches!(before.text.as_str(), "b" | "p" | "m" | "f"));
    let (vowel, coda) = match name {
        "a" => ("a", ""),
        "ai" => ("ai", ""),
        "an" => ("a", "n"),
        "ang" => ("a", "ŋ"),
        "ao" => ("au", ""),
        "e" => ("ɤ", ""),
        "ei" => ("ei", ""),
        "en" => ("ə", "n"),
        "eng" => ("ə", "ŋ"),
        "er" => ("ɚ", ""),
        "i" => ("i", ""),
        "ia" => ("ja", ""),
        "ian" => ("jɛ", "n"),
        "iang" => ("ja", "ŋ"),
        "iao" => ("jau", ""),
        "ie" => ("je", ""),
        "ii" | "iii" => ("ɨ", ""),
        "in" => ("i", "n"),
        "ing" => ("i", "ŋ"),
        "iong" => ("jʊ", "ŋ"),
        "iou" => ("jou", ""),
        "o" if labial => ("wo", ""),
        "o" => ("ɔ", ""),
        "ong" => ("ʊ", "ŋ"),
        "ou" => ("ou", ""),
        "u" => ("u", ""),
        "ua" => ("wa", ""),
        "uai" => ("wai", ""),
        "uan" => ("wa", "n"),
        "uang" => ("wa", "ŋ"),
        "uei" => ("wei", ""),
        "uen" => ("wə", "n"),
        "ueng" => ("wə", "ŋ"),
        "uo" => ("wo", ""),
        "v" => ("y", ""),
        "van" => ("ɥɛ", "n"),
        "ve" => ("ɥe", ""),
        "vn" => ("y", "n"),
        _ => return String::new(),
    };
    format!("{vowel}{arrow}{coda}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        normalization::chinese::normalise,
        phonemes::chinese::{Segmenter, symbols},
    };

    fn written(phrase: &[Symbol]) -> String {
        let last = phrase.iter().rposition(|symbol| symbol.word.is_some()).unwrap_or(0);
        let place = |n: usize| Place { before: n.checked_sub(1).map(|n| &phrase[n]), is_last: n > last };
        phrase.iter().enumerate().map(|(n, symbol)| tokens(symbol, place(n))).collect()
    }

    /// misaki 0.9's ZHG2P without a version gives the same, but for third tones that rise before others, and erhua.
    #[test]
    fn chinese_is_written_as_misaki_writes_it() {
        let segmenter = Segmenter::new();
        for (text, wanted) in [
            ("大家好，你们知道吗？", "ta↘ʨja→ xau↓, ni↓mən ꭧɨ→tau ma?"),
            ("我喜欢喝茶。", "wo↗ ɕi↓xwan xɤ→ꭧʰa↗."),
            ("波浪与鱼。", "pwo→la↘ŋ y↓ y↗."),
            ("春天的云很远。", "ꭧʰwə→ntʰjɛ→ntɤ y↗n xə↗n ɥɛ↓n."),
            ("小孩儿在玩儿。", "ɕjau↓xai↗ɚ ʦai↘ wa↗nɚ."),
            ("四是四，十是十", "sɨ↘ʂɨ↘ sɨ↘, ʂɨ↗ʂɨ↘ ʂɨ↗"),
        ] {
            let (phrase, _) = symbols(&segmenter, &normalise(text, 0..text.len())).unwrap();
            assert_eq!(written(&phrase), wanted, "{text}");
        }
    }

    #[test]
    fn two_marks_have_one_space() {
        let phrase = [Symbol::of('h', 0), Symbol::mark(","), Symbol::mark(" "), Symbol::of('m', 1), Symbol::mark("!")];
        assert_eq!(written(&phrase), "h, m!");
    }
}
