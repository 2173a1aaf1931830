//! Sentences and clauses: where a text can be cut inaudibly.

use std::ops::Range;

use medley_text::script::is_han;

use crate::normalization::english::{is_abbreviation, is_number_label};

/// The longest sentence in characters. Longer ones are cut at clauses, at words, or anywhere.
pub(crate) const MAX_CHARS: usize = 300;

/// The sentences of a paragraph, without the spaces around them.
pub(crate) fn split(text: &str) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let end = at + c.len_utf8();
        at = end;
        if ends_sentence(text, start, end, c) {
            at = with_closers(text, end);
            push(text, start..at, &mut sentences);
            start = at;
        }
    }
    push(text, start..text.len(), &mut sentences);
    sentences
}

/// The clauses of a sentence. A stream speaks the first sentence by these, so that sound starts early.
pub(crate) fn clauses(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut clauses = Vec::new();
    let mut start = range.start;
    for (at, c) in text[range.clone()].char_indices() {
        let end = range.start + at + c.len_utf8();
        let spaced = text[end..].starts_with(char::is_whitespace);
        if matches!(c, '，' | '；' | '：' | '、') || (matches!(c, ',' | ';' | ':' | '—') && spaced) {
            push(text, start..end, &mut clauses);
            start = end;
        }
    }
    push(text, start..range.end, &mut clauses);
    clauses
}

fn ends_sentence(text: &str, start: usize, end: usize, c: char) -> bool {
    let next = text[end..].chars().next();
    match c {
        '。' | '！' | '？' | '\n' => true,
        '!' | '?' | '…' => next.is_none_or(|c| c.is_whitespace() || is_closer(c) || is_han(c)),
        '.' => {
            let after = text[with_closers(text, end)..].chars().next();
            let apart = after.is_none_or(char::is_whitespace);
            let word = text[start..end - 1].rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '“')).next();
            let following = text[end..].trim_start().chars().next();
            let goes_on = following.is_some_and(char::is_lowercase);
            // "at 5 p.m. He left": a time of day may end a sentence, other abbreviations seldom do.
            let time =
                word.is_some_and(|word| matches!(word, "a.m" | "p.m")) && following.is_some_and(char::is_uppercase);
            let numbers = following.is_some_and(|c| c.is_ascii_digit() || c == '#')
                && word.is_some_and(is_number_label)
                && !is_answer(&text[start..end - 1]);
            apart && !goes_on && !numbers && (time || !word.is_some_and(is_abbreviation))
        }
        _ => false,
    }
}

/// Whether a text ends with the answer "no" and not with the "no." of "invoice no. 20456".
fn is_answer(text: &str) -> bool {
    const BEFORE: [&str; 30] = [
        "said", "say", "says", "saying", "answer", "answered", "answers", "reply", "replied", "was", "is", "are", "be",
        "were", "means", "meant", "oh", "and", "or", "but", "the", "a", "an", "to", "with", "voted", "vote", "just",
        "still", "simply",
    ];
    let Some(rest) = text.strip_suffix("no") else { return false };
    let word = rest.trim_end();
    let last = word.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    last.is_empty() || BEFORE.contains(&last.as_str())
}

fn is_closer(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | ')' | ']' | '」' | '』' | '）' | '》' | '.' | '!' | '?' | '。' | '！' | '？')
}

fn with_closers(text: &str, end: usize) -> usize {
    text[end..].find(|c| !is_closer(c)).map_or(text.len(), |at| end + at)
}

fn push(text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
    let inside = &text[range.clone()];
    let lead = inside.len() - inside.trim_start().len();
    let trimmed = range.start + lead..range.start + lead + inside.trim().len();
    if trimmed.is_empty() {
        return;
    }
    if text[trimmed.clone()].chars().count() <= MAX_CHARS {
        out.push(trimmed);
    } else {
        cut(text, trimmed, out);
    }
}

/// Cuts at the last clause, word or character that fits.
fn cut(text: &str, mut range: Range<usize>, out: &mut Vec<Range<usize>>) {
    while !range.is_empty() {
        let window = text[range.clone()].char_indices().nth(MAX_CHARS).map_or(range.end, |(at, _)| range.start + at);
        let mut end = window;
        if window < range.end {
            let inside = &text[range.start..window];
            let after = |found: Option<(usize, char)>| found.map(|(at, c)| range.start + at + c.len_utf8());
            let last = |of: fn(char) -> bool| inside.char_indices().rev().find(|(_, c)| of(*c));
            let half = range.start + inside.len() / 2;
            let clause =
                after(last(|c| matches!(c, ',' | '，' | ';' | '；' | ':' | '：' | '、' | '—'))).filter(|at| *at > half);
            end = clause.or_else(|| after(last(char::is_whitespace))).unwrap_or(window);
        }
        let inside = &text[range.start..end];
        let lead = inside.len() - inside.trim_start().len();
        let trimmed = range.start + lead..range.start + lead + inside.trim().len();
        if !trimmed.is_empty() {
            out.push(trimmed);
        }
        range.start = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn abbreviations_and_decimals_end_nothing() {
        let text = "Dr. Smith paid $3.5 million. He met J. K. Rowling at 5 p.m. on Monday. \"Really?\" she asked. End";
        let wanted = [
            "Dr. Smith paid $3.5 million.",
            "He met J. K. Rowling at 5 p.m. on Monday.",
            "\"Really?\"",
            "she asked.",
            "End",
        ];
        assert_eq!(shown(text), wanted);
    }

    #[test]
    fn labels_of_numbers_end_nothing() {
        let whole = [
            "Account no. 12345678 is closed.",
            "Your invoice no. 20456 is due.",
            "Call us at ext. 4402 today.",
            "See p. 12, fig. 3 and chap. 4.",
            "Tickets nos. 5 and 6 are lost.",
            "My ref. 88213 has no answer.",
        ];
        for text in whole {
            assert_eq!(shown(text), [text]);
        }
        assert_eq!(shown("I said no. 5 people left."), ["I said no.", "5 people left."]);
        assert_eq!(shown("The answer is no. 12 of us agree."), ["The answer is no.", "12 of us agree."]);
        assert_eq!(shown("Yes, no. 3 times."), ["Yes, no.", "3 times."]);
    }

    #[test]
    fn chinese_ends_with_its_own_marks() {
        assert_eq!(shown("他说：“好。”然后走了！真的？是的"), ["他说：“好。”", "然后走了！", "真的？", "是的"]);
    }

    #[test]
    fn what_has_no_end_is_cut_at_clauses_then_words_then_anywhere() {
        let clauses = "some words here, ".repeat(100);
        assert!(shown(&clauses).iter().all(|part| part.ends_with(',') && part.chars().count() <= MAX_CHARS));
        let words = "word ".repeat(500);
        assert!(shown(&words).iter().all(|part| part.ends_with("word")));
        let letters = "好".repeat(1_000);
        assert_eq!(shown(&letters).len(), 4);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_said_twice(text in "[a-z .,!?。，好\\n]{0,900}") {
            let joined: String = shown(&text).concat();
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&joined), bare(&text));
            prop_assert!(shown(&text).iter().all(|part| part.chars().count() <= MAX_CHARS));
        }
    }
}
