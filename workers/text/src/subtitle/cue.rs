//! A cue: lines of text and when they are shown.

use serde::{Deserialize, Serialize};

use super::limits::reading_s;

/// Lines of text and when they are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cue {
    pub start_s: f64,
    pub end_s: f64,
    /// One or two. Stored as one text with a line feed between them.
    #[serde(rename = "text", with = "joined")]
    pub lines: Vec<String>,
    /// Who says it, where several speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
}

impl Cue {
    /// How long it takes to read, in seconds.
    pub(super) fn reading_s(&self) -> f64 {
        self.lines.iter().map(|line| reading_s(line)).sum()
    }

    /// Whether it is shown for as long as it takes to read, to within 3 %.
    pub fn is_readable(&self) -> bool {
        self.reading_s() <= (self.end_s - self.start_s) * 1.03
    }
}

mod joined {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(lines: &[String], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&lines.join("\n"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        Ok(String::deserialize(from)?.lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_is_stored_as_one_text() {
        let cue = Cue { start_s: 1.0, end_s: 2.5, lines: vec!["one".into(), "two".into()], speaker: None };
        let json = r#"{"start_s":1.0,"end_s":2.5,"text":"one\ntwo"}"#;
        assert_eq!(serde_json::to_string(&cue).unwrap(), json);
        assert_eq!(serde_json::from_str::<Cue>(json).unwrap(), cue);
    }
}
