//! Phrases in misread text.
//!
//! Texts are compared after [`squeeze`]: capitals without accents, spaces or punctuation, with letters and digits that
//! OCR confuses made equal. Long phrases may differ by a letter, because small print is misread.

/// Whether the line holds one of the phrases.
pub(crate) fn mentions(line: &str, phrases: &[&str]) -> bool {
    let line = Words::of(line);
    phrases.iter().any(|phrase| line.has(&Phrase::of(phrase)))
}

/// Whether one of the line's words is one of these (in capitals, compared exactly but for punctuation).
pub(crate) fn has_word(line: &str, words: &[&str]) -> bool {
    let upper = fold(line);
    upper.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

/// A line in which phrases are looked up.
pub(super) struct Words {
    squeezed: Vec<char>,
    words: Vec<Vec<char>>,
}

impl Words {
    pub(super) fn of(line: &str) -> Self {
        let folded = fold(line);
        let words = folded.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(squeeze).collect();
        Self { squeezed: squeeze(line), words }
    }

    pub(super) fn has(&self, phrase: &Phrase) -> bool {
        if phrase.whole_word { self.words.contains(&phrase.letters) } else { contains(&self.squeezed, &phrase.letters) }
    }
}

/// A phrase as it is compared.
pub(super) struct Phrase {
    letters: Vec<char>,
    /// Short words must match a whole word, because they are parts of too many others: `CASH` of `CASHIER`, `LESS` of
    /// `WIRELESS`.
    whole_word: bool,
}

/// Latin words up to this length must match a whole word, but not `TOTAL`, which OCR often glues to its neighbours.
const MAX_SHORT_WORD: usize = 6;

impl Phrase {
    pub(super) fn of(phrase: &str) -> Self {
        let whole_word =
            phrase.len() <= MAX_SHORT_WORD && phrase != "TOTAL" && phrase.bytes().all(|b| b.is_ascii_alphabetic());
        Self { letters: squeeze(phrase), whole_word }
    }
}

/// Capitals without accents.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).map(unaccented).collect()
}

/// A Latin capital without its accent. OCR adds accents where there are none.
pub(crate) fn unaccented(c: char) -> char {
    match c {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' | '\u{1ea0}'..='\u{1eb7}' => 'A',
        'Ç' | 'Ć' | 'Č' => 'C',
        'È'..='Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' | '\u{1eb8}'..='\u{1ec7}' => 'E',
        'Ì'..='Ï' | 'Ī' | 'İ' | 'Į' | '\u{1ec8}'..='\u{1ecb}' => 'I',
        'Ñ' | 'Ń' | 'Ň' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ő' | 'Ơ' | '\u{1ecc}'..='\u{1ee3}' => 'O',
        'Ù'..='Ü' | 'Ū' | 'Ů' | 'Ű' | 'Ư' | '\u{1ee4}'..='\u{1ef1}' => 'U',
        'Ý' | 'Ÿ' | '\u{1ef2}'..='\u{1ef9}' => 'Y',
        'Đ' => 'D',
        'Š' | 'Ś' => 'S',
        'Ž' | 'Ź' | 'Ż' => 'Z',
        '：' => ':',
        '（' => '(',
        '）' => ')',
        '，' => ',',
        '×' => 'X',
        'І' => 'I',
        _ => c,
    }
}

/// Letters, digits and ideographs in capitals, with characters that OCR confuses made equal.
pub(crate) fn squeeze(text: &str) -> Vec<char> {
    fold(text)
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| match c {
            '0' | 'Q' => 'O',
            '1' | 'L' => 'I',
            '5' => 'S',
            '8' => 'B',
            other => other,
        })
        .collect()
}

/// Whether `phrase` is a part of `text`, with at most one wrong letter in ten.
fn contains(text: &[char], phrase: &[char]) -> bool {
    if phrase.is_empty() || text.len() + 1 < phrase.len() {
        return false;
    }
    if text.windows(phrase.len()).any(|window| window == phrase) {
        return true;
    }
    let allowed = phrase.len() / 10;
    allowed > 0 && part_distance(text, phrase) <= allowed
}

/// The least edit distance between `phrase` and any part of `text` (Sellers 1980).
fn part_distance(text: &[char], phrase: &[char]) -> usize {
    let mut column: Vec<usize> = (0..=phrase.len()).collect();
    let mut best = phrase.len();
    for &c in text {
        let mut diagonal = 0;
        for (i, &p) in phrase.iter().enumerate() {
            let up = column[i + 1];
            column[i + 1] = (diagonal + usize::from(p != c)).min(up + 1).min(column[i] + 1);
            diagonal = up;
        }
        best = best.min(column[phrase.len()]);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misread_letters_are_forgiven_in_long_phrases_only() {
        assert!(mentions("TAX INVQICE", &["TAX INVOICE"]));
        assert!(!mentions("CASE", &["CASH"]));
    }
}
