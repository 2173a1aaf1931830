//! The text of a recording while it is being decoded: what the finished decode steps of its job have in their results.

use medley_proto::{EventBody, Name, StepId};
use medley_step::graph::GROUP_MAX;
use serde_json::Value;

use super::{call::Call, error::ApiError, logprobs::Logprob};

/// The stage of `transcribe` that decodes windows.
const DECODE: Name = Name::from_static("decode");

/// The text of one window of at most half a minute.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WindowText {
    pub(super) text: String,
    pub(super) logprobs: Vec<Logprob>,
}

/// The decoded windows of a job, in the order of the recording: a step that is done before the one in front of it waits.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// How many steps were read.
    steps: u32,
    /// Nothing was said so far.
    begun: bool,
}

impl Windows {
    /// Whether an event says that there may be more.
    pub(super) fn concerns(event: &EventBody, step: Option<&StepId>) -> bool {
        matches!(event, EventBody::Done { .. }) && step.is_some_and(|step| step.stage == DECODE)
    }

    /// The windows that were decoded since the last call.
    ///
    /// # Errors
    /// When the store is away.
    pub(super) async fn more(&mut self, call: &Call) -> Result<Vec<WindowText>, ApiError> {
        let mut texts = Vec::new();
        loop {
            let step = StepId::new(DECODE, self.steps / GROUP_MAX, self.steps % GROUP_MAX);
            let result = call.app().client.step_result(call.tenant(), call.job, &step).await?;
            let Some(result) = result else { return Ok(texts) };
            self.steps += 1;
            self.take(&result.output, &mut texts);
        }
    }

    /// Reads the output of a decode step: `{"done": "decode", "windows": [{"words": [[start_s, end_s, text, logprob], …]}]}`.
    fn take(&mut self, output: &Value, texts: &mut Vec<WindowText>) {
        for window in output["windows"].as_array().into_iter().flatten() {
            let mut said = WindowText { text: String::new(), logprobs: Vec::new() };
            for word in window["words"].as_array().into_iter().flatten() {
                let (Some(text), logprob) = (word[2].as_str(), word[3].as_f64()) else { continue };
                let text = if self.begun { text } else { text.trim_start() };
                self.begun |= !text.is_empty();
                said.text.push_str(text);
                said.logprobs.extend(logprob.map(|logprob| Logprob::new(text.to_owned(), logprob)));
            }
            if !said.text.is_empty() {
                texts.push(said);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_window_is_one_text() {
        let (mut windows, mut texts) = (Windows::default(), Vec::new());
        let first = json!({ "done": "decode", "windows": [
            { "words": [[0.0, 0.4, " It", -0.1], [0.4, 0.8, " was.", -0.2]], "language": "en" },
            { "words": [] },
        ] });
        windows.take(&first, &mut texts);
        windows.take(
            &json!({ "windows": [{ "words": [[9.0, 9.5, " Was", -0.3], [9.5, 9.7, " it?", -0.4]] }] }),
            &mut texts,
        );
        let said: Vec<&str> = texts.iter().map(|window| window.text.as_str()).collect();
        assert_eq!(said, ["It was.", " Was it?"]);
        assert_eq!(texts[1].logprobs[1], Logprob::new(" it?".into(), -0.4));
    }

    #[test]
    fn an_output_of_another_shape_says_nothing() {
        let (mut windows, mut texts) = (Windows::default(), Vec::new());
        for output in [json!(null), json!({ "windows": 3 }), json!({ "windows": [{ "words": [1, [], ["a"]] }] })] {
            windows.take(&output, &mut texts);
        }
        assert!(texts.is_empty());
    }
}
