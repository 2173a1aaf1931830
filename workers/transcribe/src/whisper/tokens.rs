//! From tokens to words.

use medley_text::{
    marks::{closes, opens},
    script::is_unspaced,
};

use super::Token;

/// A word with its time. The text begins with a space where it is written apart from the word before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct DecodedWord {
    pub(crate) text: String,
    /// Mean natural-log probability of its tokens.
    pub(crate) logprob: f64,
    /// When it ended, in seconds of the window's audio.
    pub(crate) end_s: Option<f64>,
}

/// Joins tokens into words: at spaces, and at every character of scripts without spaces; punctuation goes with the
/// word that it closes or opens.
pub(crate) fn words(tokens: &[Token]) -> Vec<DecodedWord> {
    let mut words: Vec<(DecodedWord, usize)> = Vec::new();
    for unit in units(tokens) {
        let first = unit.text.trim_start().chars().next();
        let last = words.last().and_then(|(word, _)| word.text.chars().next_back());
        let apart = match (last, first) {
            (None, _) => true,
            (_, None) => false,
            (_, Some(c)) if closes(c) && !unit.text.starts_with(' ') => false,
            (Some(last), _) if opens(last) => false,
            (Some(last), Some(c)) => {
                unit.text.starts_with(' ') || is_unspaced(c) || is_unspaced(last) || closes(last) && is_unspaced(c)
            }
        };
        match words.last_mut() {
            Some((word, tokens)) if !apart => {
                word.text.push_str(&unit.text);
                word.logprob = (word.logprob * *tokens as f64 + unit.logprob) / (*tokens + 1) as f64;
                // A punctuation mark takes no time.
                if first.is_some_and(|c| !closes(c)) || word.end_s.is_none() {
                    word.end_s = unit.end_s;
                }
                *tokens += 1;
            }
            _ => words.push((unit, 1)),
        }
    }
    words.into_iter().map(|(word, _)| word).filter(|word| !word.text.trim().is_empty()).collect()
}

/// Tokens joined until they are whole characters.
fn units(tokens: &[Token]) -> Vec<DecodedWord> {
    let mut units = Vec::new();
    let mut bytes: Vec<u8> = Vec::new();
    let mut logprob = f64::INFINITY;
    for token in tokens {
        bytes.extend_from_slice(&token.bytes);
        logprob = logprob.min(token.logprob);
        let whole = whole_characters(&mut bytes);
        if !whole.is_empty() {
            split(&whole, logprob, token.end_s, &mut units);
            logprob = if bytes.is_empty() { f64::INFINITY } else { token.logprob };
        }
    }
    units
}

/// Takes the characters that are complete from the front; bytes that can never become one are dropped.
fn whole_characters(bytes: &mut Vec<u8>) -> String {
    let mut whole = String::new();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                whole.push_str(text);
                bytes.clear();
                return whole;
            }
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                whole.push_str(&String::from_utf8_lossy(valid));
                let Some(bad) = error.error_len() else {
                    *bytes = rest.to_vec();
                    return whole;
                };
                *bytes = rest[bad..].to_vec();
            }
        }
    }
}

/// One token may hold several characters of a script without spaces.
fn split(text: &str, logprob: f64, end_s: Option<f64>, units: &mut Vec<DecodedWord>) {
    let mut part = String::new();
    for c in text.chars() {
        if is_unspaced(c) && !part.trim().is_empty() {
            units.push(DecodedWord { text: std::mem::take(&mut part), logprob, end_s });
        }
        part.push(c);
        if is_unspaced(c) {
            units.push(DecodedWord { text: std::mem::take(&mut part), logprob, end_s });
        }
    }
    if !part.is_empty() {
        units.push(DecodedWord { text: part, logprob, end_s });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(parts: &[&[u8]]) -> Vec<Token> {
        let token = |(n, bytes): (usize, &&[u8])| Token { bytes: bytes.to_vec(), logprob: -0.1, end_s: Some(n as f64) };
        parts.iter().enumerate().map(token).collect()
    }

    fn texts(parts: &[&[u8]]) -> Vec<String> {
        words(&tokens(parts)).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_found_in_both_kinds_of_script() {
        assert_eq!(
            texts(&[b" It", b" was", b" un", b"usual", b",", b" he", b" said", b"."]),
            [" It", " was", " unusual,", " he", " said."]
        );
        let hao = "好".as_bytes();
        assert_eq!(
            texts(&["你".as_bytes(), &hao[..1], &hao[1..], "，".as_bytes(), " GPT".as_bytes(), b"-4", "是".as_bytes()]),
            ["你", "好，", " GPT-4", "是"]
        );
        assert_eq!(texts(&["「".as_bytes(), "你".as_bytes(), "」".as_bytes(), "他".as_bytes()]), ["「你」", "他"]);
    }

    proptest! {
        /// Whatever the tokens, no character is lost or doubled.
        #[test]
        fn no_character_is_lost(text in "[ a-z,.好你我。「」%]{0,60}", cuts in prop::collection::vec(1_usize..4, 60)) {
            let mut rest = text.as_bytes();
            let mut parts = Vec::new();
            for cut in cuts {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                parts.push(part);
                rest = after;
            }
            parts.push(rest);
            let joined = texts(&parts).concat();
            let bare = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(bare(&joined), bare(&text));
        }
    }
}
