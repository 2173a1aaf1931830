//! Text between two pauses, and when each piece of it is said.

use crate::marks::is_sentence_end;

/// A piece of a block's text and when it is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// Where it ends in the text, in bytes; it begins where the span before ends.
    pub(super) end: usize,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
}

/// Text between two pauses.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) text: String,
    pub(super) spans: Vec<Span>,
    pub(super) chars: usize,
    /// How many spans end with the last sentence that is complete.
    pub(super) sentences: usize,
    /// Who says it, where several speak.
    pub(super) speaker: Option<String>,
}

impl Block {
    pub(super) fn push(&mut self, start_s: f64, end_s: f64, text: &str) {
        self.text.push_str(text);
        self.chars += text.chars().count();
        self.spans.push(Span { end: self.text.len(), start_s, end_s });
        if is_sentence_end(text) {
            self.sentences = self.spans.len();
        }
    }

    /// Takes the first `count` spans out.
    pub(super) fn split(&mut self, count: usize) -> Self {
        let at = count.checked_sub(1).map_or(0, |last| self.spans[last].end);
        let rest = self.text.split_off(at);
        let mut later = self.spans.split_off(count);
        later.iter_mut().for_each(|span| span.end -= at);
        let (later_chars, text, spans) = (rest.chars().count(), rest, later);
        let speaker = self.speaker.clone();
        let first = std::mem::replace(self, Self { chars: later_chars, sentences: 0, text, spans, speaker });
        Self { chars: first.chars.saturating_sub(later_chars), ..first }
    }
}

#[cfg(test)]
pub(super) fn test_block(spans: &[(&str, f64, f64)]) -> Block {
    let mut block = Block::default();
    spans.iter().for_each(|(text, start_s, end_s)| block.push(*start_s, *end_s, text));
    block
}
