//! English normalisation. The cases that it must read are in `cases.tsv`.

mod codes;
mod counting;
mod money;
mod names;
mod numbers;
mod numerals;
mod quantities;
mod signs;
mod streets;
mod tables;
mod times;
mod words;

use std::{ops::Range, sync::LazyLock};

pub(crate) use tables::{is_abbreviation, is_number_label};

use super::{Piece, PieceKind, Rule, apply, claimed};

/// A number with or without thousands separators and decimals.
const NUMBER: &str = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?";

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules = words::addresses();
    rules.extend(codes::rules());
    rules.extend(signs::rules());
    rules.extend(times::rules());
    rules.extend(money::rules());
    rules.extend(quantities::rules());
    rules.extend(signs::late());
    rules.extend(streets::rules());
    rules.extend(words::rules());
    rules
});

/// The pieces of a part of a text, in order.
pub(crate) fn normalise(text: &str, part: Range<usize>) -> Vec<Piece> {
    // Lower case of ASCII keeps every byte where it is.
    let lowered = is_shouted(&text[part.clone()]).then(|| text.to_ascii_lowercase());
    let text = lowered.as_deref().unwrap_or(text);
    let mut pieces = Vec::new();
    for (range, spoken) in apply(&RULES, text, part) {
        match spoken {
            Some(spoken) => claimed(&spoken, &range, &mut pieces),
            None => plain(text, range, &mut pieces),
        }
    }
    pieces
}

/// A headline in capitals is not a row of abbreviations.
fn is_shouted(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 1);
    let (all, capitals) = words
        .fold((0, 0), |(all, capitals), word| (all + 1, capitals + usize::from(word.chars().all(char::is_uppercase))));
    all >= 4 && capitals * 10 >= all * 8
}

/// Words, and the marks between them.
fn plain(text: &str, range: Range<usize>, pieces: &mut Vec<Piece>) {
    let mut word: Option<Range<usize>> = None;
    for (at, c) in text[range.clone()].char_indices() {
        let here = range.start + at..range.start + at + c.len_utf8();
        let next = text[here.end..].chars().next();
        let joins = matches!(c, '\'' | '’' | '-') && word.is_some() && next.is_some_and(char::is_alphanumeric);
        if c.is_alphanumeric() || joins {
            word = Some(word.map_or(here.start, |word| word.start)..here.end);
            continue;
        }
        finish(text, word.take(), pieces);
        if let Some(mark) = mark(c, next) {
            pieces.push(Piece { kind: PieceKind::Mark(mark), source: here });
        } else if let Some(say) = words::sign(c) {
            pieces.push(Piece { kind: PieceKind::Say(say.into()), source: here });
        }
    }
    finish(text, word, pieces);
}

fn finish(text: &str, word: Option<Range<usize>>, pieces: &mut Vec<Piece>) {
    if let Some(source) = word {
        let word = text[source.clone()].replace('’', "'");
        let kind = match word.split_once("'s") {
            Some((name, "")) => names::ipa(name).map(|ipa| ipa + "z"),
            _ => names::ipa(&word),
        };
        pieces.push(Piece { kind: kind.map_or(PieceKind::Say(word), PieceKind::Phonemes), source });
    }
}

/// Marks that are heard. Brackets and spaced hyphens are pauses.
fn mark(c: char, next: Option<char>) -> Option<char> {
    match c {
        ',' | '，' | '、' | '(' | ')' | '[' | ']' | '（' | '）' => Some(','),
        '.' | '。' => Some('.'),
        '!' | '！' => Some('!'),
        '?' | '？' => Some('?'),
        ';' | '；' => Some(';'),
        ':' | '：' => Some(':'),
        '—' | '–' => Some('—'),
        '…' => Some('…'),
        '-' if next.is_some_and(char::is_whitespace) => Some('—'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalization::read;

    #[test]
    fn the_cases_are_read() {
        let wrong: Vec<String> = [include_str!("cases.tsv"), include_str!("faults.tsv")]
            .iter()
            .flat_map(|cases| cases.lines())
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| {
                let (text, wanted) = line.split_once('\t').expect("text, tab, reading");
                let got = read(&normalise(text, 0..text.len()));
                (got != wanted).then(|| format!("{text}\n  got    {got}\n  wanted {wanted}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn pieces_point_to_their_source_in_order() {
        let text = "On March 5, 2024 he paid $1,250.50 (cash) for 3 laptops.";
        let pieces = normalise(text, 0..text.len());
        assert!(pieces.windows(2).all(|pair| pair[0].source.start <= pair[1].source.start));
        let money = pieces.iter().find(|piece| matches!(&piece.kind, PieceKind::Say(say) if say.contains("dollars")));
        assert_eq!(&text[money.unwrap().source.clone()], "$1,250.50");
    }
}
