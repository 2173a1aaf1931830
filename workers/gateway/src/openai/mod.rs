//! OpenAI's audio protocol, which every client speaks: its routes, and what stands behind them here.
//!
//! A call is a job underneath ([`call`]): a form ([`form`]) or a body becomes params of the kinds `transcribe` and `speak`
//! ([`hearing`], [`speaking`]), and the job's artifacts become an answer ([`answers`]), at once or as events. Names of models
//! and voices stand in one table ([`names`]). Errors have OpenAI's form ([`error`]).

mod answers;
mod call;
mod error;
mod form;
mod hearing;
mod languages;
mod logprobs;
mod models;
mod names;
mod patience;
mod spacing;
mod speaking;
mod speech;
mod transcriptions;
mod windows;

use axum::{http::HeaderValue, response::Response};
use medley_proto::JobId;
use schemars::JsonSchema;

use crate::{
    access::Scope,
    jobs::JobView,
    routes::{Answer, Content, Route},
};

/// Which job made the answer.
const JOB: &str = "x-medley-job";
/// What of the request has no counterpart and was left out.
const WARNINGS: &str = "x-medley-warnings";

/// The form of `/v1/audio/transcriptions`, for the description of the routes.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it says what the form has; the form is read field by field")]
struct TranscriptionForm {
    /// The recording: any audio or video that ffmpeg reads.
    #[schemars(extend("format" = "binary"))]
    file: String,
    /// A name of OpenAI's, or a size of Whisper's.
    model: String,
    /// json (default), text, srt, verbose_json, vtt or diarized_json.
    response_format: Option<String>,
    /// The language spoken; left out, it is detected.
    language: Option<String>,
    /// Text in the style that is wanted.
    prompt: Option<String>,
    /// Accepted: decoding is greedy.
    temperature: Option<f64>,
    /// Answer with events while the recording is decoded.
    stream: Option<bool>,
    /// With verbose_json: segment (default), word.
    #[serde(rename = "timestamp_granularities[]")]
    granularities: Option<Vec<String>>,
    /// With json: logprobs.
    #[serde(rename = "include[]")]
    include: Option<Vec<String>>,
    /// Names and terms that are likely to be said.
    #[serde(rename = "keywords[]")]
    keywords: Option<Vec<String>>,
    /// Languages that may be spoken.
    #[serde(rename = "languages[]")]
    languages: Option<Vec<String>>,
    /// auto, or server_vad with a threshold.
    chunking_strategy: Option<String>,
}

/// The form of `/v1/audio/translations`, for the description of the routes.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it says what the form has; the form is read field by field")]
struct TranslationForm {
    /// The recording: any audio or video that ffmpeg reads.
    #[schemars(extend("format" = "binary"))]
    file: String,
    /// A name of OpenAI's, or a size of Whisper's.
    model: String,
    /// json (default), text, srt, verbose_json or vtt.
    response_format: Option<String>,
    /// Text in the style that is wanted.
    prompt: Option<String>,
    /// Accepted: decoding is greedy.
    temperature: Option<f64>,
}

/// What `response_format` chooses, for the description of the routes.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it says what an answer may be; each is written by itself")]
enum AnyTranscription {
    Json(answers::Transcription),
    VerboseJson(answers::VerboseTranscription),
    DiarizedJson(answers::DiarizedTranscription),
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        hearing(Route::post("/v1/audio/transcriptions", "createTranscription", transcriptions::transcribe))
            .summary("Write down what is said")
            .body(Content::form::<TranscriptionForm>()),
        hearing(Route::post("/v1/audio/translations", "createTranslation", transcriptions::translate))
            .summary("Write down in English what is said")
            .body(Content::form::<TranslationForm>()),
        call_of(Route::post("/v1/audio/speech", "createSpeech", speech::speak))
            .summary("Read a text aloud")
            .body(Content::json::<speaking::SpeechBody>())
            .answer(
                Answer::new(200, "The speech")
                    .content(Content::bytes("audio/mpeg"))
                    .content(Content::bytes("audio/ogg; codecs=opus"))
                    .content(Content::bytes("audio/aac"))
                    .content(Content::bytes("audio/flac"))
                    .content(Content::bytes("audio/wav"))
                    .content(Content::bytes("audio/pcm"))
                    .content(Content::bytes("text/event-stream")),
            ),
        looking(Route::get("/v1/audio/voices", "listVoices", models::voices))
            .summary("The voices that speech can have")
            .answer(Answer::json::<models::Voices>(200, "All voices")),
        looking(Route::get("/v1/models", "listModels", models::list))
            .summary("The names of models that OpenAI's clients send")
            .answer(Answer::json::<models::Models>(200, "All names")),
        looking(Route::get("/v1/models/{model}", "getModel", models::one))
            .summary("One of these names")
            .answer(Answer::json::<models::Model>(200, "The model"))
            .problems(&[404]),
    ]
}

fn looking(route: Route) -> Route {
    told(route).scope(Scope::Read)
}

/// Errors have OpenAI's form.
fn told(route: Route) -> Route {
    route.tag("openai").render(error::render).problem_content(Content::json::<error::ErrorBody>())
}

/// A call with a job underneath.
fn call_of(route: Route) -> Route {
    told(route)
        .scope(Scope::Submit)
        .header::<String>("Prefer", "respond-async: answer with the job; wait=60: wait so many seconds for it")
        .answer(Answer::json::<JobView>(202, "The call goes on as a job").header("Location", "The job"))
        .problems(&[404, 413, 415, 422])
}

fn hearing(route: Route) -> Route {
    call_of(route).answer(
        Answer::json::<AnyTranscription>(200, "The transcript")
            .content(Content::bytes("text/plain"))
            .content(Content::bytes("text/event-stream"))
            .header(JOB, "The job underneath")
            .header(WARNINGS, "What of the request has no counterpart and was left out"),
    )
}

/// Names the job, and what was left out of the request.
fn with_headers(mut response: Response, job: JobId, warnings: &[String]) -> Response {
    let headers = response.headers_mut();
    if let Ok(job) = HeaderValue::try_from(job.to_string()) {
        headers.insert(JOB, job);
    }
    if !warnings.is_empty() {
        // Sentences of our own, and names from a list of ours: visible ASCII.
        if let Ok(warnings) = HeaderValue::try_from(warnings.join("; ")) {
            headers.insert(WARNINGS, warnings);
        }
    }
    response
}
