//! The script of a news clip: Markdown with front matter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PortraitError;

/// The front matter, between two lines of `---` before the text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FrontMatter {
    /// The title of the clip: the second line of the lower third, and the file's title.
    pub title: Option<String>,
    /// The speaker's name: the first line of the lower third.
    pub anchor: Option<String>,
    pub voice: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// Who agreed to the use of the likeness, and when.
    pub consent: Option<String>,
}

/// The largest script, in bytes: about three hours of speech.
pub(crate) const MAX_SCRIPT_BYTES: usize = 256 * 1024;

/// Splits a script into front matter (`key: value` lines) and the text to be spoken.
pub(crate) fn parse<'a>(text: &'a str, name: &str) -> Result<(FrontMatter, &'a str), PortraitError> {
    let text = text.trim_start_matches('\u{feff}');
    let wrong = |what: String| PortraitError::Script { name: name.into(), what };
    if text.len() > MAX_SCRIPT_BYTES {
        return Err(wrong(format!("it has {} bytes and may have {MAX_SCRIPT_BYTES}; make several clips", text.len())));
    }
    let mut front = FrontMatter::default();
    let body = match text.strip_prefix("---").and_then(|rest| rest.strip_prefix("\r\n").or(rest.strip_prefix('\n'))) {
        None => text,
        Some(rest) => {
            let mut at = 0;
            loop {
                let Some(line) = rest[at..].split_inclusive('\n').next() else {
                    return Err(wrong("its front matter has no end; close it with a line of ---".into()));
                };
                at += line.len();
                let line = line.trim();
                if line == "---" {
                    break &rest[at..];
                }
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let Some((key, value)) = line.split_once(':') else {
                    return Err(wrong(format!("'{line}' is no front matter; write key: value")));
                };
                let value = value.trim().trim_matches(['"', '\'']).to_owned();
                let place = match key.trim() {
                    "title" => &mut front.title,
                    "anchor" => &mut front.anchor,
                    "voice" => &mut front.voice,
                    "language" => &mut front.language,
                    "consent" => &mut front.consent,
                    key => {
                        let known = "title, anchor, voice, language and consent";
                        return Err(wrong(format!("its front matter says '{key}'; it may say {known}")));
                    }
                };
                *place = Some(value).filter(|value| !value.is_empty());
            }
        }
    };
    if !body.chars().any(char::is_alphanumeric) {
        return Err(wrong("there is nothing to say in it".into()));
    }
    Ok((front, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_is_split_from_the_text() {
        let (front, body) =
            parse("---\ntitle: \"A new bridge\"\nanchor: F. K.\n\nlanguage: en\n---\n\nGood evening.", "s.md").unwrap();
        assert_eq!((front.title.as_deref(), front.anchor.as_deref()), (Some("A new bridge"), Some("F. K.")));
        assert_eq!(body.trim(), "Good evening.");
        assert_eq!(parse("Good --- evening", "s").unwrap().1, "Good --- evening");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, word) in [
            ("---\ntitle: x\nGood", "key: value"),
            ("---\ntitle: x\n", "no end"),
            ("---\ncolour: red\n---\nHello", "'colour'"),
            ("---\ntitle: x\n---\n ...", "nothing to say"),
            ("", "nothing to say"),
        ] {
            let error = parse(text, "s.md").unwrap_err().to_string();
            assert!(error.contains(word) && error.starts_with("s.md"), "{error}");
        }
    }
}
