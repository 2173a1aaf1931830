use medley_proto::ErrorCode;
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::params::TranscribeParams;

/// The params of a `podcast` job: all of `transcribe`, and those of the episode's pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PodcastParams {
    #[serde(flatten)]
    pub transcribe: TranscribeParams,
    /// The episode's title; empty is the input's name.
    pub title: String,
    /// No chapter is shorter, in seconds.
    pub chapter_min_s: f64,
    /// Who writes the summary.
    pub summary: Summary,
    /// Sentences of an extractive summary; 0 is one a chapter and at least three.
    pub summary_sentences: u16,
    /// Where the player of transcript.html finds the sound or film: a URL, percent-encoded, which may be relative to the page.
    /// Empty is the input's name beside the page, else the place where the input was. The page also lets its reader choose a
    /// file.
    pub audio_url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// The helper model of `[assist]` when one is configured and answers, else sentences of the transcript.
    Auto,
    /// Sentences of the transcript: nothing is sent anywhere.
    Extractive,
}

impl Default for PodcastParams {
    fn default() -> Self {
        Self {
            transcribe: TranscribeParams::default(),
            title: String::new(),
            chapter_min_s: 120.0,
            summary: Summary::Auto,
            summary_sentences: 0,
            audio_url: String::new(),
        }
    }
}

impl PodcastParams {
    /// Refuses params that no step could use.
    ///
    /// # Errors
    /// `params_invalid`.
    pub fn check(&self) -> Result<(), StepError> {
        self.transcribe.check()?;
        let refuse = |what: String| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, what));
        if !(10.0..=3600.0).contains(&self.chapter_min_s) {
            return refuse(format!("chapter_min_s is {}; use 10 to 3600", self.chapter_min_s));
        }
        if self.summary_sentences > 100 {
            return refuse(format!("summary_sentences is {}; use at most 100", self.summary_sentences));
        }
        let url = self.audio_url.to_lowercase();
        let known = ["https:", "http:", "file:"].iter().any(|scheme| url.starts_with(scheme));
        if url.contains(':') && !known {
            let what = "is neither http(s): nor file: nor a relative path; write a colon of a name as %3A";
            return refuse(format!("audio_url '{}' {what}", self.audio_url));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_of_both_kinds_stand_side_by_side_and_unknown_ones_are_refused() {
        let params: PodcastParams = serde_json::from_str(r#"{"model":"tiny.en","chapter_min_s":60}"#).unwrap();
        assert_eq!((params.transcribe.model.as_str(), params.chapter_min_s), ("tiny.en", 60.0));
        assert_eq!(serde_json::from_value::<PodcastParams>(serde_json::to_value(&params).unwrap()).unwrap(), params);
        assert!(serde_json::from_str::<PodcastParams>(r#"{"modle":"tiny.en"}"#).is_err());
        let script = PodcastParams { audio_url: "javascript:alert(1)".into(), ..PodcastParams::default() };
        assert!(script.check().is_err());
    }
}
