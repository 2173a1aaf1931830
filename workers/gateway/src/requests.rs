//! What stands around every request: its id, the headers that each answer has, and a panic that stays one request's.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use crate::{problem::Problem, request_id};

/// Serves a request under its id.
pub(crate) async fn serve(request: Request, next: Next) -> Response {
    let id = request_id::of(request.headers());
    request_id::scope(id.clone(), answer(id, request, next)).await
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
        headers.insert(request_id::REQUEST_ID, id);
    }
    response
}
