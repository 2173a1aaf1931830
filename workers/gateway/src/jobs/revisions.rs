//! Corrections of a job's artifacts.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use medley_proto::{Artifact, JobId};
use medley_runtime::{NewFile, NewRevision, Revision};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    input_files::{Form, FormFile},
    status_of,
    view::ArtifactView,
};
use crate::{
    access::Caller,
    extract::{JobPath, NamePath, header_text},
    problem::Problem,
    state::App,
};

/// The largest file of a revision: it is read into memory.
const MAX_FILE_BYTES: u64 = 64 << 20;
const MAX_NOTE_CHARS: usize = 1_000;

/// A correction.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Revision")]
pub(crate) struct RevisionView {
    number: u32,
    /// Unix time.
    at_ms: u64,
    /// The token by which it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The artifacts that it replaces or adds.
    artifacts: Vec<ArtifactView>,
}

impl RevisionView {
    fn new(job: JobId, revision: Revision) -> Self {
        let Revision { number, at_ms, by, note, artifacts, .. } = revision;
        Self { number, at_ms, by, note, artifacts: ArtifactView::all(job, artifacts) }
    }
}

/// The corrections of a job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RevisionList {
    data: Vec<RevisionView>,
}

/// A correction to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "it describes a form, which is read part by part")]
pub(crate) struct RevisionForm {
    /// What was changed, for people.
    note: Option<String>,
    /// Files, each with the name of the artifact that it stands for.
    #[serde(flatten)]
    files: BTreeMap<String, String>,
}

fn tag(number: u32) -> String {
    format!("\"{number}\"")
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<Response, Problem> {
    status_of(&app, &caller, job).await?;
    let revisions = app.client.revisions(&caller.tenant, job).await?;
    let newest = revisions.last().map_or(0, |revision| revision.number);
    let data = revisions.into_iter().map(|revision| RevisionView::new(job, revision)).collect();
    Ok(([(header::ETAG, tag(newest))], axum::Json(RevisionList { data })).into_response())
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
    NamePath(number): NamePath,
) -> Result<Response, Problem> {
    status_of(&app, &caller, job).await?;
    let revisions = app.client.revisions(&caller.tenant, job).await?;
    let found = revisions.into_iter().find(|revision| Ok(revision.number) == number.parse());
    let none =
        || Problem::not_found(format!("job {job} has no such revision; GET /v1/jobs/{job}/revisions lists them"));
    let revision = found.ok_or_else(none)?;
    Ok(([(header::ETAG, tag(revision.number))], axum::Json(RevisionView::new(job, revision))).into_response())
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
    request: Request,
) -> Result<Response, Problem> {
    let base = base(header_text(request.headers(), &header::IF_MATCH))?;
    let Form { fields, files } = Form::read(&app, request).await?;
    let mut new = NewRevision { base, note: note(fields)?, ..NewRevision::default() };
    new.by = caller.token.as_ref().map(|token| token.to_string());
    let known = app.client.artifacts_at(&caller.tenant, job, None).await?;
    for file in files {
        let file = into_memory(file, &known).await?;
        if new.files.iter().any(|other| other.name == file.name) {
            let detail = format!("two files are called {:?}: send each once", file.name);
            return Err(Problem::bad_request("form_invalid", detail));
        }
        new.files.push(file);
    }
    let revision = app.client.revise(&caller.tenant, job, new).await?;
    let location = format!("/v1/jobs/{job}/revisions/{}", revision.number);
    let headers = [(header::ETAG, tag(revision.number)), (header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, axum::Json(RevisionView::new(job, revision))).into_response())
}

/// The revision of `If-Match`.
fn base(condition: Option<&str>) -> Result<u32, Problem> {
    let Some(condition) = condition else {
        let detail = "say by If-Match which revision was corrected: its ETag, or \"0\" for the job's own artifacts";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "condition_missing", detail));
    };
    condition.trim_matches('"').parse().map_err(|_| {
        let detail = "If-Match: that is no revision's ETag; GET the list of revisions for the newest one's";
        Problem::new(StatusCode::PRECONDITION_FAILED, "revision_stale", detail)
    })
}

fn note(fields: Vec<(String, Bytes)>) -> Result<Option<String>, Problem> {
    let mut note = None;
    for (name, text) in fields {
        let text = String::from_utf8(text.to_vec()).ok().filter(|text| text.chars().count() <= MAX_NOTE_CHARS);
        match (name.as_str(), text) {
            ("note", Some(text)) => note = Some(text),
            ("note", None) => {
                let detail = format!("note: give UTF-8 text of at most {MAX_NOTE_CHARS} characters");
                return Err(Problem::bad_request("form_invalid", detail));
            }
            _ => {
                let detail = format!("{name:?} is no part of this form; send files, and `note`");
                return Err(Problem::bad_request("form_invalid", detail));
            }
        }
    }
    Ok(note)
}

/// A file of a revision. What the job made already keeps its media type, since few clients know those.
async fn into_memory(file: FormFile, known: &[Artifact]) -> Result<NewFile, Problem> {
    if file.spooled.bytes > MAX_FILE_BYTES {
        let detail = "a file of a revision has at most 64 MiB; submit what is larger as a job";
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", detail));
    }
    let read = tokio::fs::read(&file.spooled.path).await;
    let bytes = read.map_err(|error| {
        tracing::error!(%error, "a file that a client sent cannot be read again");
        Problem::internal()
    })?;
    let made = known.iter().find(|artifact| artifact.name == file.spooled.name);
    let media_type = made.map(|artifact| artifact.media_type.clone()).or_else(|| file.media_type.clone());
    let media_type = media_type.unwrap_or_else(|| "application/octet-stream".into());
    if media_type == "application/json"
        && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
    {
        let detail = format!("{:?} is to be JSON and is not: {error}", file.spooled.name);
        return Err(Problem::bad_request("form_invalid", detail));
    }
    Ok(NewFile { name: file.spooled.name.clone(), media_type, bytes: bytes.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_says_what_it_corrects() {
        assert_eq!(base(Some("\"3\"")).unwrap(), 3);
        assert_eq!(base(None).unwrap_err().status, StatusCode::PRECONDITION_REQUIRED);
        assert_eq!(base(Some("*")).unwrap_err().status, StatusCode::PRECONDITION_FAILED);
    }
}
