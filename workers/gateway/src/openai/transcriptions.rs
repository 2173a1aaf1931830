//! `POST /v1/audio/transcriptions` and `/translations`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use medley_proto::{EventBody, Manifest, Name, Transcript};
use medley_runtime::InputRequest;
use serde::Serialize;

use super::{
    answers,
    call::{Asked, Call},
    error::ApiError,
    form::Form,
    hearing::{Answering, Format, Hearing, Task},
    logprobs::{self, Logprob},
    patience::{self, Events, Gone, Patience, Preference},
    windows::{WindowText, Windows},
    with_headers,
};
use crate::{access::Caller, state::App};

const KIND: Name = Name::from_static("transcribe");

/// The largest transcript or subtitle file that is answered with, in bytes: three days of speech have less.
const MAX_TRANSCRIPT_BYTES: u64 = 256 << 20;

pub(super) async fn transcribe(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    hear(&app, &caller, request, Task::Transcribe).await
}

pub(super) async fn translate(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    hear(&app, &caller, request, Task::Translate).await
}

async fn hear(app: &Arc<App>, caller: &Caller, request: Request, task: Task) -> Result<Response, ApiError> {
    let preference = Preference::of(request.headers());
    let mut form = Form::read(app, request).await?;
    let file = form.take_file()?;
    let Hearing { model, params, answer, warnings } = Hearing::of(&form, task, tells_speakers(app)?)?;
    let sha256 = file.spooled.sha256;
    let input = InputRequest::Spooled(file.spooled.clone());
    let asked = Asked { kind: KIND, params, input, sha256, model: model.clone() };
    let call = Call::begin(app, caller, asked).await.map_err(|error| of_model(error, &model))?;
    // It lies in the store by now.
    drop(file);
    let job = call.job;
    let response = if !preference.waited(&call).await {
        patience::accepted(&call).await?
    } else if answer.stream {
        let (events, response) = Events::open();
        tokio::spawn(tell(call, answer, events));
        response
    } else {
        whole(call, answer, model).await?
    };
    Ok(with_headers(response, job, &warnings))
}

/// Whether the kind finds out who says what, by its schema.
fn tells_speakers(app: &App) -> Result<bool, ApiError> {
    let recipe = app.registry().find_recipe(&KIND).map_err(medley_runtime::Error::from)?;
    Ok(!recipe.schema().as_value()["properties"]["speakers"].is_null())
}

/// The kind does not know the model: OpenAI's packages have an error of its own for that.
fn of_model(error: ApiError, model: &str) -> ApiError {
    let unknown = &*error.code == "params_invalid" && error.message.contains("no model is called");
    if unknown { ApiError::no_model(model) } else { error }
}

/// The whole answer at once.
async fn whole(call: Call, answer: Answering, model: String) -> Result<Response, ApiError> {
    let name = match answer.format {
        Format::Srt => "transcript.srt",
        Format::Vtt => "transcript.vtt",
        Format::Text => {
            let manifest = call.ended().await.map_err(|error| of_model(error, &model))?;
            let mut text = transcript(&call, &manifest).await?.text;
            text.push('\n');
            return Ok(as_text(text.into()));
        }
        Format::Json | Format::VerboseJson | Format::DiarizedJson => {
            let making = async move {
                let manifest = call.ended().await.map_err(|error| of_model(error, &model))?;
                json(&transcript(&call, &manifest).await?, &answer)
            };
            return Ok(patience::json_when_ready(Patience::DEFAULT, making).await);
        }
    };
    let manifest = call.ended().await.map_err(|error| of_model(error, &model))?;
    Ok(as_text(call.read(&manifest, name, MAX_TRANSCRIPT_BYTES).await?))
}

fn as_text(text: bytes::Bytes) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn json(transcript: &Transcript, answer: &Answering) -> Result<Vec<u8>, ApiError> {
    let text = match answer.format {
        Format::VerboseJson => serde_json::to_vec(&verbose(transcript, answer)),
        Format::DiarizedJson => serde_json::to_vec(&answers::diarized(transcript)),
        _ => serde_json::to_vec(&answers::json(transcript, answer.logprobs.then(|| logprobs::logprobs(transcript)))),
    };
    text.map_err(ApiError::defect)
}

/// English is what a translation is in, whatever is spoken.
fn verbose(transcript: &Transcript, answer: &Answering) -> answers::VerboseTranscription {
    answers::verbose(transcript, answer.task.as_str(), answer.times)
}

async fn transcript(call: &Call, manifest: &Manifest) -> Result<Transcript, ApiError> {
    let text = call.read(manifest, "transcript.json", MAX_TRANSCRIPT_BYTES).await?;
    // Minutes of speech are parsed in no time, days of it are not.
    let parse = move || serde_json::from_slice(&text);
    tokio::task::spawn_blocking(parse).await.map_err(ApiError::defect)?.map_err(ApiError::defect)
}

/// `transcript.text.delta`: the text of one more window.
#[derive(Debug, Serialize)]
struct Delta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<&'a [Logprob]>,
}

impl<'a> Delta<'a> {
    fn new(delta: &'a str, logprobs: Option<&'a [Logprob]>) -> Self {
        Self { kind: "transcript.text.delta", delta, logprobs }
    }
}

/// `transcript.text.done`: the text that stands, and what the format has beside it.
#[derive(Debug, Serialize)]
struct Done<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    whole: T,
}

impl<T> Done<T> {
    fn new(whole: T) -> Self {
        Self { kind: "transcript.text.done", whole }
    }
}

/// A whole subtitle file.
#[derive(Debug, Serialize)]
struct Subtitles<'a> {
    text: &'a str,
    usage: answers::Usage,
}

/// Why a stream ends early.
enum Stop {
    Gone,
    Failed(ApiError),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// Writes the events of a streamed transcription.
async fn tell(call: Call, answer: Answering, events: Events) {
    let job = call.job;
    let told = Telling { call, answer, events: events.clone(), windows: Windows::default(), said: String::new() };
    match told.tell().await {
        Ok(()) => {}
        Err(Stop::Gone) => tracing::debug!(%job, "the client of a stream is gone; its job goes on"),
        Err(Stop::Failed(error)) => events.fail(&error).await,
    }
}

struct Telling {
    call: Call,
    answer: Answering,
    events: Events,
    windows: Windows,
    /// All deltas so far.
    said: String,
}

impl Telling {
    async fn tell(mut self) -> Result<(), Stop> {
        self.events.comment(&format!("job {}", self.call.job)).await?;
        let mut heard = self.call.events().await?;
        let draining = self.call.app().draining.clone();
        let mut life = tokio::time::interval(Patience::DEFAULT.every);
        life.reset();
        self.say_more().await?;
        loop {
            tokio::select! {
                event = heard.next() => match event {
                    None => break,
                    Some(event) if matches!(event.body, EventBody::Finished { .. }) => break,
                    Some(event) if Windows::concerns(&event.body, event.step.as_ref()) => self.say_more().await?,
                    Some(_) => {}
                },
                _ = life.tick() => {
                    self.events.comment("keep-alive").await?;
                    // Events may be lost.
                    self.say_more().await?;
                }
                () = draining.cancelled() => return Err(ApiError::stopping().into()),
            }
        }
        let manifest = self.call.manifest().await?;
        self.say_more().await?;
        self.finish(&manifest).await
    }

    /// Subtitles are laid out over the whole text: there is nothing to say of them before the end.
    fn waits(&self) -> bool {
        matches!(self.answer.format, Format::Srt | Format::Vtt)
    }

    async fn say_more(&mut self) -> Result<(), Stop> {
        if self.waits() {
            return Ok(());
        }
        for WindowText { text, logprobs } in self.windows.more(&self.call).await? {
            self.events.send(&Delta::new(&text, self.answer.logprobs.then_some(&logprobs[..]))).await?;
            self.said.push_str(&text);
        }
        Ok(())
    }

    async fn finish(self, manifest: &Manifest) -> Result<(), Stop> {
        let transcript = transcript(&self.call, manifest).await?;
        if self.waits() {
            let name = if self.answer.format == Format::Srt { "transcript.srt" } else { "transcript.vtt" };
            let file = self.call.read(manifest, name, MAX_TRANSCRIPT_BYTES).await?;
            let text = String::from_utf8_lossy(&file);
            for cue in text.split_inclusive("\n\n") {
                self.events.send(&Delta::new(cue, None)).await?;
            }
            let usage = answers::Usage::seconds(transcript.duration_s);
            return Ok(self.events.send(&Done::new(Subtitles { text: &text, usage })).await?);
        }
        // What was put together from windows is the beginning of the text, unless the text was changed as a whole.
        if let Some(rest) = transcript.text.strip_prefix(&self.said).filter(|rest| !rest.is_empty()) {
            self.events.send(&Delta::new(rest, None)).await?;
        }
        let answer = &self.answer;
        if answer.format == Format::DiarizedJson {
            for segment in answers::diarized_segments(&transcript) {
                self.events.send(&segment).await?;
            }
        }
        if answer.format == Format::VerboseJson {
            self.events.send(&Done::new(verbose(&transcript, answer))).await?;
        } else {
            let logprobs = answer.logprobs.then(|| logprobs::logprobs(&transcript));
            self.events.send(&Done::new(answers::json(&transcript, logprobs))).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn transcript() -> Transcript {
        serde_json::from_str(include_str!("../../tests/goldens/openai/transcript.json")).unwrap()
    }

    #[test]
    fn the_last_event_is_the_answer_with_its_type() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/goldens/openai/json.json")).unwrap();
        let mut event = serde_json::to_value(Done::new(answers::json(&transcript(), None))).unwrap();
        assert_eq!(event.as_object_mut().unwrap().remove("type"), Some(json!("transcript.text.done")));
        assert_eq!(event, golden);
        let delta = serde_json::to_value(Delta::new("It was.", None)).unwrap();
        assert_eq!(delta, json!({ "type": "transcript.text.delta", "delta": "It was." }));
    }

    #[test]
    fn an_unknown_model_is_not_found() {
        let message = "no model is called 'whisper-nova'; `medley models list` names those there are";
        let error = of_model(ApiError::param("model", message), "nova");
        assert_eq!((error.status.as_u16(), &*error.code), (404, "model_not_found"));
        assert_eq!(of_model(ApiError::param("beam_size", "use 1 to 8"), "nova").status.as_u16(), 400);
    }
}
