use std::error::Error;

use medley_assist::Assistant;
use medley_proto::{Transcript, TranscriptSegment};
use medley_step::{StepContext, StepError};

use super::{
    abstractive::{self, NoNotes, Notes},
    chapters::{self, Chapter},
    notes::{chapters_txt, podcast_tags, shownotes},
    page::{self, Media},
    params::Summary,
    step::PublishStep,
    summary,
};
use crate::text::markup;

/// Publishes the chapters, the summary, what feeds and sites take, and the page, and hands the transcript on. Returns the number of chapters.
pub(crate) fn publish(
    step: &PublishStep,
    assist: &medley_assist::Config,
    cx: &StepContext<'_>,
) -> Result<u64, StepError> {
    let mut transcript: Option<Transcript> = None;
    for (n, input) in cx.inputs().iter().enumerate() {
        if input.name == "transcript.json" {
            transcript = Some(cx.input_json(n)?);
        }
        cx.hand_on(n, &input.name)?;
    }
    let transcript = transcript.ok_or_else(|| StepError::internal("an episode without a transcript"))?;
    let title = if step.params.title.is_empty() { stem(&step.name) } else { &step.params.title };

    let mut chapters = chapters::chapters(&transcript.segments, step.params.chapter_min_s);
    cx.checkpoint()?;
    let notes = match step.params.summary {
        Summary::Auto => ask_assistant(assist, &transcript.segments, &mut chapters, cx)?,
        Summary::Extractive => None,
    };
    let sentences = usize::from(step.params.summary_sentences);
    let summary = summary::markdown(title, &transcript.segments, &chapters, sentences, notes.as_ref());
    let lead = summary::lead(&transcript.segments, &chapters, sentences, notes.as_ref());
    let page = page::html(title, &transcript, &chapters, &media(step));
    cx.publish("chapters.json", "application/json+chapters", &chapters::json(&chapters)?)?;
    cx.publish("chapters.txt", "text/plain; charset=utf-8", chapters_txt(&chapters).as_bytes())?;
    let shownotes = shownotes(&lead, &chapters);
    cx.publish("shownotes.html", "text/html; charset=utf-8", shownotes.as_bytes())?;
    let tags = podcast_tags(&transcript, base(&step.params.audio_url));
    cx.publish("podcast.xml", "application/xml", tags.as_bytes())?;
    cx.publish("summary.md", "text/markdown; charset=utf-8", summary.as_bytes())?;
    cx.publish("transcript.html", "text/html; charset=utf-8", page.as_bytes())?;
    step.quality.iter().for_each(|(key, value)| cx.quality(key, value.clone()));
    cx.quality("chapters", chapters.len());
    cx.quality("summary", if notes.is_some() { "abstractive" } else { "extractive" });
    Ok(chapters.len() as u64)
}

/// Where an episode will lie, as far as the address of its sound says.
fn base(audio_url: &str) -> &str {
    let is_address = audio_url.starts_with("https:") || audio_url.starts_with("http:");
    let end = audio_url.split(['?', '#']).next().and_then(|path| path.rfind('/'));
    end.filter(|_| is_address).map_or("", |end| &audio_url[..=end])
}

/// What the page plays and where to look for it: where the user says, else beside the page, else where the input was.
fn media(step: &PublishStep) -> Media {
    if !step.params.audio_url.is_empty() {
        return Media { urls: vec![step.params.audio_url.clone()], film: step.film };
    }
    let mut urls = vec![markup::relative_url(&step.name)];
    // A query or a user name may hold a secret.
    let is_open = |uri: &&String| uri.starts_with("file:") || uri.starts_with("https:") && !uri.contains(['?', '@']);
    urls.extend(step.uri.iter().filter(is_open).cloned());
    Media { urls, film: step.film }
}

/// The helper model's notes, when one is configured; its headlines become the titles of the chapters. When it fails, the
/// episode goes on without notes and `quality` says why.
fn ask_assistant(
    config: &medley_assist::Config,
    segments: &[TranscriptSegment],
    chapters: &mut [Chapter],
    cx: &StepContext<'_>,
) -> Result<Option<Notes>, StepError> {
    let notes = match Assistant::new(config) {
        Ok(None) => return Ok(None),
        Ok(Some(_)) if chapters.is_empty() => return Ok(None),
        Ok(Some(assistant)) => {
            cx.quality("summary_model", assistant.model());
            abstractive::notes(&assistant, segments, chapters, cx)
        }
        Err(error) => Err(error.into()),
    };
    match notes {
        Ok(notes) => {
            for (chapter, note) in chapters.iter_mut().zip(&notes.chapters) {
                if !note.title.is_empty() {
                    chapter.title.clone_from(&note.title);
                }
            }
            Ok(Some(notes))
        }
        Err(NoNotes::Stopped(error)) => Err(error),
        Err(error) => {
            let why = with_causes(&error);
            tracing::warn!(why, "no abstractive summary");
            cx.quality("summary_fallback", why);
            Ok(None)
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::{super::params::PodcastParams, *};

    #[test]
    fn the_sound_is_beside_the_page_or_where_it_was() {
        let urls = |uri: &str, audio_url: &str| {
            let params = PodcastParams { audio_url: audio_url.into(), ..PodcastParams::default() };
            let uri = Some(uri.to_owned());
            media(&PublishStep { params, name: "a b.mp3".into(), uri, film: false, quality: Map::new() }).urls
        };
        assert_eq!(urls("file:///x/a%20b.mp3", ""), ["a%20b.mp3", "file:///x/a%20b.mp3"]);
        assert_eq!(urls("https://h.org/a%20b.mp3", ""), ["a%20b.mp3", "https://h.org/a%20b.mp3"]);
        assert_eq!(urls("https://h.org/a%20b.mp3?key=secret", ""), ["a%20b.mp3"]);
        assert_eq!(urls("s3://b/a%20b.mp3", ""), ["a%20b.mp3"]);
        assert_eq!(urls("file:///x/a%20b.mp3", "https://h.org/e.mp3"), ["https://h.org/e.mp3"]);
    }
}
