//! One job, now or when it has changed.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use medley_proto::{EventBody, JobId};
use serde::Deserialize;
use tokio::{sync::broadcast::error::RecvError, time::Instant};

use super::{conditions::MAX_WAIT, status_of, view::JobView};
use crate::{
    access::Caller,
    extract::{Asked, JobPath, header_text, names_tag},
    operations,
    problem::Problem,
    state::App,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetQuery {
    wait_s: Option<u64>,
}

/// How long a client that does not follow the job should wait before it asks again, in seconds.
const ASK_AGAIN_S: u64 = 2;

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
    Asked(query): Asked<GetQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let known = header_text(&headers, &header::IF_NONE_MATCH);
    let wait = Duration::from_secs(query.wait_s.unwrap_or_default()).min(MAX_WAIT);
    let view = wait_for_change(&app, &caller, job, known, wait).await?;
    if known.is_some_and(|known| names_tag(known, &view.etag())) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag(&view))]).into_response());
    }
    Ok(answer(StatusCode::OK, &view))
}

fn tag(view: &JobView) -> HeaderValue {
    HeaderValue::from_str(&view.etag()).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A job as an answer.
pub(crate) fn answer(status: StatusCode, view: &JobView) -> Response {
    let mut response = (status, [(header::ETAG, tag(view))], axum::Json(view)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if !view.state.is_final() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_S));
    }
    response
}

/// The job as it is, with its newest artifacts, how far it is, and what keeps it.
pub(crate) async fn look(app: &App, caller: &Caller, job: JobId) -> Result<JobView, Problem> {
    let view = JobView::new(status_of(app, caller, job).await?);
    if view.state.is_final() {
        let revision = app.client.newest_revision(&caller.tenant, job).await?;
        if revision == 0 {
            return Ok(view);
        }
        let artifacts = app.client.artifacts_at(&caller.tenant, job, None).await?;
        return Ok(view.with_artifacts(revision, artifacts));
    }
    let progress = app.hub.progress(&caller.tenant, job).map(Into::into);
    let notice = operations::notice(app, view.kind()).await;
    Ok(view.told(progress, notice))
}

/// The job when it has another tag than the known one, or without one when it has ended; as it is after `wait`.
pub(crate) async fn wait_for_change(
    app: &App,
    caller: &Caller,
    job: JobId,
    known: Option<&str>,
    wait: Duration,
) -> Result<JobView, Problem> {
    let until = Instant::now() + wait;
    let is_news = |view: &JobView| view.state.is_final() || known.is_some_and(|known| !names_tag(known, &view.etag()));
    let view = look(app, caller, job).await?;
    if wait.is_zero() || is_news(&view) {
        return Ok(view);
    }
    // From here on nothing is missed.
    let mut events = app.hub.watch(&caller.tenant, job).subscribe();
    loop {
        let view = look(app, caller, job).await?;
        if is_news(&view) {
            return Ok(view);
        }
        let heard = async {
            loop {
                match events.recv().await {
                    Ok(event) if matches!(event.body, EventBody::Progress { .. }) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    // Whoever watched has nothing more to tell.
                    Err(RecvError::Closed) => return tokio::time::sleep(Duration::from_secs(1)).await,
                }
            }
        };
        tokio::select! {
            () = heard => {}
            () = tokio::time::sleep_until(until) => return look(app, caller, job).await,
            () = app.draining.cancelled() => return Ok(view),
        }
    }
}
