//! Words of names and addresses that OCR misread by a letter that looks alike (`JIn`, `BIk`, `Malaysla`, `NO29O`).
//!
//! A word is mended only if the lexicon does not have it and has exactly one word that looks the same. Words of towns are
//! from GeoNames (`scripts/receipt_places.py`).

use std::{collections::HashMap, sync::LazyLock};

use super::{fold, squeeze};

/// A lexicon of words in capitals, by how they look.
pub(crate) struct Spelling {
    /// None where several words look alike.
    by_look: HashMap<Vec<char>, Option<String>>,
}

/// The words of towns.
pub(crate) static PLACES: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("places.txt").lines().collect());

/// Words shorter than this are too often something else.
const MIN_LETTERS: usize = 3;

impl Spelling {
    pub(crate) fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut by_look: HashMap<Vec<char>, Option<String>> = HashMap::new();
        for word in words.into_iter().filter(|word| word.len() >= MIN_LETTERS) {
            let known = by_look.entry(squeeze(word)).or_insert_with(|| Some(word.to_owned()));
            if known.as_deref().is_some_and(|known| known != word) {
                *known = None;
            }
        }
        Self { by_look }
    }

    /// The text with its misread words mended.
    pub(crate) fn mend(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars() {
            if c.is_alphanumeric() || matches!(c, '|' | '!') {
                word.push(c);
            } else {
                out.push_str(&self.word(&word));
                word.clear();
                out.push(c);
            }
        }
        out.push_str(&self.word(&word));
        out
    }

    fn word(&self, word: &str) -> String {
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if word.len() < MIN_LETTERS || !word.is_ascii() {
            return word.to_owned();
        }
        if letters > digits {
            let bars: String = word.chars().map(|c| if matches!(c, '|' | '!') { 'I' } else { c }).collect();
            match self.by_look.get(&squeeze(&bars)) {
                Some(Some(known)) if *known != fold(word) => return as_printed(known, word),
                _ => {}
            }
        }
        number(word)
    }
}

/// A lexicon's word with the capitals of what was read.
fn as_printed(known: &str, read: &str) -> String {
    let small = read.chars().filter(|c| c.is_lowercase() && *c != 'l').count();
    let letters = read.chars().filter(|c| c.is_alphabetic() && *c != 'l' && *c != 'I').count();
    if small * 2 <= letters {
        return known.to_owned();
    }
    let mut chars = known.chars();
    chars.next().into_iter().chain(chars.flat_map(char::to_lowercase)).collect()
}

/// A number with letters that look like digits between its digits (`29O`, `4O100`), also behind `NO`. A letter at the end may
/// belong to a house number, but not the letter O.
fn number(word: &str) -> String {
    let start = if word.len() > 3 && word[..2].eq_ignore_ascii_case("NO") { 2 } else { 0 };
    let (head, tail) = word.split_at(start);
    let digit = |c: char| match c {
        'O' | 'o' | 'Q' => Some('0'),
        'l' | 'I' | '|' => Some('1'),
        _ => None,
    };
    let digits = tail.bytes().filter(u8::is_ascii_digit).count();
    let alike = tail.chars().filter(|&c| digit(c).is_some()).count();
    if digits < 2 || alike == 0 || digits + alike != tail.len() || !tail.starts_with(|c: char| c.is_ascii_digit()) {
        return word.to_owned();
    }
    // Only a postcode ends in a letter I or l that is none.
    let ends_in_bar = tail.ends_with(['l', 'I', '|']) && tail.len() != 5;
    let last = tail.len() - 1;
    let mended =
        tail.chars().enumerate().map(|(at, c)| if at == last && ends_in_bar { c } else { digit(c).unwrap_or(c) });
    head.chars().chain(mended).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_look_like_one_of_the_lexicon_are_mended() {
        let spelling = Spelling::of(["JALAN", "JLN", "BLK", "MALAYSIA", "BESAR", "BILL", "BI11"]);
        for (read, printed) in [
            ("J1n Besar, BIk 5", "JLN Besar, BLK 5"),
            ("Malaysla", "Malaysia"),
            ("JA|AN 8ESAR", "JALAN BESAR"),
            ("NO29O, 4O1OO, 3I, 12B", "NO290, 40100, 3I, 12B"),
            ("Jalan Biru", "Jalan Biru"),
            // Two words look like it.
            ("B1ll", "B1ll"),
        ] {
            assert_eq!(spelling.mend(read), printed, "{read}");
        }
    }

    #[test]
    fn towns_are_known() {
        assert!(PLACES.contains(&"PUTRAJAYA") && PLACES.len() > 500);
    }
}
