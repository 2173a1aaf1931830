//! BERT's WordPiece tokeniser with the vocabulary of Chinese-CLIP or of BERT's uncased English model: what
//! `BertTokenizer` of transformers 4.57 gives.
//! Words like `[MASK]` in a text are text, as in `cn_clip`.

use std::{collections::HashMap, path::Path};

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use super::read;

/// Chinese-CLIP's vocabulary has 0.1 MB; more is something else.
const MAX_VOCABULARY_BYTES: u64 = 16 << 20;
/// A longer word is unknown.
const MAX_LETTERS: usize = 100;
/// Longer texts lose their end long before the tower's context does.
const MAX_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct WordPiece {
    ids: HashMap<String, u32>,
    unknown: u32,
    start: u32,
    end: u32,
    pad: u32,
    /// Control, format, private and unassigned characters.
    hidden: Regex,
    /// Marks that combine with the letter before.
    marks: Regex,
    punctuation: Regex,
}

impl WordPiece {
    /// Reads `vocab.txt`: a piece a line, in the order of their ids.
    pub(crate) fn open(path: &Path) -> Result<Self, &'static str> {
        let bytes = read(path, MAX_VOCABULARY_BYTES)?;
        Self::parse(std::str::from_utf8(&bytes).map_err(|_| "it is no text in UTF-8")?)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let ids: HashMap<String, u32> = text.lines().map(str::to_owned).zip(0..).collect();
        let special = |piece| ids.get(piece).copied().ok_or("it lacks one of [PAD], [UNK], [CLS] and [SEP]");
        let class = |pattern| Regex::new(pattern).expect("the pattern is fixed");
        Ok(Self {
            unknown: special("[UNK]")?,
            start: special("[CLS]")?,
            end: special("[SEP]")?,
            pad: special("[PAD]")?,
            ids,
            hidden: class(r"\p{C}"),
            marks: class(r"\p{Mn}"),
            punctuation: class(r"[\p{P}$+<=>^`|~]"),
        })
    }

    pub(crate) fn start(&self) -> u32 {
        self.start
    }

    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn pad(&self) -> u32 {
        self.pad
    }

    pub(crate) fn encode(&self, text: &str) -> Vec<u32> {
        let text = &text[..text.floor_char_boundary(MAX_BYTES)];
        let spaced = self.spaced(&self.plain(text));
        spaced.split_whitespace().flat_map(|word| self.pieces(word)).collect()
    }

    /// Without characters that are not seen, lower case, without accents.
    fn plain(&self, text: &str) -> String {
        let blanks = text.replace(['\t', '\n', '\r'], " ").replace('\u{fffd}', "");
        let seen = self.hidden.replace_all(&blanks, "");
        // Character by character, so that a final sigma is none.
        let lower: String = seen.nfc().flat_map(char::to_lowercase).nfd().collect();
        self.marks.replace_all(&lower, "").into_owned()
    }

    /// Chinese characters and punctuation as words of their own.
    fn spaced(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() * 2);
        for c in text.chars() {
            if is_chinese(c) || self.punctuation.is_match(c.encode_utf8(&mut [0; 4])) {
                out.extend([' ', c, ' ']);
            } else {
                out.push(c);
            }
        }
        out
    }

    /// The longest piece that the word starts with, then the longest of the rest: or the word is unknown.
    fn pieces(&self, word: &str) -> Vec<u32> {
        if word.chars().count() > MAX_LETTERS {
            return vec![self.unknown];
        }
        let mut ids = Vec::new();
        let mut from = 0;
        while from < word.len() {
            let ends = word[from..].char_indices().map(|(at, c)| from + at + c.len_utf8());
            let longest = ends.rev().find_map(|to| Some((to, self.piece(&word[from..to], from > 0)?)));
            let Some((to, id)) = longest else { return vec![self.unknown] };
            ids.push(id);
            from = to;
        }
        ids
    }

    fn piece(&self, letters: &str, inside: bool) -> Option<u32> {
        if inside { self.ids.get(&format!("##{letters}")).copied() } else { self.ids.get(letters).copied() }
    }
}

/// The blocks of Chinese characters that BERT names; Japanese and Korean letters are not among them. Not
/// `medley_text::script::is_han`: a token must be what the reference tokeniser makes of it, also for 〇 and later blocks.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b820}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        let words = WordPiece::parse("[PAD]\n[UNK]\n[CLS]\n[SEP]\n猫\ncaf\n##e\n##es\n,\n").unwrap();
        assert_eq!(words.encode("Cafés,猫 x猫\u{200b}"), [5, 7, 8, 4, 1, 4]);
        assert_eq!(words.encode(&"e".repeat(101)), [1]);
        assert_eq!(WordPiece::parse("[PAD]\n[UNK]\n").unwrap_err(), "it lacks one of [PAD], [UNK], [CLS] and [SEP]");
    }
}
