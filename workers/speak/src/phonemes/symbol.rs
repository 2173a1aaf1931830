use crate::language::Language;

/// Between syllables of a word, and between words: Baker's labels.
pub(crate) const BETWEEN_SYLLABLES: &str = "#0";
pub(crate) const BETWEEN_WORDS: &str = "#1";

/// One symbol of a voice's alphabet: a phoneme, a mark of punctuation, a boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) text: String,
    /// The word that it belongs to, by its number in the sentence; none for pauses.
    pub(crate) word: Option<usize>,
    /// The language of a phoneme; a mark is the same in both.
    pub(crate) language: Language,
}

impl Symbol {
    pub(crate) fn mark(text: &str) -> Self {
        Self { text: text.into(), word: None, language: Language::En }
    }

    pub(crate) fn of(text: impl Into<String>, word: usize) -> Self {
        Self { text: text.into(), word: Some(word), language: Language::En }
    }

    /// An initial, or a final with its tone.
    pub(crate) fn chinese(text: impl Into<String>, word: usize) -> Self {
        Self { text: text.into(), word: Some(word), language: Language::Zh }
    }

    /// Whether it separates words or syllables and is no pause.
    pub(crate) fn is_seam(&self) -> bool {
        self.word.is_none() && matches!(self.text.as_str(), " " | BETWEEN_SYLLABLES | BETWEEN_WORDS)
    }
}
