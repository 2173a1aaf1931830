//! The requests of tus, and two for people.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json,
    body::Body,
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use medley_proto::Name;
use medley_runtime::{NewUpload, Upload};
use serde::Deserialize;

use super::{
    id_of, location,
    protocol::{
        self, ALGORITHMS, Checksum, EXTENSIONS, METHOD_OVERRIDE, Metadata, TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION,
        TUS_MAX_SIZE, TUS_RESUMABLE, TUS_VERSION, UPLOAD_DEFER_LENGTH, UPLOAD_EXPIRES, UPLOAD_LENGTH, UPLOAD_METADATA,
        UPLOAD_OFFSET, VERSION,
    },
    receive::{Receiver, Turn},
    view::{UploadPage, UploadView},
};
use crate::{
    access::Caller,
    extract::{Asked, path_param},
    problem::Problem,
    state::App,
};

/// How long the last request of an upload waits until the file is put together; all its bytes are durable before.
const FINISH_PATIENCE: Duration = Duration::from_secs(20);
const MAX_PAGE: usize = 100;

type Reply = Result<Response, Problem>;

/// What the path has for `{upload}`.
#[derive(Debug)]
pub(super) struct UploadPath(String);

impl<S: Send + Sync> FromRequestParts<S> for UploadPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path_param(parts, state, "upload").await.map(Self)
    }
}

/// What every answer of tus has, problems too.
fn tus(reply: Reply) -> Response {
    let mut response = reply.unwrap_or_else(IntoResponse::into_response);
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if response.status() == StatusCode::PRECONDITION_FAILED {
        response.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    }
    response
}

pub(super) async fn describe(State(app): State<Arc<App>>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    headers.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    headers.insert(TUS_EXTENSION, HeaderValue::from_static(EXTENSIONS));
    headers.insert(TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(ALGORITHMS));
    headers.insert(TUS_MAX_SIZE, HeaderValue::from(max_bytes(&app)));
    response
}

fn max_bytes(app: &App) -> u64 {
    app.client.backend().settings().limits.input_bytes
}

pub(super) async fn create(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Body) -> Response {
    tus(begin(&app, caller.tenant, &headers, body).await)
}

async fn begin(app: &Arc<App>, of: Name, headers: &HeaderMap, body: Body) -> Reply {
    protocol::check_version(headers)?;
    let (bytes, Metadata { name, media_type, raw }) = (protocol::length_of_new(headers)?, Metadata::of(headers)?);
    // The body may be the first piece.
    let with_body = protocol::is_offset_stream(headers);
    if !with_body && length_of_body(headers).is_some_and(|bytes| bytes > 0) {
        protocol::check_offset_stream(headers)?;
    }
    let checksum = if with_body { Checksum::of(headers)? } else { None };
    let expires_ms = app.client.backend().clock().now_ms() + app.settings.uploads.keep_ms();
    let new = NewUpload { name, media_type, bytes, metadata: raw, expires_ms };
    let mut upload = app.client.create_upload(&of, new).await?;
    if with_body {
        let turn = app.uploads.writers.take_over(upload.id).await?;
        match receive(app, &of, upload.clone(), headers, checksum, body, turn).await {
            Ok(offset) => upload.offset = offset,
            Err(problem) => {
                // Its client never heard of it.
                app.client.delete_upload(&of, upload.id).await?;
                return Err(problem);
            }
        }
    }
    let mut response = offsets(StatusCode::CREATED, &upload);
    response.headers_mut().insert(header::LOCATION, text(&location(&upload)));
    Ok(response)
}

/// What `Content-Length` says.
fn length_of_body(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(super) async fn offset(
    State(app): State<Arc<App>>,
    caller: Caller,
    UploadPath(id): UploadPath,
    headers: HeaderMap,
) -> Response {
    tus(how_far(&app, &caller.tenant, &id, &headers).await)
}

async fn how_far(app: &App, of: &Name, id: &str, headers: &HeaderMap) -> Reply {
    protocol::check_version(headers)?;
    let mut upload = app.client.upload(of, id_of(id)?).await?;
    // Whoever asks where to go on has given up the request before: what that one still holds counts.
    if upload.input.is_none() && app.uploads.writers.interrupt(upload.id).await {
        upload = app.client.upload(of, upload.id).await?;
    }
    let mut response = offsets(StatusCode::OK, &upload);
    match upload.bytes {
        Some(bytes) => response.headers_mut().insert(UPLOAD_LENGTH, HeaderValue::from(bytes)),
        None => response.headers_mut().insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if !upload.metadata.is_empty() {
        response.headers_mut().insert(UPLOAD_METADATA, text(&upload.metadata));
    }
    Ok(response)
}

pub(super) async fn append(
    State(app): State<Arc<App>>,
    caller: Caller,
    UploadPath(id): UploadPath,
    headers: HeaderMap,
    body: Body,
) -> Response {
    tus(go_on(&app, caller.tenant, &id, &headers, body).await)
}

async fn go_on(app: &Arc<App>, of: Name, id: &str, headers: &HeaderMap, body: Body) -> Reply {
    protocol::check_version(headers)?;
    protocol::check_offset_stream(headers)?;
    let (given, checksum) = (protocol::offset_of(headers)?, Checksum::of(headers)?);
    let id = id_of(id)?;
    app.client.upload(&of, id).await?;
    let turn = app.uploads.writers.take_over(id).await?;
    let mut upload = app.client.upload(&of, id).await?;
    if given != upload.offset {
        let detail = format!("the upload has come to {} bytes and not to {given}; go on there", upload.offset);
        return Err(Problem::new(StatusCode::CONFLICT, "upload_offset_conflict", detail));
    }
    if let Some(bytes) = protocol::bytes_of(headers, &UPLOAD_LENGTH)? {
        set_length(app, &of, &mut upload, bytes).await?;
    }
    upload.offset = receive(app, &of, upload.clone(), headers, checksum, body, turn).await?;
    Ok(offsets(StatusCode::NO_CONTENT, &upload))
}

/// The length of an upload that began without one, said once.
async fn set_length(app: &App, of: &Name, upload: &mut Upload, bytes: u64) -> Result<(), Problem> {
    let stands = match upload.bytes {
        Some(stands) => stands,
        None if bytes < upload.offset => upload.offset,
        None => app.client.set_upload_length(of, upload, bytes).await?,
    };
    if stands != bytes {
        let detail = format!("the upload's length is {stands} bytes or more, and cannot become {bytes}");
        return Err(Problem::bad_request("upload_invalid", detail));
    }
    upload.bytes = Some(bytes);
    Ok(())
}

/// Takes the bytes of a request in a task of its own, which goes on when the client is gone: what came counts. Returns how far
/// the upload has come then.
async fn receive(
    app: &Arc<App>,
    of: &Name,
    upload: Upload,
    headers: &HeaderMap,
    checksum: Option<Checksum>,
    body: Body,
    turn: Turn,
) -> Result<u64, Problem> {
    let max_bytes = upload.bytes.unwrap_or_else(|| max_bytes(app)).saturating_sub(upload.offset);
    if length_of_body(headers).is_some_and(|bytes| bytes > max_bytes) {
        let detail = format!("the body goes beyond the {max_bytes} bytes that may still come; send the rest only");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "media_too_large", detail));
    }
    if upload.input.is_some() {
        return Ok(upload.offset);
    }
    let (id, bytes) = (upload.id, upload.bytes);
    let receiver = Receiver {
        client: app.client.clone(),
        tenant: of.clone(),
        upload,
        room: app.uploads.room.clone(),
        checksum,
        max_bytes,
        draining: app.draining.clone(),
    };
    let (app, of) = (app.clone(), of.clone());
    let task = tokio::spawn(async move {
        let received = receiver.receive(body, &turn).await?;
        let offset = received.offset;
        let finishing = &app.uploads.finishing;
        match received.file {
            // It is in no part: the answer must wait until it is durable.
            Some(file) => {
                finishing.finish_from(&app.client, &of, id, file).await?;
            }
            None if bytes == Some(offset) => {
                drop(turn);
                let finish = finishing.finish(&app.client, &of, id);
                if let Ok(Err(problem)) = tokio::time::timeout(FINISH_PATIENCE, finish).await {
                    tracing::warn!(upload = %id, detail = problem.detail, "an upload is put together when a job names it");
                }
            }
            None => {}
        }
        Ok(offset)
    });
    task.await.unwrap_or_else(|_| Err(Problem::internal()))
}

pub(super) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    UploadPath(id): UploadPath,
    headers: HeaderMap,
) -> Response {
    tus(terminate(&app, &caller.tenant, &id, &headers).await)
}

async fn terminate(app: &App, of: &Name, id: &str, headers: &HeaderMap) -> Reply {
    protocol::check_version(headers)?;
    let upload = app.client.upload(of, id_of(id)?).await?;
    app.uploads.writers.interrupt(upload.id).await;
    app.client.delete_upload(of, upload.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn overridden(
    State(app): State<Arc<App>>,
    caller: Caller,
    UploadPath(id): UploadPath,
    headers: HeaderMap,
    body: Body,
) -> Response {
    tus(match headers.get(METHOD_OVERRIDE).map(HeaderValue::as_bytes) {
        Some(b"PATCH") => go_on(&app, caller.tenant, &id, &headers, body).await,
        Some(b"DELETE") => terminate(&app, &caller.tenant, &id, &headers).await,
        _ => {
            let detail = "an upload is continued by PATCH and ended by DELETE, or by X-HTTP-Method-Override of those";
            Err(Problem::bad_request("upload_invalid", detail))
        }
    })
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    UploadPath(id): UploadPath,
) -> Result<Json<UploadView>, Problem> {
    Ok(Json(app.client.upload(&caller.tenant, id_of(&id)?).await?.into()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(PageQuery { cursor, limit }): Asked<PageQuery>,
) -> Result<Json<UploadPage>, Problem> {
    let unknown = |_| Problem::bad_request("cursor_invalid", "the cursor is none of ours; begin without one");
    let after = cursor.map(|cursor| cursor.parse().map_err(unknown)).transpose()?;
    let limit = limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let page = app.client.uploads(&caller.tenant, after, limit).await?;
    Ok(Json(UploadPage { data: page.uploads.into_iter().map(UploadView::from).collect(), next_cursor: page.next }))
}

/// The headers that say how far an upload has come and how long it is kept.
fn offsets(status: StatusCode, upload: &Upload) -> Response {
    let mut response = status.into_response();
    let expires = SystemTime::UNIX_EPOCH + Duration::from_millis(upload.expires_ms);
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    set(UPLOAD_OFFSET, HeaderValue::from(upload.offset));
    set(UPLOAD_EXPIRES, text(&httpdate::fmt_http_date(expires)));
    response
}

/// Text that was checked, or is our own, as a header.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
