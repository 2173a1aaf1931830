//! Texts as the token ids that text towers were trained with.

mod bpe;
mod charsmap;
mod clean;
mod spiece;
mod unigram;
mod wordpiece;

use std::path::Path;

pub(crate) use self::wordpiece::WordPiece;
use self::{bpe::Bpe, unigram::Unigram};
use crate::{ClipError, Family};

/// Turns text into ids. Shared by threads.
#[derive(Debug)]
pub struct Tokenizer {
    words: Words,
    frame: Frame,
}

/// How a text is cut into pieces.
#[derive(Debug)]
enum Words {
    Bpe(Box<Bpe>),
    Unigram(Unigram),
    WordPiece(WordPiece),
}

/// What stands around the ids of a text.
#[derive(Debug, Clone, Copy)]
struct Frame {
    start: Option<u32>,
    end: u32,
    pad: u32,
    /// Ids in all.
    length: usize,
}

/// A text as the tower sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Padded to the tower's length.
    pub ids: Vec<u32>,
    /// How many of them are the text, start and end included.
    pub used: usize,
}

impl Tokenizer {
    /// Reads the vocabulary of a family: OpenAI's `bpe_simple_vocab_16e6.txt.gz`, SigLIP's `spiece.model`, Chinese-CLIP's
    /// `vocab.txt`.
    ///
    /// # Errors
    /// When it cannot be read or is not that file.
    pub fn open(family: Family, vocabulary: &Path) -> Result<Self, ClipError> {
        let broken = |what| ClipError::Vocabulary { path: vocabulary.into(), what };
        let length = family.context();
        Ok(match family {
            Family::Clip => {
                let words = Bpe::open(vocabulary).map_err(broken)?;
                let frame = Frame { start: Some(words.start()), end: words.end(), pad: 0, length };
                Self { words: Words::Bpe(Box::new(words)), frame }
            }
            Family::Siglip => {
                let words = Unigram::open(vocabulary).map_err(broken)?;
                let frame = Frame { start: None, end: words.end(), pad: words.end(), length };
                Self { words: Words::Unigram(words), frame }
            }
            Family::ChineseClip => {
                let words = WordPiece::open(vocabulary).map_err(broken)?;
                let frame = Frame { start: Some(words.start()), end: words.end(), pad: words.pad(), length };
                Self { words: Words::WordPiece(words), frame }
            }
        })
    }

    /// The ids of a text, without start and end.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.words {
            Words::Bpe(words) => words.encode(text),
            Words::Unigram(words) => words.encode(text),
            Words::WordPiece(words) => words.encode(text),
        }
    }

    /// The text as the tower sees it: start, ids, end, padding; a long text loses its end.
    pub fn context(&self, text: &str) -> Context {
        let Frame { start, end, pad, length } = self.frame;
        let room = length - 1 - usize::from(start.is_some());
        let mut ids: Vec<u32> = start.into_iter().collect();
        ids.extend(self.encode(text).into_iter().take(room));
        ids.push(end);
        let used = ids.len();
        ids.resize(length, pad);
        Context { ids, used }
    }
}

/// A vocabulary file, as text; more than `max_bytes` of it are something else.
fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, &'static str> {
    let size = std::fs::metadata(path).map_err(|_| "it cannot be read: check that the file is there")?.len();
    if size > max_bytes {
        return Err("it is too large for a vocabulary");
    }
    std::fs::read(path).map_err(|_| "it cannot be read: check its permissions")
}

/// White space as Python has it: Unicode's, and U+001C to U+001F.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}
