//! What handlers take from a request; whatever cannot be read is a problem.

use axum::{
    extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request, rejection::JsonRejection},
    http::{HeaderMap, HeaderName, StatusCode, request::Parts},
};
use medley_proto::{JobId, Name};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = axum::Json::<T>::from_request(request, state).await;
        read.map(|axum::Json(body)| Self(body)).map_err(|rejection| refused_body(&rejection))
    }
}

fn refused_body(rejection: &JsonRejection) -> Problem {
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type_unsupported",
            "the body must be JSON; send it with `Content-Type: application/json`",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => too_large("gateway.max_body_bytes"),
        status @ StatusCode::REQUEST_TIMEOUT => Problem::new(status, "request_slow", rejection.body_text()),
        _ => Problem::bad_request("request_invalid", rejection.body_text()),
    }
}

/// A body beyond a limit.
pub(crate) fn too_large(setting: &str) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large",
        format!("the request has more bytes than {setting} of medley.toml allows"),
    )
}

/// The query, with unknown parameters refused where its type does so.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(query)| Self(query))
            .map_err(|rejection| Problem::bad_request("query_invalid", rejection.body_text()))
    }
}

/// What the path has for `{name}`.
pub(crate) async fn path_param<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Problem> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|rejection| Problem::bad_request("path_invalid", rejection.body_text()))?;
    let found = params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(Problem::internal)
}

/// The job that the path names by `{job}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobPath(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = path_param(parts, state, "job").await?;
        let none = |_| Problem::not_found("that is no job's id; GET /v1/jobs lists the jobs there are");
        text.parse().map(Self).map_err(none)
    }
}

/// The kind that the path names by `{kind}`.
#[derive(Debug, Clone)]
pub(crate) struct KindPath(pub(crate) Name);

impl<S: Send + Sync> FromRequestParts<S> for KindPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = path_param(parts, state, "kind").await?;
        let none = |_| Problem::not_found("that is no kind's name; GET /v1/kinds lists the kinds there are");
        text.parse().map(Self).map_err(none)
    }
}

/// What the path has for `{name}`, strokes included.
#[derive(Debug, Clone)]
pub(crate) struct NamePath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path_param(parts, state, "name").await.map(Self)
    }
}

/// A header's text.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Whether a condition (`If-None-Match`, `If-Match`) names this entity tag; weak and strong ones compare alike.
pub(crate) fn names_tag(condition: &str, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    condition.trim() == "*" || condition.split(',').any(|one| bare(one) == bare(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_tags() {
        assert!(names_tag("*", "\"a\"") && names_tag("\"b\", W/\"a\"", "\"a\"") && names_tag("\"a\"", "W/\"a\""));
        assert!(!names_tag("\"b\"", "\"a\"") && !names_tag("", "\"a\"") && !names_tag("a", "\"a\""));
    }
}
