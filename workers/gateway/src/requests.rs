//! What stands around every request: its id, the headers that each answer has, and a panic that stays one request's.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use crate::problem::Problem;

/// By which client and log find a request again.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a client or proxy.
const MAX_ID_BYTES: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task serves.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Serves a request under its id.
pub(crate) async fn serve(request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_id(id));
    let id = given.map_or_else(|| ulid::Ulid::generate().to_string(), str::to_owned);
    CURRENT.scope(id.clone(), answer(id, request, next)).await
}

async fn answer(id: String, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let served = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = served.unwrap_or_else(|_| {
        tracing::error!(%method, path, request = id, "a defect of Medley while a request was served; please report it");
        Problem::internal().into_response()
    });
    tracing::debug!(%method, path, request = id, status = response.status().as_u16(), "served");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
