//! Text normalisation: numbers, dates, money, units and signs become words, and every piece remembers which part of
//! the text it came from.
//!
//! A language is a list of rules in order of precedence; the first that matches a stretch of text claims it. Text that no
//! rule claims consists of words and marks. A rule is a regular expression (linear in time for any text) and a function
//! that writes out a match or declines it.

pub(crate) mod chinese;
pub(crate) mod english;

use std::ops::Range;

use regex::{Captures, Regex};

/// A stretch of text in normalised form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: PieceKind,
    /// Bytes of the text that was normalised.
    pub(crate) source: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PieceKind {
    Say(String),
    Mark(char),
    /// Phonemes: IPA in English, pinyin in Chinese.
    Phonemes(String),
}

impl Piece {
    /// Whether it is spoken; marks are pauses.
    pub(crate) fn is_said(&self) -> bool {
        !matches!(self.kind, PieceKind::Mark(_))
    }
}

/// The text around a match.
pub(crate) struct Around<'t> {
    pub(crate) before: &'t str,
    pub(crate) after: &'t str,
}

impl Around<'_> {
    /// Whether the match is not part of a longer word or number.
    fn is_whole(&self) -> bool {
        let joined = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !medley_text::script::is_han(c));
        let mut after = self.after.chars();
        let next = after.next();
        let decimals = next.is_some_and(|c| matches!(c, '.' | ','))
            && after.next().is_some_and(|c| c.is_ascii_digit())
            && self.before.ends_with(|c: char| c.is_ascii_digit());
        !joined(self.before.chars().next_back()) && !joined(next) && !decimals
    }

    /// The word before, without case.
    fn word_before(&self) -> String {
        self.word_before_as_written().to_lowercase()
    }

    fn word_before_as_written(&self) -> &str {
        self.before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
    }

    /// The word after, as it stands.
    fn word_after(&self) -> &str {
        let after = self.after.trim_start();
        &after[..after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len())]
    }

    /// The word after the next, when only blanks stand between.
    fn word_after_next(&self) -> Option<&str> {
        let rest = self.after.trim_start().strip_prefix(self.word_after())?;
        let word = rest.strip_prefix(' ')?;
        Some(&word[..word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len())])
    }
}

/// Writes out a match. `None` leaves the text to the rules that follow. A comma in the result is a pause.
type Expand = fn(&Captures<'_>, &Around<'_>) -> Option<String>;

pub(crate) struct Rule {
    pattern: Regex,
    whole: bool,
    expand: Expand,
}

impl Rule {
    /// A rule for whole words and numbers.
    fn whole(pattern: &str, expand: Expand) -> Self {
        // For Unicode a Chinese character is a letter, so it would hide the boundary of a Latin word beside it.
        let pattern = pattern.replace(r"\b", r"(?-u:\b)");
        Self { pattern: Regex::new(&pattern).expect("the patterns are constants"), whole: true, expand }
    }

    /// A rule whose function checks the neighbours itself.
    fn anywhere(pattern: &str, expand: Expand) -> Self {
        Self { whole: false, ..Self::whole(pattern, expand) }
    }
}

/// A stretch of text: claimed by a rule, or still raw.
type Stretch = (Range<usize>, Option<String>);

/// Applies the rules to `text[part]` in order.
fn apply(rules: &[Rule], text: &str, part: Range<usize>) -> Vec<Stretch> {
    rules.iter().fold(vec![(part, None)], |stretches, rule| {
        let mut next = Vec::with_capacity(stretches.len());
        for (range, claimed) in stretches {
            match claimed {
                Some(_) => next.push((range, claimed)),
                None => rule.split(text, range, &mut next),
            }
        }
        next
    })
}

impl Rule {
    fn split(&self, text: &str, range: Range<usize>, out: &mut Vec<Stretch>) {
        let haystack = &text[..range.end];
        let (mut raw, mut at) = (range.start, range.start);
        while let Some(found) = self.pattern.captures_at(haystack, at) {
            let whole = found.get(0).expect("group 0 is the match").range();
            if whole.is_empty() {
                break;
            }
            let around = Around { before: &text[..whole.start], after: &text[whole.end..] };
            let spoken = if self.whole && !around.is_whole() { None } else { (self.expand)(&found, &around) };
            at = whole.end;
            if let Some(spoken) = spoken {
                if raw < whole.start {
                    out.push((raw..whole.start, None));
                }
                out.push((whole.clone(), Some(spoken)));
                raw = whole.end;
            }
        }
        if raw < range.end {
            out.push((raw..range.end, None));
        }
    }
}

/// The pieces of a claimed stretch: its commas are pauses.
fn claimed(spoken: &str, source: &Range<usize>, pieces: &mut Vec<Piece>) {
    for (n, part) in spoken.split([',', '，']).enumerate() {
        if n > 0 {
            pieces.push(Piece { kind: PieceKind::Mark(','), source: source.clone() });
        }
        if !part.trim().is_empty() {
            pieces.push(Piece { kind: PieceKind::Say(part.trim().to_owned()), source: source.clone() });
        }
    }
}

/// The normalised text, for tests.
#[cfg(test)]
fn read(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match &piece.kind {
            PieceKind::Say(say) => {
                if !text.is_empty() && say.is_ascii() {
                    text.push(' ');
                }
                text.push_str(say);
            }
            PieceKind::Mark(mark) => text.push(*mark),
            PieceKind::Phonemes(phonemes) => text.push_str(&format!(" {phonemes}")),
        }
    }
    text
}
