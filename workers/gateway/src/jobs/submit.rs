//! Asks for a job.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use medley_net::Address;
use medley_proto::{Class, ErrorCode, Input, JobId, Name, Source};
use medley_runtime::{InputRequest, JobStatus};
use medley_step::StepError;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    conditions,
    input_files::{Form, FormFile, REQUEST},
    read, status_of,
    view::JobView,
};
use crate::{access::Caller, events, extract::Json, operations, problem::Problem, state::App};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const MAX_INPUTS: usize = 10_000;
const MAX_LABELS: usize = 64;
const MAX_LABEL_BYTES: usize = 256;

/// What a client asks for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobRequest {
    /// `GET /v1/kinds` lists them.
    pub(crate) kind: Name,
    /// In the kind's order. A form without any has its files as inputs, in their order.
    #[serde(default)]
    pub(crate) inputs: Vec<JobInput>,
    /// Of the kind's schema; what is left out gets its default.
    #[serde(default)]
    pub(crate) params: Map<String, Value>,
    /// Interactive work is served before batch work, four to one.
    #[serde(default)]
    pub(crate) class: Class,
    /// For the client's own use, and to list by.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Unix time after which no step of the job starts any more.
    #[serde(default)]
    pub(crate) deadline_ms: Option<u64>,
}

/// One input.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum JobInput {
    /// `https:` or `s3:`, or `file:` where the owner allows a root.
    Uri(String),
    /// The text itself, at most 64 KiB.
    Text(String),
    /// A file of the same form, by the name of its part.
    Part(String),
    /// A finished upload, by its id.
    Upload(String),
    /// What an earlier job read, where that is kept here: `<job>/<number>`, counted from 0.
    Earlier(String),
}

/// A request with files.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "it describes a form, which is read part by part")]
pub(crate) struct JobForm {
    request: JobRequest,
    /// Any number of files, under any names but `request`.
    #[serde(flatten)]
    files: BTreeMap<String, String>,
}

pub(crate) async fn submit(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let key = conditions::idempotency_key(&headers)?;
    // The files go when this ends: by then they are in the store.
    let (asked, files) = read_request(&app, request).await?;
    check_sizes(&asked)?;
    let stored = stored(&app, &caller, &asked.inputs).await?;
    let request = medley_runtime::Request {
        inputs: inputs(asked.inputs, &files, &stored)?,
        params: Value::Object(asked.params),
        class: asked.class,
        deadline_ms: asked.deadline_ms,
        labels: asked.labels,
        idempotency_key: key,
        ..medley_runtime::Request::new(caller.tenant.clone(), asked.kind)
    };
    let submitted = app.submit(&caller, request).await.map_err(refused)?;
    let (job, replayed) = (submitted.job.id, !submitted.new);
    if conditions::wants_events(&headers) {
        return events::follow(&app, &caller, job, None).await;
    }
    let view = match submitted.state.is_final() {
        true => read::look(&app, &caller, job).await?,
        false => {
            let notice = operations::notice(&app, &submitted.job.kind).await;
            JobView::new(JobStatus { job: submitted.job, state: submitted.state, manifest: None }).told(None, notice)
        }
    };
    answer(&app, &caller, &headers, view, replayed).await
}

async fn read_request(app: &App, request: Request) -> Result<(JobRequest, Vec<FormFile>), Problem> {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type.is_some_and(|media_type| media_type.starts_with("multipart/form-data")) {
        return Form::read(app, request).await?.with_document(REQUEST);
    }
    let Json(asked) = Json::<JobRequest>::from_request(request, &()).await?;
    Ok((asked, Vec::new()))
}

async fn answer(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    view: JobView,
    replayed: bool,
) -> Result<Response, Problem> {
    let (location, wait) = (view.location().to_owned(), conditions::wait(headers));
    let view = match wait {
        Some(wait) if !view.state.is_final() => read::wait_for_change(app, caller, view.id(), None, wait).await?,
        _ => view,
    };
    let status = if view.state.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = ([(header::LOCATION, location)], read::answer(status, &view)).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    let applied = if wait.is_some() { "wait" } else { "respond-async" };
    response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static(applied));
    Ok(response)
}

/// The draft of Idempotency-Key has 422 for the same key with another body.
fn refused(problem: Problem) -> Problem {
    let conflict = problem.code == ErrorCode::IDEMPOTENCY_CONFLICT.as_str();
    if conflict { Problem { status: StatusCode::UNPROCESSABLE_ENTITY, ..problem } } else { problem }
}

fn check_sizes(asked: &JobRequest) -> Result<(), StepError> {
    let refuse = |why: String| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, why));
    if asked.inputs.len() > MAX_INPUTS {
        return refuse(format!("a job has at most {MAX_INPUTS} inputs; name a folder or a list"));
    }
    let long = |text: &str| text.is_empty() || text.len() > MAX_LABEL_BYTES;
    if asked.labels.len() > MAX_LABELS
        || asked.labels.iter().any(|(name, value)| long(name) || value.len() > MAX_LABEL_BYTES)
    {
        return refuse(format!("a job has at most {MAX_LABELS} labels of {MAX_LABEL_BYTES} bytes; shorten them"));
    }
    Ok(())
}

/// The inputs that lie in the store already, by what the request calls them.
async fn stored(app: &App, caller: &Caller, asked: &[JobInput]) -> Result<HashMap<String, Input>, Problem> {
    let mut stored = HashMap::new();
    for input in asked {
        match input {
            JobInput::Upload(id) => {
                stored.insert(id.clone(), crate::uploads::input_of(app, &caller.tenant, id).await?);
            }
            JobInput::Earlier(place) => {
                stored.insert(place.clone(), input_of_earlier(app, caller, place).await?);
            }
            JobInput::Uri(_) | JobInput::Text(_) | JobInput::Part(_) => {}
        }
    }
    Ok(stored)
}

async fn input_of_earlier(app: &App, caller: &Caller, place: &str) -> Result<Input, Problem> {
    let none = || {
        let detail = format!("{place:?} is no input that is kept here; write `<job>/<number>`, or send the file again");
        Problem::not_found(detail)
    };
    let (job, number) = place.split_once('/').ok_or_else(none)?;
    let (job, number): (JobId, usize) = (job.parse().map_err(|_| none())?, number.parse().map_err(|_| none())?);
    let status = status_of(app, caller, job).await?;
    let input = status.job.inputs.get(number).filter(|input| matches!(input.source, Source::Stored(_)));
    input.cloned().ok_or_else(none)
}

/// The inputs as the runtime takes them. A form that names none has its files.
fn inputs(
    asked: Vec<JobInput>,
    files: &[FormFile],
    stored: &HashMap<String, Input>,
) -> Result<Vec<InputRequest>, Problem> {
    if asked.is_empty() {
        return Ok(files.iter().map(|file| InputRequest::Spooled(file.spooled.clone())).collect());
    }
    let by_part: HashMap<&str, &FormFile> = files.iter().map(|file| (file.part.as_str(), file)).collect();
    let one = |input: JobInput| match input {
        JobInput::Uri(uri) => Ok(InputRequest::Uri(Address::new(uri))),
        JobInput::Text(text) => Ok(InputRequest::Text(text)),
        JobInput::Part(part) => match by_part.get(part.as_str()) {
            Some(file) => Ok(InputRequest::Spooled(file.spooled.clone())),
            None => {
                let detail = format!("the form has no file {part:?}; send it as a part of this name");
                Err(Problem::bad_request("part_missing", detail))
            }
        },
        JobInput::Upload(name) | JobInput::Earlier(name) => {
            stored.get(&name).cloned().map(InputRequest::Stored).ok_or_else(Problem::internal)
        }
    };
    asked.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_read_strictly() {
        let read = |document| serde_json::from_value::<JobRequest>(document);
        let asked = read(json!({ "kind": "speak", "inputs": [{ "text": "Hello." }], "labels": { "a": "b" } })).unwrap();
        assert!(matches!(&asked.inputs[..], [JobInput::Text(text)] if text == "Hello."));
        for bad in [
            json!({ "kind": "speak", "inputs": ["Hello."] }),
            json!({ "kind": "speak", "input": [] }),
            json!({ "kind": "No Kind" }),
            json!({ "inputs": [] }),
            json!({ "kind": "speak", "inputs": [{ "uri": "https://a/b", "text": "c" }] }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_part_that_is_not_there_is_named() {
        let problem = inputs(vec![JobInput::Part("audio".into())], &[], &HashMap::new()).unwrap_err();
        assert!(problem.detail.contains("audio") && problem.code == "part_missing");
    }
}
