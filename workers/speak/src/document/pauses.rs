//! Silence between sentences, paragraphs and headings.

/// After a paragraph.
pub(super) const PARAGRAPH_MS: u32 = 650;
/// After the last word.
pub(super) const END_MS: u32 = 150;
/// Around a heading.
pub(super) const HEADING_MS: u32 = 900;

/// The pause after a sentence or clause, in milliseconds, by the mark that ends it.
pub(crate) fn pause_after(text: &str) -> u32 {
    let last = text.chars().rev().find(|c| !matches!(c, '"' | '”' | '’' | '\'' | ')' | '）' | '」' | '』' | '》'));
    match last {
        Some('.' | '。' | '!' | '！' | '?' | '？' | '…') => 380,
        Some(';' | '；' | ':' | '：') => 260,
        Some(',' | '，' | '、' | '—') => 160,
        _ => 300,
    }
}
