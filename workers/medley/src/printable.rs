//! Text made fit for a terminal: one line, and nothing in it that moves the cursor, changes colours or titles, turns the
//! direction of writing or cannot be seen.
//!
//! Names of files, text of the media and what other programs say are others' words: printed as they are, they can write
//! over what stands on the screen or forge a line of ours. Everything that a command shows to people passes through
//! [`printable`]; documents for programs (`--json`) stay exact.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use tracing_subscriber::{
    field::{MakeExt, RecordFields},
    fmt::{
        FormatFields,
        format::{Writer, debug_fn},
    },
};

/// The text with what is no character to look at written as `\n`, `\t`, `\r` or `\u{…}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, 0x20..0x7f)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut before, mut rest) = (None, text.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            c if is_visible(before, c, rest.peek().copied()) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // A string takes all that is written.
            c => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
        }
        before = Some(c);
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// What a terminal shows as a mark of its own. The joiners U+200C and U+200D are part of writing (Persian, Hindi) and of
/// pictures (families), and stay between characters that they can join.
fn is_visible(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        '\u{200c}' | '\u{200d}' => [before, after].iter().all(|c| c.is_some_and(|c| !c.is_ascii() && !is_unseen(c))),
        c => !is_unseen(c),
    }
}

/// Controls (C0, DEL, C1), separators of lines and paragraphs, marks of direction, and characters without a width.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// What an error of the system says, without its number: `Permission denied`.
pub(crate) fn plain(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) if text.ends_with(')') => text[..at].to_lowercase(),
        _ => text,
    }
}

/// The fields of a log line, each made printable.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PrintableFields;

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let each = debug_fn(|writer, field, value| {
            let text = format!("{value:?}");
            match field.name() {
                "message" => writer.write_str(&printable(&text)),
                name => write!(writer, "{name}={}", printable(&text)),
            }
        });
        each.delimited(" ").format_fields(writer, fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays_as_it_is() {
        for text in [
            "",
            "photo 1.png",
            "今天的天气.wav",
            "çédille ﬁ",
            "नमस्ते",
            "می\u{200c}خواهم",
            "👨\u{200d}👩\u{200d}👧 ✔\u{fe0f}",
            "a\\nb",
        ] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let odd = [
            "\0",
            "\u{7}",
            "\u{8}",
            "\u{1b}",
            "\u{7f}",
            "\u{85}",
            "\u{9b}",
            "\u{9d}",
            "\u{ad}",
            "\u{61c}",
            "\u{200b}",
            "\u{200e}",
            "\u{200f}",
            "\u{2028}",
            "\u{2029}",
            "\u{202a}",
            "\u{202e}",
            "\u{2060}",
            "\u{2066}",
            "\u{2069}",
            "\u{feff}",
            "\u{fff9}",
            "\u{e0041}",
            "\n",
            "\r",
            "\t",
        ];
        for odd in odd {
            let text = format!("a{odd}b");
            let shown = printable(&text).into_owned();
            assert!(shown.starts_with("a\\") && shown.ends_with('b'), "{text:?}: {shown}");
            assert!(!shown.contains(odd), "{text:?}: {shown:?}");
        }
        assert_eq!(printable("a\nerror[ok]: b\u{1b}[2J"), "a\\nerror[ok]: b\\u{1b}[2J");
        assert_eq!(printable("a\u{200d}b \u{200c}"), "a\\u{200d}b \\u{200c}");
        assert_eq!(printable("\u{202e}\u{202e}é\n"), "\\u{202e}\\u{202e}é\\n");
    }

    #[test]
    fn errors_of_the_system_are_told_in_words() {
        assert_eq!(plain(&std::io::Error::from_raw_os_error(libc::EACCES)), "permission denied");
        assert_eq!(plain(&"of another kind (os error"), "of another kind (os error");
    }
}
