//! What is done to jobs: to one, or to all that match.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use medley_proto::JobId;
use medley_runtime::JobStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    filter::Filter,
    list::{MAX_LOOKED_AT, find},
    read,
    view::JobView,
};
use crate::{
    access::Caller,
    extract::{JobPath, Json},
    problem::Problem,
    state::App,
};

pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<Response, Problem> {
    app.client.cancel(&caller.tenant, job).await?;
    Ok(read::answer(StatusCode::ACCEPTED, &read::look(&app, &caller, job).await?))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<StatusCode, Problem> {
    app.delete(&caller, job).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<Response, Problem> {
    let submitted = app.retry(&caller, job).await?;
    let view = JobView::new(JobStatus { job: submitted.job, state: submitted.state, manifest: None });
    let location = [(header::LOCATION, view.location().to_owned())];
    Ok((location, read::answer(StatusCode::ACCEPTED, &view)).into_response())
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobAction {
    Cancel,
    Retry,
    Delete,
}

/// What is done to which jobs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRequest {
    action: JobAction,
    /// To jobs that fit. An empty one is refused unless `all` is true.
    #[serde(default)]
    filter: Filter,
    /// To every job there is.
    #[serde(default)]
    all: bool,
    /// An earlier answer's `next_cursor`.
    #[serde(default)]
    cursor: Option<String>,
}

/// What was done.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct BatchAnswer {
    /// The jobs that fitted and that it was done to.
    done: Vec<JobId>,
    /// Those that it could not be done to.
    failed: Vec<Refused>,
    /// Go on with it; none when all jobs were looked at.
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Refused {
    job: JobId,
    code: String,
    detail: String,
}

pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(request): Json<BatchRequest>,
) -> Result<axum::Json<BatchAnswer>, Problem> {
    if request.filter.is_empty() && !request.all {
        let detail = "that means every job; say which by `filter`, or set `all` to true";
        return Err(Problem::bad_request("filter_empty", detail));
    }
    let cursor = request.cursor.as_deref();
    let found = find(&app.client, &caller.tenant, &request.filter, cursor, MAX_LOOKED_AT).await?;
    let mut answer = BatchAnswer { next_cursor: found.next_cursor, ..BatchAnswer::default() };
    for status in found.jobs {
        let job = status.job.id;
        match act(&app, &caller, request.action, job).await {
            Ok(()) => answer.done.push(job),
            // Gone meanwhile.
            Err(Problem { status: StatusCode::NOT_FOUND, .. }) => {}
            Err(Problem { code, detail, .. }) => answer.failed.push(Refused { job, code: code.into_owned(), detail }),
        }
    }
    Ok(axum::Json(answer))
}

async fn act(app: &App, caller: &Caller, action: JobAction, job: JobId) -> Result<(), Problem> {
    match action {
        JobAction::Cancel => Ok(app.client.cancel(&caller.tenant, job).await.map(drop)?),
        JobAction::Retry => app.retry(caller, job).await.map(drop),
        JobAction::Delete => app.delete(caller, job).await,
    }
}
