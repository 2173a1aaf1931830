use medley_proto::Transcript;
use medley_step::{StepContext, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{chapters, page, params::PodcastParams, summary};

/// Makes an episode's pages; its inputs are the artifacts of the gather step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EpisodeStep {
    pub params: PodcastParams,
    /// The name of the job's input.
    pub name: String,
    /// What the gather step said of the transcript.
    pub quality: Map<String, Value>,
}

/// Leaves `chapters.json`, `summary.md` and `transcript.html`, and hands the transcript on; how many chapters there are.
pub(crate) fn publish(step: &EpisodeStep, cx: &StepContext<'_>) -> Result<u64, StepError> {
    let mut transcript: Option<Transcript> = None;
    for (n, input) in cx.inputs().iter().enumerate() {
        if input.name == "transcript.json" {
            transcript = Some(cx.input_json(n)?);
        }
        cx.hand_on(n, &input.name)?;
    }
    let transcript = transcript.ok_or_else(|| StepError::internal("an episode without a transcript"))?;
    let title = if step.params.title.is_empty() { stem(&step.name) } else { &step.params.title };
    let audio_url = if step.params.audio_url.is_empty() { &step.name } else { &step.params.audio_url };

    let chapters = chapters::chapters(&transcript.segments, step.params.chapter_min_s);
    cx.checkpoint()?;
    let sentences = usize::from(step.params.summary_sentences);
    let summary = summary::markdown(title, &transcript.segments, &chapters, sentences);
    let page = page::html(title, &transcript, &chapters, audio_url);
    cx.publish("chapters.json", "application/json+chapters", &chapters::json(&chapters)?)?;
    cx.publish("summary.md", "text/markdown; charset=utf-8", summary.as_bytes())?;
    cx.publish("transcript.html", "text/html; charset=utf-8", page.as_bytes())?;
    step.quality.iter().for_each(|(key, value)| cx.quality(key, value.clone()));
    cx.quality("chapters", chapters.len());
    cx.quality("summary", "extractive");
    Ok(chapters.len() as u64)
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
