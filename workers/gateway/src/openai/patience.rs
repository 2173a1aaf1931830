//! Long answers: what keeps a connection open while the job goes on, and what a client may ask for instead.

use std::{convert::Infallible, future::Future, io, pin::Pin, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{call::Call, error::ApiError};
use crate::jobs;

/// Proxies close connections that are silent for a minute (nginx, load balancers). Until the first of these passes an
/// answer has the status that it deserves; afterwards it is 200 whatever comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The first sign of life comes after so long.
    pub(super) first: Duration,
    /// And then one each so often.
    pub(super) every: Duration,
}

impl Patience {
    pub(super) const DEFAULT: Self = Self { first: Duration::from_secs(45), every: Duration::from_secs(15) };
}

/// JSON may begin with white space.
const SPACE: Bytes = Bytes::from_static(b" ");

/// Answers with JSON when it is made. White space keeps the connection open until then; a failure after that is the error's
/// body and a connection that breaks off, so that no client takes it for an answer.
pub(super) async fn json_when_ready<F>(patience: Patience, making: F) -> Response
where
    F: Future<Output = Result<Vec<u8>, ApiError>> + Send + 'static,
{
    let mut making: Pin<Box<F>> = Box::pin(making);
    let response = match tokio::time::timeout(patience.first, &mut making).await {
        Ok(Ok(json)) => json.into_response(),
        Ok(Err(error)) => return error.into_response(),
        Err(_) => Body::from_stream(late(patience.every, making)).into_response(),
    };
    with_type(response, "application/json")
}

/// How far a late answer is.
enum Late<F> {
    Making(Pin<Box<F>>),
    /// The error's body is on its way.
    Failed(String),
    Over,
}

/// A server sends what it was given only when there is nothing more to be had at once.
const FLUSH: Duration = Duration::from_millis(100);

/// White space, then the answer.
fn late<F>(every: Duration, making: Pin<Box<F>>) -> impl futures_util::Stream<Item = io::Result<Bytes>>
where
    F: Future<Output = Result<Vec<u8>, ApiError>> + Send + 'static,
{
    let next = move |late: Late<F>| async move {
        match late {
            Late::Making(mut making) => Some(match tokio::time::timeout(every, &mut making).await {
                Err(_) => (Ok(SPACE), Late::Making(making)),
                Ok(Ok(json)) => (Ok(Bytes::from(json)), Late::Over),
                Ok(Err(error)) => (Ok(Bytes::from(error.json())), Late::Failed(error.message)),
            }),
            Late::Failed(message) => {
                tokio::time::sleep(FLUSH).await;
                Some((Err(io::Error::other(message)), Late::Over))
            }
            Late::Over => None,
        }
    };
    // The first byte goes out at once: the connection has been silent for long enough.
    stream::iter([Ok(SPACE)]).chain(stream::unfold(Late::Making(making), next))
}

pub(super) fn with_type(mut response: Response, media_type: &'static str) -> Response {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The most events that wait for a slow client.
const MAX_WAITING: usize = 16;

/// Server-sent events, as they are written.
#[derive(Debug, Clone)]
pub(super) struct Events(mpsc::Sender<Bytes>);

/// The client is gone.
#[derive(Debug)]
pub(super) struct Gone;

impl Events {
    /// An open stream and its answer.
    pub(super) fn open() -> (Self, Response) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let frames = stream::unfold(receiver, |mut receiver| async move {
            let frame: Bytes = receiver.recv().await?;
            Some((Ok::<_, Infallible>(frame), receiver))
        });
        let mut response = with_type(Body::from_stream(frames).into_response(), "text/event-stream");
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        // nginx would keep the events back until its buffer is full.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        (Self(sender), response)
    }

    pub(super) async fn send(&self, event: &impl serde::Serialize) -> Result<(), Gone> {
        let mut frame = b"data: ".to_vec();
        serde_json::to_writer(&mut frame, event).map_err(|_| Gone)?;
        frame.extend_from_slice(b"\n\n");
        self.0.send(frame.into()).await.map_err(|_| Gone)
    }

    /// Says that the stream lives.
    pub(super) async fn comment(&self, text: &str) -> Result<(), Gone> {
        self.0.send(format!(": {text}\n\n").into()).await.map_err(|_| Gone)
    }

    /// OpenAI's packages raise what has a member `error`.
    pub(super) async fn fail(&self, error: &ApiError) {
        // A client that is gone hears nothing.
        let _ = self.send(&error.body()).await;
    }
}

/// `Prefer` (RFC 7240): how long the client wants to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Preference {
    /// At most so long, and then for a job that is polled.
    pub(super) wait: Option<Duration>,
}

impl Preference {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let asked = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let (mut at_once, mut wait) = (false, None);
        for preference in asked.flat_map(|value| value.split([',', ';'])) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => at_once = true,
                "wait" => wait = value.trim().trim_matches('"').parse().ok().map(Duration::from_secs),
                _ => {}
            }
        }
        Self { wait: if at_once { Some(wait.unwrap_or_default()) } else { wait } }
    }

    /// Waits for as long as the client wants to: true when the job has ended by then, or the client waits for ever.
    pub(super) async fn waited(self, call: &Call) -> bool {
        let Some(wait) = self.wait else { return true };
        // How it ended, the answer says.
        !wait.is_zero() && tokio::time::timeout(wait, call.ended()).await.is_ok()
    }
}

/// 202: the call goes on as a job.
///
/// # Errors
/// When the job cannot be looked at.
pub(super) async fn accepted(call: &Call) -> Result<Response, ApiError> {
    let view = jobs::look(call.app(), call.caller(), call.job).await?;
    let at = view.location().to_owned();
    let mut response = (StatusCode::ACCEPTED, axum::Json(view)).into_response();
    let headers = response.headers_mut();
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    if let Ok(at) = HeaderValue::try_from(at) {
        headers.insert(header::LOCATION, at);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    const SOON: Patience = Patience { first: Duration::from_millis(1), every: Duration::from_millis(1) };

    /// What is made after a few signs of life.
    async fn later(result: Result<Vec<u8>, ApiError>) -> Result<Vec<u8>, ApiError> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        result
    }

    #[tokio::test]
    async fn an_answer_in_time_has_its_status_and_length() {
        let ok = json_when_ready(Patience::DEFAULT, ready(Ok(b"{}".to_vec()))).await;
        assert_eq!(
            (ok.status(), ok.headers()[header::CONTENT_TYPE].to_str().unwrap()),
            (StatusCode::OK, "application/json")
        );
        assert_eq!(ok.into_body().collect().await.unwrap().to_bytes(), "{}");
        let failed = json_when_ready(Patience::DEFAULT, ready(Err(ApiError::param("file", "no")))).await;
        assert_eq!(failed.status(), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn white_space_comes_before_a_late_answer() {
        let response = json_when_ready(SOON, later(Ok(br#"{"text":"hi"}"#.to_vec()))).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.len() > 14 && body.starts_with(b"  "), "{body:?}");
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json, json!({ "text": "hi" }));
    }

    #[tokio::test]
    async fn a_late_failure_breaks_off_behind_its_error() {
        let response = json_when_ready(SOON, later(Err(ApiError::param("file", "no")))).await;
        assert_eq!(response.status(), StatusCode::OK);
        let (mut body, mut sent) = (response.into_body(), Vec::new());
        let broken = loop {
            match body.frame().await.expect("it does not end well") {
                Ok(frame) => sent.extend_from_slice(&frame.into_data().unwrap()),
                Err(error) => break error,
            }
        };
        let json: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!((json["error"]["param"].as_str(), broken.to_string().as_str()), (Some("file"), "no"));
    }

    #[tokio::test]
    async fn a_connection_is_never_silent() {
        let response = json_when_ready(SOON, pending()).await;
        let mut body = response.into_body();
        for _ in 0..3 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), " ");
        }
    }

    #[test]
    fn preferences_are_read() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", HeaderValue::from_static(value));
            Preference::of(&headers).wait.map(|wait| wait.as_secs())
        };
        assert_eq!(of("respond-async"), Some(0));
        assert_eq!(of("respond-async, wait=60"), Some(60));
        assert_eq!(of("Wait=\"5\"; x"), Some(5));
        assert_eq!(of("return=minimal"), None);
        assert_eq!(of("wait=soon"), None);
    }
}
