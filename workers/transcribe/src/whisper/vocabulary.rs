//! Whisper's tokens: byte-level BPE (GPT-2's) and the special ones after it.

use std::{collections::HashMap, fs::File, io::BufReader, path::Path, sync::LazyLock};

use regex::Regex;
use serde::Deserialize;

use super::LANGUAGES;

/// Marks that annotate speech and are not spoken: brackets, notes, dashes (`non_speech_tokens` of OpenAI's tokenizer).
const UNSAID: &str = "\" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- --- -( -[ (' (\" (( )) \
    ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪ ♩ ♪ ♫ ♬ ♭ ♮ ♯";
const NOTES: &str = "♩♪♫♬♭♮♯";

pub(super) struct Vocabulary {
    /// The bytes of each token; those of a special one are its name.
    pieces: Vec<Vec<u8>>,
    /// Of text: the lower the number, the earlier two pieces become this one.
    ids: HashMap<Vec<u8>, i32>,
    special: HashMap<String, i32>,
    pub(super) end_of_text: i32,
}

/// The parts of `tokenizer.json` (Hugging Face's `tokenizers`) that are used here.
#[derive(Deserialize)]
struct Written {
    model: Model,
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, i32>,
}

#[derive(Deserialize)]
struct Added {
    id: i32,
    content: String,
}

impl Vocabulary {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// When it cannot be read, or lacks what every Whisper has.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let written: Written = serde_json::from_reader(BufReader::new(file)).map_err(|error| error.to_string())?;
        Self::new(written)
    }

    fn new(written: Written) -> Result<Self, String> {
        let special: HashMap<String, i32> =
            written.added_tokens.into_iter().map(|added| (added.content, added.id)).collect();
        let end_of_text = *special.get("<|endoftext|>").ok_or("it has no token <|endoftext|>")?;
        let bytes = bytes_of_characters();
        let mut pieces = Vec::new();
        let mut ids = HashMap::new();
        let names = special.iter().map(|(name, id)| (name.as_bytes().to_vec(), *id));
        for (piece, id) in written.model.vocab.iter().map(|(text, id)| (piece(text, &bytes), *id)).chain(names) {
            let at = usize::try_from(id).map_err(|_| format!("token {id} is below zero"))?;
            if at >= pieces.len() {
                pieces.resize(at + 1, Vec::new());
            }
            if id < end_of_text {
                ids.insert(piece.clone(), id);
            }
            pieces[at] = piece;
        }
        Ok(Self { pieces, ids, special, end_of_text })
    }

    /// A piece of UTF-8, which may begin or end inside a character.
    pub(super) fn bytes(&self, id: i32) -> &[u8] {
        usize::try_from(id).ok().and_then(|at| self.pieces.get(at)).map_or(&[], Vec::as_slice)
    }

    /// The number of a special token, of the first of these names that there is.
    pub(super) fn special(&self, names: &[&str]) -> Option<i32> {
        names.iter().find_map(|name| self.special.get(*name)).copied()
    }

    /// The tokens of languages, in order, by ISO 639-1 code.
    pub(super) fn languages(&self) -> Vec<(&'static str, i32)> {
        let codes = LANGUAGES.iter();
        codes.filter_map(|&code| Some((code, self.special(&[&format!("<|{code}|>")])?))).collect()
    }

    pub(super) fn encode(&self, text: &str) -> Vec<i32> {
        words(text).into_iter().flat_map(|word| self.merge(word.as_bytes())).collect()
    }

    /// Byte-pair encoding: of all neighbours, those whose union has the lowest number become one, again and again.
    fn merge(&self, word: &[u8]) -> Vec<i32> {
        let mut ends: Vec<usize> = (0..=word.len()).collect();
        let of = |from: usize, to: usize| self.ids.get(&word[from..to]).copied();
        while let Some((_, n)) =
            (1..ends.len().saturating_sub(1)).filter_map(|n| Some((of(ends[n - 1], ends[n + 1])?, n))).min()
        {
            ends.remove(n);
        }
        ends.windows(2).filter_map(|pair| of(pair[0], pair[1])).collect()
    }

    /// The tokens that transcripts do not have.
    pub(super) fn unsaid(&self) -> Vec<i32> {
        let mut unsaid: Vec<i32> = [" -", " '"].iter().filter_map(|text| self.encode(text).first().copied()).collect();
        for symbol in UNSAID.split(' ') {
            for tokens in [self.encode(symbol), self.encode(&format!(" {symbol}"))] {
                if tokens.len() == 1 || NOTES.contains(symbol) {
                    unsaid.extend(tokens.first());
                }
            }
        }
        unsaid
    }
}

/// GPT-2 writes bytes as characters that can be seen: those that are printable as themselves, the others from U+0100 on.
fn bytes_of_characters() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut others = '\u{100}'..;
    (0..=255)
        .map(|byte| (if printable(byte) { char::from(byte) } else { others.next().expect("256 at most") }, byte))
        .collect()
}

fn piece(text: &str, bytes: &HashMap<char, u8>) -> Vec<u8> {
    text.chars().filter_map(|c| bytes.get(&c).copied()).collect()
}

/// What GPT-2's tokens never reach across, but for its rule of spaces: `\s+(?!\S)|\s+` looks ahead, which `regex` does not.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"^(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)";
    Regex::new(words).expect("it is a constant")
});

fn words(mut text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    while !text.is_empty() {
        let length = WORD.find(text).map_or_else(|| spaces(text), |word| word.len());
        let (word, rest) = text.split_at(length);
        words.push(word);
        text = rest;
    }
    words
}

/// How many bytes of the spaces that a text begins with are one word: all at its end, and all but the last before a word.
fn spaces(text: &str) -> usize {
    let run = text.len() - text.trim_start().len();
    let last = text[..run].chars().next_back().map_or(0, char::len_utf8);
    if run == text.len() || run == last { run } else { run - last }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All single bytes, and some unions in the order in which they are learned.
    fn vocabulary(unions: &[&str]) -> Vocabulary {
        let characters: HashMap<u8, char> = bytes_of_characters().into_iter().map(|(c, byte)| (byte, c)).collect();
        let visible = |text: &str| text.bytes().map(|byte| characters[&byte]).collect::<String>();
        let mut vocab: HashMap<String, i32> =
            (0..=255).map(|byte| (characters[&byte].to_string(), i32::from(byte))).collect();
        vocab.extend(unions.iter().zip(256..).map(|(union, id)| (visible(union), id)));
        let special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|zh|>"];
        let first = 256 + unions.len() as i32;
        let added_tokens =
            special.iter().zip(first..).map(|(name, id)| Added { id, content: (*name).into() }).collect();
        Vocabulary::new(Written { model: Model { vocab }, added_tokens }).unwrap()
    }

    #[test]
    fn pairs_that_were_learned_first_join_first() {
        let vocabulary = vocabulary(&["he", "el", "ll", "hel", "llo", " hel"]);
        let pieces = |text: &str| -> Vec<String> {
            let bytes = vocabulary.encode(text).into_iter().map(|id| vocabulary.bytes(id).to_vec());
            bytes.map(|bytes| String::from_utf8(bytes).unwrap()).collect()
        };
        assert_eq!(pieces("hello"), ["he", "llo"]);
        assert_eq!(pieces("hell"), ["he", "ll"]);
        assert_eq!(pieces("help hel"), ["hel", "p", " hel"]);
        assert_eq!(vocabulary.encode("好").len(), 3);
        assert_eq!(vocabulary.languages(), [("en", 264), ("zh", 265)]);
    }

    #[test]
    fn texts_are_cut_as_gpt_2_cuts_them() {
        assert_eq!(words("It's 20 cats,  ok?"), ["It", "'s", " 20", " cats", ",", " ", " ok", "?"]);
        assert_eq!(words("a \n"), ["a", " \n"]);
        assert_eq!(words("以下 是3个\n好"), ["以下", " 是", "3", "个", "\n", "好"]);
        assert!(words("").is_empty());
    }

    /// Hugging Face's `tokenizers` and faster-whisper gave the expected numbers.
    #[test]
    fn whispers_own_vocabulary_is_read_and_written_as_others_do() {
        let models = medley_models::Models::open(&medley_models::Models::default_dir());
        let vocabulary = Vocabulary::open(&models.file("whisper-base", "tokenizer.json").unwrap()).unwrap();
        let known: [(&str, &[i32]); 3] = [
            (
                "以下是普通话的句子，请加标点。",
                &[
                    3588, 4438, 1541, 29993, 19550, 21596, 1546, 34592, 7626, 171, 120, 234, 27908, 9990, 162, 3921,
                    12579, 1543,
                ],
            ),
            (
                " Medley, Silero. It's 20°C  outside\n— naïve café, don't!",
                &[
                    3982, 3420, 11, 6943, 2032, 13, 467, 311, 945, 11782, 34, 220, 2380, 198, 2958, 1667, 15487, 303,
                    25118, 11, 500, 380, 0,
                ],
            ),
            ("  ٣ किताबें 😀", &[220, 1447, 96, 31970, 33279, 36158, 17937, 3941, 105, 21981, 31945, 20732, 222]),
        ];
        for (text, ids) in known {
            assert_eq!(vocabulary.encode(text), ids, "{text}");
            let bytes: Vec<u8> = ids.iter().flat_map(|id| vocabulary.bytes(*id)).copied().collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
        let mut unsaid = vocabulary.unsaid();
        unsaid.sort_unstable();
        unsaid.dedup();
        assert_eq!((unsaid.len(), unsaid.iter().sum::<i32>()), (82, 826_094));
        assert_eq!(vocabulary.languages().len(), 99);
    }
}
