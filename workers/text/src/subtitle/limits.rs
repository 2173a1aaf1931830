//! How much text a line holds, and how fast text is read.

use crate::script::{is_hangul, is_wide};

/// What a cue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Narrow characters that fill a line.
    line_chars: u32,
    /// Wide characters that fill a line.
    wide_chars: u32,
    lines: usize,
}

impl Default for Limits {
    /// Two lines of 42 letters or 16 full-width characters.
    fn default() -> Self {
        Self { line_chars: 42, wide_chars: 16, lines: 2 }
    }
}

impl Limits {
    /// Lines that hold so many letters, or so many full-width characters, 1 to 1,000; a mixed line holds of each in
    /// proportion.
    #[must_use]
    pub fn chars(self, narrow: u16, wide: u16) -> Self {
        let chars = |n: u16| u32::from(n.clamp(1, 1_000));
        Self { line_chars: chars(narrow), wide_chars: chars(wide), ..self }
    }

    /// So many lines, 1 or 2.
    #[must_use]
    pub fn lines(self, lines: usize) -> Self {
        Self { lines: lines.clamp(1, 2), ..self }
    }

    pub(super) fn max_lines(&self) -> usize {
        self.lines
    }

    /// The width of a whole line, in the unit of [`Limits::width`].
    pub(super) fn line_width(&self) -> u32 {
        self.line_chars * self.wide_chars
    }

    pub(super) fn char_width(&self, c: char) -> u32 {
        if is_wide(c) { self.line_chars } else { self.wide_chars }
    }

    pub(super) fn space_width(&self) -> u32 {
        self.wide_chars
    }

    /// How much of a line a text takes; all of it is [`Limits::line_width`].
    pub(super) fn width(&self, text: &str) -> u32 {
        text.chars().map(|c| self.char_width(c)).fold(0, u32::saturating_add)
    }

    /// Whether a line keeps the limit.
    pub fn holds(&self, line: &str) -> bool {
        self.width(line) <= self.line_width()
    }
}

/// Characters a second, by the guides for adult programmes.
const NARROW_PER_S: f64 = 17.0;
const WIDE_PER_S: f64 = 9.0;
const HANGUL_PER_S: f64 = 12.0;

/// How long it takes to read a text, in seconds.
pub(super) fn reading_s(text: &str) -> f64 {
    let of = |c: char| match c {
        c if is_hangul(c) => 1.0 / HANGUL_PER_S,
        c if is_wide(c) => 1.0 / WIDE_PER_S,
        _ => 1.0 / NARROW_PER_S,
    };
    text.chars().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_letters_or_ideographs_or_of_each_in_proportion() {
        let limits = Limits::default();
        assert!(limits.holds(&"a".repeat(42)) && !limits.holds(&"a".repeat(43)));
        assert!(limits.holds(&"字".repeat(16)) && !limits.holds(&"字".repeat(17)));
        assert!(limits.holds(&("字".repeat(8) + &"a".repeat(21))));
        assert!(!limits.holds(&("字".repeat(8) + &"a".repeat(22))));
        let asked = limits.chars(20, 20);
        assert!(asked.holds(&"字".repeat(20)) && !asked.holds(&"a".repeat(21)));
    }

    #[test]
    fn scripts_are_read_at_their_own_speed() {
        for (text, seconds) in [("a".repeat(34), 2.0), ("字".repeat(18), 2.0), ("한".repeat(24), 2.0)] {
            assert!((reading_s(&text) - seconds).abs() < 1e-9, "{text}");
        }
    }
}
