//! CLIP's byte-pair tokeniser, as open_clip's `SimpleTokenizer` with `clean="lower"`.

use std::{
    collections::HashMap,
    io::Read,
    path::Path,
    sync::{Mutex, PoisonError},
};

use flate2::read::GzDecoder;
use regex::Regex;

use super::clean::clean;

const MERGES: usize = 49_152 - 256 - 2;
/// The vocabulary is 1.4 MB packed out; more is something else.
const MAX_VOCABULARY_BYTES: u64 = 16 << 20;
const MAX_WORDS_KEPT: usize = 50_000;

/// Turns text into the ids that CLIP was trained with. Shared by threads.
#[derive(Debug)]
pub(super) struct Bpe {
    ids: HashMap<String, u32>,
    ranks: HashMap<(String, String), usize>,
    bytes: [char; 256],
    pattern: Regex,
    /// Words met before.
    known: Mutex<HashMap<String, Vec<u32>>>,
    start: u32,
    end: u32,
}

impl Bpe {
    /// Reads `bpe_simple_vocab_16e6.txt.gz`.
    ///
    /// # Errors
    /// When it cannot be read or is not that file.
    pub(super) fn open(path: &Path) -> Result<Self, &'static str> {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| GzDecoder::new(file).take(MAX_VOCABULARY_BYTES).read_to_string(&mut text))
            .map_err(|_| "it is no packed text")?;
        let merges: Option<Vec<(&str, &str)>> =
            text.split('\n').skip(1).take(MERGES).map(|line| line.trim_end().split_once(' ')).collect();
        let merges = merges.filter(|merges| merges.len() == MERGES).ok_or("it has too few merges")?;
        let bytes = byte_letters();
        // The order of the byte letters in the vocabulary: printable ones first.
        let mut letters: Vec<char> = bytes.to_vec();
        letters.sort_unstable();
        let mut words: Vec<String> = letters.iter().map(char::to_string).collect();
        words.extend(letters.iter().map(|letter| format!("{letter}</w>")));
        words.extend(merges.iter().map(|(a, b)| format!("{a}{b}")));
        words.extend(["<start_of_text>".to_owned(), "<end_of_text>".to_owned()]);
        let (start, end) = (words.len() as u32 - 2, words.len() as u32 - 1);
        Ok(Self {
            ids: words.into_iter().zip(0..).collect(),
            ranks: merges.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).zip(0..).collect(),
            bytes,
            pattern: Regex::new(
                r"(?i)<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
            )
            .expect("the pattern is fixed"),
            known: Mutex::default(),
            start,
            end,
        })
    }

    /// The ids of a text, without start and end.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let text = clean(text);
        let mut ids = Vec::new();
        for word in self.pattern.find_iter(&text) {
            self.word(word.as_str(), &mut ids);
        }
        ids
    }

    pub(super) fn start(&self) -> u32 {
        self.start
    }

    pub(super) fn end(&self) -> u32 {
        self.end
    }

    fn word(&self, word: &str, ids: &mut Vec<u32>) {
        match word {
            "<start_of_text>" => return ids.push(self.start),
            "<end_of_text>" => return ids.push(self.end),
            _ => {}
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(word) {
            ids.extend(found);
            return;
        }
        let found: Vec<u32> = self.merged(word).iter().filter_map(|piece| self.ids.get(piece).copied()).collect();
        ids.extend(&found);
        if known.len() < MAX_WORDS_KEPT {
            known.insert(word.to_owned(), found);
        }
    }

    /// Sennrich et al. 2016: the pair that was merged earliest in training, everywhere, until none is left.
    fn merged(&self, word: &str) -> Vec<String> {
        let mut pieces: Vec<String> = word.bytes().map(|byte| self.bytes[usize::from(byte)].to_string()).collect();
        if let Some(last) = pieces.last_mut() {
            last.push_str("</w>");
        }
        loop {
            let rank = |pair: &[String]| self.ranks.get(&(pair[0].clone(), pair[1].clone())).copied();
            let Some((_, at)) = pieces.windows(2).enumerate().filter_map(|(at, pair)| Some((rank(pair)?, at))).min()
            else {
                return pieces;
            };
            let (first, second) = (pieces[at].clone(), pieces[at + 1].clone());
            let mut merged = Vec::with_capacity(pieces.len());
            let mut rest = pieces.into_iter().peekable();
            while let Some(piece) = rest.next() {
                if piece == first && rest.next_if_eq(&second).is_some() {
                    merged.push(format!("{first}{second}"));
                } else {
                    merged.push(piece);
                }
            }
            pieces = merged;
        }
    }
}

/// A printable letter for each byte, as GPT-2 has it: itself where it is printable, else one from U+0100 on.
fn byte_letters() -> [char; 256] {
    let mut spare = 0x100_u32..;
    std::array::from_fn(|byte| {
        let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if printable { byte as u32 } else { spare.next().unwrap_or_default() };
        char::from_u32(code).unwrap_or_default()
    })
}
