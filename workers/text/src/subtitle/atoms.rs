//! Cuts a block of text into atoms: pieces that are never broken, with their times and what a break after them costs.

use std::ops::Range;

use super::{
    Limits, breaks,
    limits::reading_s,
    spoken::{Block, Span},
};
use crate::{
    marks::{closes, opens},
    script::{is_han, is_tight},
    words,
};

/// Breaking inside a word, which only words that are longer than a line suffer.
const INSIDE_WORD: f64 = 4.0;

/// Text that is never broken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Atom {
    pub(super) text: String,
    /// Written with a space before it.
    pub(super) spaced: bool,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    /// In the unit of [`Limits::line_width`].
    pub(super) width: u32,
    pub(super) reading_s: f64,
    pub(super) break_cost: f64,
}

/// The atoms of a block. None is wider than a line.
pub(super) fn atoms(block: &Block, limits: Limits) -> Vec<Atom> {
    let tokens = tokens(&block.text);
    let texts: Vec<&str> = tokens.iter().map(|token| &block.text[token.range.clone()]).collect();
    let costs = breaks::costs(&texts);
    // So long a piece leaves no choice to the lines around it.
    let max_width = limits.line_width() * 3 / 4;
    let mut atoms: Vec<Atom> = Vec::new();
    for (n, token) in tokens.iter().enumerate() {
        let cost = costs.get(n).copied().unwrap_or(Some(breaks::AFTER_SENTENCE));
        let break_cost = cost.unwrap_or(INSIDE_WORD);
        let sticks = n > 0 && costs[n - 1].is_none();
        let more = cut(block, token, limits, break_cost);
        match (atoms.last_mut(), more.as_slice()) {
            (Some(last), [only]) if sticks && last.width + only.width + limits.space_width() <= max_width => {
                join(last, only, limits);
            }
            _ => atoms.extend(more),
        }
    }
    atoms
}

fn join(last: &mut Atom, next: &Atom, limits: Limits) {
    if next.spaced {
        last.text.push(' ');
    }
    last.text.push_str(&next.text);
    last.width = limits.width(&last.text);
    last.reading_s = reading_s(&last.text);
    last.end_s = next.end_s.max(last.end_s);
    last.break_cost = next.break_cost;
}

/// A part of the text that is not broken, unless it is wider than a line.
#[derive(Debug, Clone, PartialEq)]
struct Token {
    range: Range<usize>,
    spaced: bool,
}

/// Words between spaces, and words of scripts without spaces.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    for chunk in text.split_whitespace() {
        let begin = at + text[at..].find(chunk).unwrap_or(0);
        at = begin + chunk.len();
        let mut spaced = begin > 0;
        for piece in pieces(chunk) {
            tokens.push(Token { range: begin + piece.start..begin + piece.end, spaced });
            spaced = false;
        }
    }
    tokens
}

/// The places of a chunk without spaces that may stand on lines of their own.
fn pieces(chunk: &str) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let candidates: Vec<&str> = if chunk.contains(is_han) {
        words::cut(chunk)
    } else if chunk.contains(is_tight) {
        chunk.split_inclusive(|_: char| true).collect()
    } else {
        chunk.split_inclusive('—').collect()
    };
    let mut at = 0;
    for candidate in candidates {
        let end = at + candidate.len();
        match pieces.last_mut() {
            Some(last) if !may_break(&chunk[last.clone()], candidate) => last.end = end,
            _ => pieces.push(at..end),
        }
        at = end;
    }
    pieces
}

/// Whether a line may end between two parts of text that stand side by side.
fn may_break(left: &str, right: &str) -> bool {
    let (Some(l), Some(r)) = (left.chars().next_back(), right.chars().next()) else { return false };
    // What joins parts of a name or a number, and Japanese signs that no line begins with.
    let joins = |c: char| "·・‧-/~～&+_@.#".contains(c);
    let small = "ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ々".contains(r);
    let apart = is_tight(l) || is_tight(r) || l == '—';
    apart && !closes(r) && !opens(l) && !joins(l) && !joins(r) && !small
}

/// A token as an atom, or as several where it is wider than a line.
fn cut(block: &Block, token: &Token, limits: Limits, break_cost: f64) -> Vec<Atom> {
    let text = &block.text[token.range.clone()];
    let mut atoms: Vec<Atom> = Vec::new();
    let (mut from, mut width) = (0, 0);
    let mut push = |range: Range<usize>, width: u32| {
        let place = token.range.start + range.start..token.range.start + range.end;
        let (start_s, end_s) = times(block, place);
        let text = text[range].to_owned();
        atoms.push(Atom {
            spaced: token.spaced && atoms.is_empty(),
            start_s,
            end_s,
            width,
            reading_s: reading_s(&text),
            break_cost: INSIDE_WORD,
            text,
        });
    };
    for (at, c) in text.char_indices() {
        let of = limits.char_width(c);
        if width + of > limits.line_width() {
            push(from..at, width);
            (from, width) = (at, 0);
        }
        width += of;
    }
    push(from..text.len(), width);
    if let Some(last) = atoms.last_mut() {
        last.break_cost = break_cost;
    }
    atoms
}

/// When a part of the text is said. Letters share the time of their span alike; marks and spaces take none.
fn times(block: &Block, part: Range<usize>) -> (f64, f64) {
    let span_at = |byte: usize| block.spans.partition_point(|span| span.end <= byte).min(block.spans.len() - 1);
    let time = |span: usize, until: usize, empty: fn(&Span) -> f64| {
        let begin = span.checked_sub(1).map_or(0, |before| block.spans[before].end);
        let span = &block.spans[span];
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        let (before, all) = (letters(&block.text[begin..until]), letters(&block.text[begin..span.end]));
        if all == 0 || before == all {
            return if all == 0 { empty(span) } else { span.end_s };
        }
        span.start_s + (span.end_s - span.start_s) * before as f64 / all as f64
    };
    let start_s = time(span_at(part.start), part.start, |span| span.start_s);
    let end_s = time(span_at(part.end.saturating_sub(1)), part.end, |span| span.end_s);
    (start_s, end_s.max(start_s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subtitle::spoken::test_block;

    fn shown(text: &str) -> String {
        let atoms = atoms(&test_block(&[(text, 0.0, 10.0)]), Limits::default());
        atoms.iter().map(|atom| atom.text.as_str()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn chinese_is_cut_at_words_and_never_before_marks() {
        for (text, expected) in [
            ("我们训练模型，然后测试。", "我们|训练|模型，|然后|测试。"),
            ("他说：“你好！”然后走了。", "他|说：|“你好！”|然后|走了。"),
            ("威廉·莎士比亚的戏剧", "威廉·莎士比亚的|戏剧"),
            ("用GPT-4写代码", "用|GPT-4|写|代码"),
            ("GDP 增长 4.5%，好", "GDP|增长|4.5%，|好"),
            ("2026年11月30日，第3章", "2026年11月30日，|第3章"),
            ("circumstances—which led", "circumstances—|which|led"),
            ("state-of-the-art U.S. model", "state-of-the-art|U.S.|model"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn characters_of_a_recogniser_become_words_and_long_words_pieces() {
        let block =
            test_block(&[("我", 0.0, 1.0), ("们", 1.0, 2.0), ("模", 2.0, 3.0), ("型", 3.0, 4.0), ("。", 4.0, 4.5)]);
        let found: Vec<(String, f64, f64)> =
            atoms(&block, Limits::default()).into_iter().map(|a| (a.text, a.start_s, a.end_s)).collect();
        assert_eq!(found, [("我们".into(), 0.0, 2.0), ("模型。".into(), 2.0, 4.5)]);
        let long = atoms(&test_block(&[(&"x".repeat(100), 0.0, 10.0)]), Limits::default());
        let widths: Vec<usize> = long.iter().map(|atom| atom.text.len()).collect();
        assert_eq!(widths, [42, 42, 16]);
        assert!((long[1].start_s - 4.2).abs() < 1e-9);
    }
}
