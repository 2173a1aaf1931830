//! The bytes of artifacts. What they hold was made of strangers' media and is not trusted: a browser shows nothing of it that
//! could act as the gateway.

use std::{io::SeekFrom, ops::Range, path::PathBuf, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use medley_proto::{Artifact, JobId};
use medley_runtime::store::{Key, Store, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{
    status_of,
    view::{ArtifactView, percent_encoded},
};
use crate::{
    access::Caller,
    extract::{Asked, JobPath, NamePath, header_text, names_tag},
    problem::Problem,
    state::App,
};

/// So much of an object is in memory at a time for each download.
const BLOCK_BYTES: u64 = 1 << 20;
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The artifacts of a job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ArtifactList {
    data: Vec<ArtifactView>,
    revision: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    revision: Option<u32>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
    Asked(query): Asked<ListQuery>,
) -> Result<axum::Json<ArtifactList>, Problem> {
    let artifacts = app.client.artifacts_at(&caller.tenant, job, query.revision).await?;
    let newest = app.client.newest_revision(&caller.tenant, job).await?;
    let revision = query.revision.unwrap_or(newest);
    check_revision(job, revision, newest)?;
    Ok(axum::Json(ArtifactList { data: ArtifactView::all(job, artifacts), revision }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetQuery {
    revision: Option<u32>,
    #[serde(default)]
    download: u8,
    #[serde(default)]
    redirect: u8,
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
    NamePath(name): NamePath,
    Asked(query): Asked<GetQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    status_of(&app, &caller, job).await?;
    let artifacts = app.client.artifacts_at(&caller.tenant, job, query.revision).await?;
    if let Some(revision) = query.revision {
        check_revision(job, revision, app.client.newest_revision(&caller.tenant, job).await?)?;
    }
    let Some(artifact) = artifacts.into_iter().find(|artifact| artifact.name == name) else {
        let detail =
            format!("job {job} has no artifact of that name; GET /v1/jobs/{job}/artifacts lists those there are");
        return Err(Problem::not_found(detail));
    };
    let key = app.client.artifact_key(&caller.tenant, job, &artifact)?;
    if query.redirect != 0
        && let Some(url) = presigned(&app, &key).await?
    {
        return Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response());
    }
    send(&app, &artifact, key, query.download != 0, &headers).await
}

fn check_revision(job: JobId, asked: u32, newest: u32) -> Result<(), Problem> {
    if asked <= newest {
        return Ok(());
    }
    let detail = format!("job {job} has no revision {asked}; the newest is {newest}");
    Err(Problem::not_found(detail))
}

/// The bytes of an object that is described like an artifact, or the part of them that a request asks for.
pub(super) async fn send(
    app: &App,
    artifact: &Artifact,
    key: Key,
    download: bool,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let store = app.client.store();
    let tag = format!("\"{}\"", artifact.sha256);
    if header_text(headers, &header::IF_NONE_MATCH).is_some_and(|known| names_tag(known, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let part = match wanted(headers, &tag, artifact.bytes) {
        Wanted::All => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => {
            let range = format!("bytes */{}", artifact.bytes);
            let detail = format!("the artifact has {} bytes, and none of them are in that range", artifact.bytes);
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_invalid", detail);
            return Ok(([(header::CONTENT_RANGE, range)], problem).into_response());
        }
    };
    let body = open(store, key, part.clone().unwrap_or(0..artifact.bytes)).await?;
    Ok(answer(artifact, part, download, tag, body))
}

/// Where the client gets it by itself; none where the store's objects are files.
async fn presigned(app: &App, key: &Key) -> Result<Option<HeaderValue>, Problem> {
    match app.client.store().presign_get(key, app.settings.presign()).await {
        Ok(url) => Ok(HeaderValue::from_str(&url).ok()),
        Err(StoreError::Unsupported(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn answer(artifact: &Artifact, part: Option<Range<u64>>, download: bool, tag: String, body: Body) -> Response {
    let sent = part.clone().unwrap_or(0..artifact.bytes);
    let mut response = Response::new(body);
    let show = Show::of(&artifact.media_type);
    let attached = download || show == Show::Never;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, media_type(&artifact.media_type));
    set(header::CONTENT_LENGTH, &(sent.end - sent.start).to_string());
    set(header::CONTENT_DISPOSITION, &disposition(&artifact.name, attached));
    set(header::ETAG, &tag);
    set(header::ACCEPT_RANGES, "bytes");
    set(header::CACHE_CONTROL, "private, no-cache");
    set(RESOURCE_POLICY, "same-origin");
    if show != Show::Freely {
        set(header::CONTENT_SECURITY_POLICY, POLICY);
    }
    if part.is_some() {
        set(header::CONTENT_RANGE, &format!("bytes {}-{}/{}", sent.start, sent.end - 1, artifact.bytes));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// A media type that is none is bytes.
fn media_type(given: &str) -> &str {
    if HeaderValue::from_str(given).is_ok() && given.contains('/') { given } else { "application/octet-stream" }
}

/// What a browser may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    /// It cannot act.
    Freely,
    /// In an origin of its own.
    Sandboxed,
    /// It may hold a program.
    Never,
}

impl Show {
    fn of(media_type: &str) -> Self {
        let bare = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match bare.as_str() {
            "application/json" | "text/plain" | "text/csv" | "text/vtt" | "application/x-subrip" | "text/markdown" => {
                Self::Sandboxed
            }
            _ if bare.contains("xml") || bare.contains("html") || bare.contains("script") => Self::Never,
            _ if ["audio/", "video/", "image/"].iter().any(|medium| bare.starts_with(medium)) => Self::Freely,
            _ => Self::Never,
        }
    }
}

/// RFC 6266: a name for every client, and the whole one for those that know RFC 8187.
fn disposition(name: &str, attached: bool) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let plain: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() || "-_. ()".contains(c) { c } else { '_' }).collect();
    let how = if attached { "attachment" } else { "inline" };
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(last, b""))
}

/// Which bytes a request wants.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    /// A range that has no byte.
    Nothing,
}

/// One range is served; a list of ranges, another unit or a range of an older artifact is answered with everything, as RFC
/// 9110 allows.
fn wanted(headers: &HeaderMap, tag: &str, bytes: u64) -> Wanted {
    let Some(range) = header_text(headers, &header::RANGE) else { return Wanted::All };
    if header_text(headers, &header::IF_RANGE).is_some_and(|known| known != tag) {
        return Wanted::All;
    }
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let part = match (first.trim(), last.trim()) {
        ("", last) => number(last).map(|last| bytes.saturating_sub(last)..bytes),
        (first, "") => number(first).map(|first| first..bytes),
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(bytes)),
            _ => None,
        },
    };
    match part {
        None => Wanted::All,
        Some(part) if part.start >= part.end => Wanted::Nothing,
        Some(part) => Wanted::Part(part),
    }
}

/// The bytes of an object, block by block.
async fn open(store: &Arc<dyn Store>, key: Key, part: Range<u64>) -> Result<Body, Problem> {
    match store.local_path(&key) {
        Some(path) => Ok(Body::from_stream(from_file(path, part).await?)),
        None => {
            if store.head(&key).await?.is_none() {
                return Err(gone());
            }
            Ok(Body::from_stream(from_store(store.clone(), key, part)))
        }
    }
}

fn gone() -> Problem {
    Problem::new(StatusCode::GONE, "artifact_gone", "the artifact was removed, its job's record is kept; retry the job")
}

async fn from_file(path: PathBuf, part: Range<u64>) -> Result<impl Stream<Item = std::io::Result<Bytes>>, Problem> {
    let mut file = File::open(path).await.map_err(|_| gone())?;
    file.set_max_buf_size(BLOCK_BYTES as usize);
    file.seek(SeekFrom::Start(part.start)).await.map_err(|_| gone())?;
    Ok(stream::try_unfold((file, part.end - part.start), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut block = Vec::with_capacity(left.min(BLOCK_BYTES) as usize);
        let read = (&mut file).take(left.min(BLOCK_BYTES)).read_buf(&mut block).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((Bytes::from(block), (file, left - read as u64))))
    }))
}

fn from_store(store: Arc<dyn Store>, key: Key, part: Range<u64>) -> impl Stream<Item = Result<Bytes, StoreError>> {
    stream::try_unfold((store, key, part), |(store, key, part)| async move {
        if part.is_empty() {
            return Ok::<_, StoreError>(None);
        }
        let block = store.get_range(&key, part.start..part.end.min(part.start + BLOCK_BYTES)).await?;
        if block.is_empty() {
            return Err(StoreError::Checksum(key));
        }
        let rest = part.start + block.len() as u64..part.end;
        Ok(Some((block, (store, key, rest))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Wanted {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(text).unwrap())]);
        wanted(&headers, "\"a\"", 10)
    }

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        assert_eq!(range("bytes=0-0"), Wanted::Part(0..1));
        assert_eq!(range("bytes=5-"), Wanted::Part(5..10));
        assert_eq!(range("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(range("bytes=-30"), Wanted::Part(0..10));
        assert_eq!(range("bytes=5-500"), Wanted::Part(5..10));
        for none in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=18446744073709551615-"] {
            assert_eq!(range(none), Wanted::Nothing, "{none}");
        }
        for all in ["bytes=5-4", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=", "bytes=99999999999999999999-"] {
            assert_eq!(range(all), Wanted::All, "{all}");
        }
    }

    #[test]
    fn a_range_of_an_older_artifact_is_everything() {
        let of = |tag: &'static str| {
            let headers = [(header::RANGE, "bytes=0-0"), (header::IF_RANGE, tag)];
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            wanted(&HeaderMap::from_iter(headers), "\"a\"", 10)
        };
        assert_eq!((of("\"a\""), of("\"b\""), of("W/\"a\"")), (Wanted::Part(0..1), Wanted::All, Wanted::All));
    }

    #[test]
    fn nothing_that_may_act_is_shown() {
        for (media_type, show) in [
            ("audio/wav", Show::Freely),
            ("image/png", Show::Freely),
            ("image/svg+xml", Show::Never),
            ("IMAGE/SVG+XML; charset=utf-8", Show::Never),
            ("text/html", Show::Never),
            ("application/xhtml+xml", Show::Never),
            ("text/javascript", Show::Never),
            ("application/pdf", Show::Never),
            ("", Show::Never),
            ("application/json", Show::Sandboxed),
            ("text/plain; charset=utf-8", Show::Sandboxed),
        ] {
            assert_eq!(Show::of(media_type), show, "{media_type}");
        }
    }

    #[test]
    fn names_cannot_add_headers() {
        let value = disposition("a/b\"\r\nSet-Cookie: x.txt", true);
        assert!(HeaderValue::from_str(&value).is_ok());
        assert_eq!(
            value,
            "attachment; filename=\"b___Set-Cookie_ x.txt\"; filename*=UTF-8''b%22%0D%0ASet-Cookie%3A%20x.txt"
        );
    }
}
