//! Words of names and addresses that OCR misread by a letter that looks alike (`JIn`, `BIk`, `Malaysla`, `NO29O`).
//!
//! A word is mended only if the lexicon does not have it and has exactly one word that looks the same. Words of towns are
//! from GeoNames (`scripts/receipt_places.py`).

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use medley_vision::text::Glyph;

use super::{fold, squeeze};

/// A lexicon of words in capitals, by how they look.
pub(crate) struct Spelling {
    words: HashSet<String>,
    /// None where several words look alike.
    by_look: HashMap<Vec<char>, Option<String>>,
}

/// The words of towns.
pub(crate) static PLACES: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("places.txt").lines().collect());

/// Words shorter than this are too often something else.
const MIN_LETTERS: usize = 3;

impl Spelling {
    pub(crate) fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: HashSet<String> = words.into_iter().map(str::to_owned).collect();
        let mut by_look: HashMap<Vec<char>, Option<String>> = HashMap::new();
        for word in words.iter().filter(|word| word.len() >= MIN_LETTERS) {
            let known = by_look.entry(squeeze(word)).or_insert_with(|| Some(word.clone()));
            if known.as_deref().is_some_and(|known| known != word.as_str()) {
                *known = None;
            }
        }
        Self { words, by_look }
    }

    /// The text with its misread words mended. `glyphs` are its characters with what else OCR held possible, where that is
    /// known.
    pub(crate) fn mend(&self, text: &str, glyphs: &[Glyph]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut word = String::new();
        let glyphs = if glyphs.len() == text.chars().count() { glyphs } else { &[] };
        let of_word = |word: &str, end: usize| glyphs.get(end - word.chars().count()..end).unwrap_or_default();
        let mut end = 0;
        for c in text.chars() {
            if c.is_alphanumeric() || matches!(c, '|' | '!') {
                word.push(c);
            } else {
                out.push_str(&self.word(&word, of_word(&word, end)));
                word.clear();
                out.push(c);
            }
            end += 1;
        }
        out.push_str(&self.word(&word, of_word(&word, end)));
        out
    }

    fn word(&self, word: &str, glyphs: &[Glyph]) -> String {
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
        match self.by_alternatives(word, glyphs) {
            Some(known) => as_printed(&known, word),
            None => Some(number(word)).filter(|number| number != word).unwrap_or_else(|| letter_for_digit(word)),
        }
    }

    /// The lexicon's word that comes of one other character which OCR held possible, if the lexicon lacks the word that was
    /// read.
    fn by_alternatives(&self, word: &str, glyphs: &[Glyph]) -> Option<String> {
        let read: Vec<char> = word.to_ascii_uppercase().chars().collect();
        if read.len() < MIN_LETTERS_OF_ALTERNATIVES || self.words.contains(&read.iter().collect::<String>()) {
            return None;
        }
        let unsure = glyphs.iter().enumerate().filter(|(_, glyph)| glyph.prob < MAX_UNSURE);
        let candidates = unsure.flat_map(|(at, glyph)| glyph.instead.iter().map(move |(c, prob)| (at, *c, *prob)));
        let mut known: Vec<(f32, String)> = candidates
            .filter(|(_, _, prob)| *prob >= MIN_ALTERNATIVE)
            .map(|(at, c, prob)| {
                let mut other = read.clone();
                other[at] = c.to_ascii_uppercase();
                (prob, other.into_iter().collect::<String>())
            })
            .filter(|(_, other)| self.words.contains(other))
            .collect();
        known.sort_by(|a, b| b.0.total_cmp(&a.0));
        known.into_iter().next().map(|(_, word)| word)
    }
}

/// From this many letters on a word may be mended by one of OCR's alternatives, from this probability on, in place of a
/// character that is less sure than that.
const MIN_LETTERS_OF_ALTERNATIVES: usize = 4;
const MIN_ALTERNATIVE: f32 = 0.04;
const MAX_UNSURE: f32 = 0.93;

/// A word with one digit between letters, which is the letter that looks like it: `FO0D`, `C1TY`.
fn letter_for_digit(word: &str) -> String {
    const MIN_CHARS: usize = 5;
    let chars: Vec<char> = word.chars().collect();
    let digits: Vec<usize> = (0..chars.len()).filter(|&at| chars[at].is_ascii_digit()).collect();
    let &[at] = &digits[..] else { return word.to_owned() };
    if chars.len() < MIN_CHARS || at == 0 || at + 1 == chars.len() {
        return word.to_owned();
    }
    let letter = match chars[at] {
        '0' => 'O',
        '1' => 'I',
        '5' => 'S',
        '8' => 'B',
        _ => return word.to_owned(),
    };
    let letter = if chars[at - 1].is_lowercase() { letter.to_ascii_lowercase() } else { letter };
    chars[..at].iter().copied().chain([letter]).chain(chars[at + 1..].iter().copied()).collect()
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
            assert_eq!(spelling.mend(read, &[]), printed, "{read}");
        }
        assert_eq!(spelling.mend("FO0DICIOUS U13A", &[]), "FOODICIOUS U13A");
    }

    #[test]
    fn what_ocr_held_possible_mends_a_word_that_is_none() {
        let spelling = Spelling::of(["MART"]);
        let glyph =
            |char: char, prob: f32, instead: &[(char, f32)]| Glyph { char, prob, at: 0.0, instead: instead.to_vec() };
        let sure = |text: &str| text.chars().map(|c| glyph(c, 0.99, &[])).collect::<Vec<_>>();
        let mut glyphs = sure("99 NART");
        assert_eq!(spelling.mend("99 NART", &glyphs), "99 NART");
        glyphs[3] = glyph('N', 0.7, &[('H', 0.1), ('M', 0.08)]);
        assert_eq!(spelling.mend("99 NART", &glyphs), "99 MART");
        // Too sure of what was read.
        glyphs[3] = glyph('N', 0.95, &[('M', 0.04)]);
        assert_eq!(spelling.mend("99 NART", &glyphs), "99 NART");
    }

    #[test]
    fn towns_are_known() {
        assert!(PLACES.contains(&"PUTRAJAYA") && PLACES.len() > 500);
    }
}
