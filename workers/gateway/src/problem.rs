//! Errors of a request, as RFC 9457 `application/problem+json`.

use std::{borrow::Cow, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use medley_proto::ErrorCode;
use medley_runtime::{Error, queue::QueueError, store::StoreError};
use medley_step::StepError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::request_id;

/// The media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A request that cannot be served, and what to do about it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Stable, for programs: docs/errors.md.
    pub(crate) code: Cow<'static, str>,
    /// One sentence for a person: what could not be done, and what to do next.
    pub(crate) detail: String,
    /// The problem type, when a registry has one for it.
    pub(crate) kind: Option<&'static str>,
    pub(crate) retry_after: Option<Duration>,
    /// Members beside the standard ones.
    pub(crate) more: Map<String, Value>,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'a> {
    /// A URI reference that identifies the type of problem.
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    /// The meaning of the status.
    title: &'a str,
    status: u16,
    /// What could not be done, and what to do next.
    detail: &'a str,
    /// A stable code (docs/errors.md).
    code: &'a str,
    /// This occurrence: `urn:medley:request:` and the answer's `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(flatten)]
    #[schemars(skip)]
    more: &'a Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), kind: None, retry_after: None, more: Map::new() }
    }

    pub(crate) fn bad_request(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn forbidden(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// A broken invariant of our own; the cause is logged and not shown.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the gateway met a defect of Medley; please report it with the request's id",
        )
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The type's URI, when it is not made of the code.
    #[must_use]
    pub(crate) fn of_type(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    #[must_use]
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.more.insert(member.to_owned(), value.into());
        self
    }
}

/// The longest `Retry-After`: clients of OpenAI's packages back off by themselves when it is longer.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = self.kind.map_or_else(|| format!("urn:medley:problem:{}", self.code).into(), Cow::Borrowed);
        let instance = request_id::current().map(|id| format!("urn:medley:request:{id}"));
        let body = ProblemBody {
            kind,
            title: self.status.canonical_reason().unwrap_or("error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: &self.code,
            instance: instance.as_deref(),
            more: &self.more,
        };
        let text = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, text).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(after) = self.retry_after {
            let seconds = after.min(LONGEST_RETRY).as_secs().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The status that a code of the runtime or of a kind has over HTTP.
fn status_of(code: &ErrorCode) -> StatusCode {
    match code.as_str() {
        "input_not_found"
        | "input_forbidden"
        | "input_not_a_file"
        | "input_changed"
        | "input_scheme_unsupported"
        | "kind_unknown" => StatusCode::BAD_REQUEST,
        "media_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "media_unsupported" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "service_unavailable" | "model_missing" | "tool_missing" | "model_corrupt" => StatusCode::SERVICE_UNAVAILABLE,
        "internal" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// When queue or store are away, ask again after so long.
const AWAY: Duration = Duration::from_secs(5);

impl From<StepError> for Problem {
    fn from(error: StepError) -> Self {
        let retry = match &error {
            StepError::Transient { retry_after, .. } => Some(retry_after.unwrap_or(AWAY)),
            StepError::Unfit { .. } | StepError::Interrupted => Some(AWAY),
            StepError::Permanent { .. } | StepError::Cancelled => None,
        };
        let (code, causes) = (error.code(), error.causes());
        let status = if retry.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { status_of(&code) };
        if status.is_server_error() {
            tracing::warn!(%error, ?causes, "a request could not be served");
        }
        let mut problem = Self::new(status, code.as_str().to_owned(), error.to_string());
        problem.retry_after = retry;
        problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(error) => error.into(),
            Error::NoSuchJob(job) => {
                Self::not_found(format!("there is no job {job}; GET /v1/jobs lists those there are"))
            }
            Error::NoDeadLetter(job) => {
                Self::not_found(format!("job {job} has no dead letters; GET /v1/dead lists those there are"))
            }
            Error::NoSuchUpload(upload) => Self::not_found(format!(
                "there is no upload {upload}; it may be over its time: upload the file again by POST /v1/inputs"
            )),
            Error::NotFinished(job) => Self::new(
                StatusCode::CONFLICT,
                "not_finished",
                format!("job {job} has not ended; GET /v1/jobs/{job}?wait_s=60 waits for it"),
            ),
            Error::StaleRevision { newest, .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, "revision_stale", error.to_string()).with("newest", newest)
            }
            Error::Queue(QueueError::TooLarge { .. }) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "request_too_large",
                "the job is too large for a queue; shorten its params",
            ),
            Error::Store(StoreError::NotFound(_)) => Self::not_found("the object is not there any more"),
            Error::Store(StoreError::InvalidKey(_)) => {
                Self::bad_request("name_invalid", "a name cannot be part of a key")
            }
            Error::Queue(_) | Error::Store(_) | Error::Local { .. } => {
                tracing::warn!(%error, "a request could not be served");
                let what = if matches!(error, Error::Queue(_)) { "the queue" } else { "the store" };
                let detail = format!("{what} does not answer now; ask again in a few seconds");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", detail).retry_after(AWAY)
            }
            Error::Damaged { .. } | Error::DamagedRecord { .. } => {
                tracing::error!(%error, "a record is damaged");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "state_damaged", error.to_string())
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        Error::from(error).into()
    }
}
