//! Finds the words of a sentence in the sentence as it is written.

use std::ops::Range;

use medley_proto::{SentenceTime, WordTime};

use crate::marks::opens;

/// A word is not looked for further ahead: one that is written otherwise must not be found in the next clause.
const MAX_SKIPPED_CHARS: usize = 40;

/// A part of a sentence's text with its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    pub(super) text: &'a str,
}

/// The sentence in pieces that joined are its text: each word with the punctuation around it, and what is between
/// words that were found.
pub(super) fn pieces<'a>(sentence: &'a SentenceTime, words: &[WordTime]) -> Vec<Piece<'a>> {
    let text = sentence.text.trim();
    let found = found(text, words);
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let (mut from, mut free_s) = (0, sentence.start_s);
    for (n, (place, word)) in found.iter().enumerate() {
        if let Some((at, letter)) = text[from..place.start].char_indices().rfind(|(_, c)| c.is_alphanumeric()) {
            let end = closed(text, from + at + letter.len_utf8()..place.start);
            pieces.push(Piece { start_s: free_s, end_s: word.start_s.max(free_s), text: &text[from..end] });
            from = end;
        }
        let limit = found.get(n + 1).map_or(text.len(), |(next, _)| next.start);
        let end = closed(text, place.end..limit);
        pieces.push(Piece { start_s: word.start_s, end_s: word.end_s, text: &text[from..end] });
        (from, free_s) = (end, word.end_s);
    }
    let rest = &text[from..];
    match pieces.last_mut() {
        // Marks that stand apart at the end.
        Some(last) if !rest.contains(char::is_alphanumeric) => last.text = &text[from - last.text.len()..],
        _ if rest.is_empty() => {}
        _ => pieces.push(Piece { start_s: free_s, end_s: sentence.end_s.max(free_s), text: rest }),
    }
    pieces
}

/// Where the marks end that close what is before a part of the text.
fn closed(text: &str, part: Range<usize>) -> usize {
    let ends = |c: char| c.is_whitespace() || opens(c) || c.is_alphanumeric();
    text[part.clone()].find(ends).map_or(part.end, |at| part.start + at)
}

/// The places of the words that are written as they are in the text.
fn found<'w>(text: &str, words: &'w [WordTime]) -> Vec<(Range<usize>, &'w WordTime)> {
    let mut from = 0;
    let mut found = Vec::new();
    for word in words {
        let bare = word.text.trim();
        if bare.is_empty() {
            continue;
        }
        let places = text[from..].match_indices(bare).map(|(at, _)| from + at..from + at + bare.len());
        let whole = |place: &Range<usize>| {
            let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c.is_ascii());
            let starts = joins(bare.chars().next()) && joins(text[..place.start].chars().next_back());
            let ends = joins(bare.chars().next_back()) && joins(text[place.end..].chars().next());
            !starts && !ends
        };
        let near = |place: &Range<usize>| text[from..place.start].chars().count() <= MAX_SKIPPED_CHARS;
        if let Some(place) = places.take_while(near).find(whole) {
            from = place.end;
            found.push((place, word));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(text: &str, words: &[(&str, f64, f64)]) -> Vec<(String, f64, f64)> {
        let words: Vec<WordTime> = words
            .iter()
            .map(|(text, start_s, end_s)| WordTime { start_s: *start_s, end_s: *end_s, text: (*text).into() })
            .collect();
        let sentence = SentenceTime { start_s: 0.0, end_s: 9.0, text: text.into(), language: "en".into() };
        pieces(&sentence, &words).iter().map(|piece| (piece.text.to_owned(), piece.start_s, piece.end_s)).collect()
    }

    fn of(pieces: &[(&str, f64, f64)]) -> Vec<(String, f64, f64)> {
        pieces.iter().map(|(text, start_s, end_s)| ((*text).to_owned(), *start_s, *end_s)).collect()
    }

    #[test]
    fn punctuation_goes_with_the_word_that_it_closes_or_opens() {
        let found = aligned(
            "He said: “Come, now!”",
            &[("He", 0.0, 0.5), ("said", 0.5, 1.0), ("Come", 3.0, 3.5), ("now", 3.5, 4.0)],
        );
        assert_eq!(found, of(&[("He", 0.0, 0.5), (" said:", 0.5, 1.0), (" “Come,", 3.0, 3.5), (" now!”", 3.5, 4.0)]));
        let found = aligned("他说：“你好。”", &[("他", 0.0, 0.5), ("说", 0.5, 1.0), ("你好", 3.0, 4.0)]);
        assert_eq!(found, of(&[("他", 0.0, 0.5), ("说：", 0.5, 1.0), ("“你好。”", 3.0, 4.0)]));
    }

    #[test]
    fn what_has_no_word_shares_the_time_between_its_neighbours() {
        let found = aligned(
            "It costs $5, he says.",
            &[("It", 0.0, 0.5), ("five", 1.0, 2.0), ("he", 2.5, 3.0), ("says", 3.0, 3.5)],
        );
        assert_eq!(found, of(&[("It", 0.0, 0.5), (" costs $5,", 0.5, 2.5), (" he", 2.5, 3.0), (" says.", 3.0, 3.5)]));
        assert_eq!(aligned("No words.", &[]), of(&[("No words.", 0.0, 9.0)]));
        assert_eq!(
            aligned("It is late, very.", &[("It", 0.0, 0.5)]),
            of(&[("It", 0.0, 0.5), (" is late, very.", 0.5, 9.0)])
        );
    }

    #[test]
    fn a_word_is_found_whole_and_near() {
        let found = aligned("The theatre at noon", &[("the", 0.0, 1.0), ("a", 1.0, 2.0), ("noon", 2.0, 3.0)]);
        assert_eq!(found.last().unwrap(), &(" noon".to_owned(), 2.0, 3.0));
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn pieces_are_the_whole_text() {
        for text in ["  “Yes,” (he) said — and… left! ", "", "...", "我们2026年去了，对吗？"] {
            let words = [("Yes", 0.0, 1.0), ("said", 1.0, 2.0), ("年", 2.0, 3.0), ("对", 3.0, 4.0)];
            let joined: String = aligned(text, &words).into_iter().map(|(text, ..)| text).collect();
            assert_eq!(joined, text.trim());
        }
    }
}
