//! Errors in OpenAI's form, with what its packages look at to decide whether they ask again.

use std::{borrow::Cow, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use medley_proto::{Failure, JobId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;

/// Overrules what OpenAI's packages make of a status: they ask again after 408, 409, 429 and 5xx.
pub(super) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// OpenAI's packages back off by themselves when they are asked to wait for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
/// What is missing on the machine, and stays so until its owner does something.
const LASTING: [&str; 3] = ["model_missing", "model_corrupt", "tool_missing"];
/// How soon to ask again when the machinery is away.
const AWAY: Duration = Duration::from_secs(5);

/// A call that cannot be answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    /// Stable, for programs.
    pub(super) code: Cow<'static, str>,
    /// The parameter at fault.
    pub(super) param: Option<Cow<'static, str>>,
    /// One sentence for a person.
    pub(super) message: String,
    /// When the same call may succeed; none: never.
    pub(super) retry_after: Option<Duration>,
}

/// The body of every error.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "OpenAiError")]
pub(super) struct ErrorBody {
    pub(super) error: ErrorDetail,
}

/// What went wrong; all four members are always there.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "OpenAiErrorDetail")]
pub(super) struct ErrorDetail {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<Cow<'static, str>>,
    code: Cow<'static, str>,
}

impl ApiError {
    fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), param: None, message: message.into(), retry_after: None }
    }

    /// A parameter that cannot be used.
    pub(super) fn param(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::bad("params_invalid", name, message)
    }

    /// A request at fault, with a code of its own.
    pub(super) fn bad(code: &'static str, param: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(StatusCode::BAD_REQUEST, code, message) }
    }

    pub(super) fn too_large(param: &'static str, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "media_too_large", message);
        Self { param: Some(param.into()), ..error }
    }

    pub(super) fn no_model(name: &str) -> Self {
        let message = format!("there is no model '{name}'; GET /v1/models lists those there are");
        Self { param: Some("model".into()), ..Self::new(StatusCode::NOT_FOUND, "model_not_found", message) }
    }

    /// The gateway stops: the packages ask again, and reach the one that takes its place.
    pub(super) fn stopping() -> Self {
        let message = "the gateway is stopping; ask again, and the same job goes on";
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message);
        Self { retry_after: Some(Duration::from_secs(1)), ..error }
    }

    /// Something of the gateway's own is away for a moment.
    pub(super) fn away(message: &str) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message);
        Self { retry_after: Some(AWAY), ..error }
    }

    /// A defect of our own; the cause is logged and not shown.
    pub(super) fn defect(cause: impl std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "an answer could not be made");
        Problem::internal().into()
    }

    pub(super) fn cancelled(job: JobId) -> Self {
        let message = format!("job {job} was cancelled; send the request again for another");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "cancelled", message)
    }

    /// The job went well, and what it made was removed since.
    pub(super) fn gone(job: JobId, artifact: &str) -> Self {
        let message =
            format!("{artifact} of job {job} is not there any more; delete the job and send the request again");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "state_damaged", message)
    }

    /// How a job failed.
    pub(super) fn of_failure(failure: &Failure) -> Self {
        let code = failure.code.as_str();
        let status = match code {
            "media_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            "service_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ if LASTING.contains(&code) => StatusCode::SERVICE_UNAVAILABLE,
            _ if is_of_the_request(code) => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let error = Self::new(status, code.to_owned(), failure.message.clone());
        Self { retry_after: (code == "service_unavailable").then_some(AWAY), ..error }
    }

    pub(super) fn body(&self) -> ErrorBody {
        let kind = match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let (message, param, code) = (self.message.clone(), self.param.clone(), self.code.clone());
        ErrorBody { error: ErrorDetail { message, kind, param, code } }
    }

    /// The body as JSON text.
    pub(super) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body()).unwrap_or_default()
    }
}

/// Whether the job failed because of what was asked for: the same bytes and params fail again, on any machine.
pub(super) fn is_of_the_request(code: &str) -> bool {
    const CODES: [&str; 5] = ["params_invalid", "no_speech", "language_unsupported", "ssml_invalid", "lexicon_invalid"];
    code.starts_with("media_") || CODES.contains(&code)
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        // The packages would ask again after a conflict, and no conflict here goes away by that.
        let status = match problem.status {
            StatusCode::CONFLICT => StatusCode::UNPROCESSABLE_ENTITY,
            // As when the job finds it out.
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE
                if is_of_the_request(&problem.code) =>
            {
                StatusCode::BAD_REQUEST
            }
            status => status,
        };
        let param = problem.more.get("param").and_then(|param| param.as_str()).map(|param| param.to_owned().into());
        let passes = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT)
            && !LASTING.contains(&&*problem.code);
        let retry_after = problem.retry_after.or(passes.then_some(AWAY));
        Self { status, code: problem.code, param, message: problem.detail, retry_after }
    }
}

impl From<medley_runtime::Error> for ApiError {
    fn from(error: medley_runtime::Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<medley_runtime::store::StoreError> for ApiError {
    fn from(error: medley_runtime::store::StoreError) -> Self {
        Problem::from(error).into()
    }
}

/// Sends a problem of the gateway's in OpenAI's form.
pub(super) fn render(problem: Problem) -> Response {
    ApiError::from(problem).into_response()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A quota of the day is no use waiting for within a call.
        match self.retry_after.filter(|after| *after <= MAX_RETRY_AFTER) {
            Some(after) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
            }
            None => {
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use medley_proto::{ErrorCode, VERSION};

    use super::*;

    fn failed(code: &'static str) -> ApiError {
        let (code, message) = (ErrorCode::new(code), "a.mp3: no".to_owned());
        ApiError::of_failure(&Failure { v: VERSION, code, message, causes: Vec::new(), attempt: 1, at_ms: 0 })
    }

    #[test]
    fn what_is_permanent_is_not_asked_for_again() {
        for (code, status, again) in [
            ("media_undecodable", 400, false),
            ("media_too_large", 413, false),
            ("params_invalid", 400, false),
            ("model_missing", 503, false),
            ("compute_crashed", 500, false),
            ("cancelled", 500, false),
            ("service_unavailable", 503, true),
        ] {
            let response = failed(code).into_response();
            assert_eq!(response.status().as_u16(), status, "{code}");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), again, "{code}");
            assert_eq!(response.headers().contains_key(&SHOULD_RETRY), !again, "{code}");
        }
    }

    #[test]
    fn no_conflict_and_no_long_wait_leave_the_gateway() {
        let conflict = ApiError::from(Problem::new(StatusCode::CONFLICT, "not_finished", "wait"));
        assert_eq!(conflict.status, StatusCode::UNPROCESSABLE_ENTITY);
        let tomorrow = Problem::new(StatusCode::TOO_MANY_REQUESTS, "quota_exceeded", "tomorrow");
        let response = render(tomorrow.retry_after(Duration::from_secs(7_200)));
        assert_eq!(response.headers().get(&SHOULD_RETRY).unwrap(), "false");
        assert!(!response.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn the_body_has_all_four_members() {
        let error = ApiError::param("speed", "speed is 9; use 0.25 to 4");
        let expected = serde_json::json!({ "error": {
            "message": "speed is 9; use 0.25 to 4", "type": "invalid_request_error", "param": "speed", "code": "params_invalid",
        } });
        assert_eq!(serde_json::to_value(error.body()).unwrap(), expected);
        assert!(serde_json::to_value(failed("internal").body()).unwrap()["error"]["param"].is_null());
    }
}
