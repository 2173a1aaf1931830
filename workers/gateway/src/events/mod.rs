//! Streams of events (Server-Sent Events).
//!
//! Events are lossy and are kept nowhere; what is true of a job stands in the store. So a stream begins with the job as it is,
//! and sends it again when it has changed: the event `job`, whose id is made of the keys in the store alone. Whoever comes back
//! with `Last-Event-ID`, to this gateway or another, before or after a restart, is told what changed since, and not what it
//! knows. What happens in between (`progress`, `step`) has no id and is not repeated
//! (docs/decisions/0081-event-ids-come-from-the-store.md).

pub(crate) mod hub;
mod job_stream;
mod tenant_stream;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt};
use medley_proto::JobId;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use self::job_stream::JobStream;
use crate::{
    access::{Caller, Scope},
    extract::{Asked, JobPath},
    problem::Problem,
    routes::{Answer, Content, Route},
    state::App,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// nginx buffers answers unless it is told not to.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// So often a silent stream says that it is there: proxies close what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// After so long a client whose stream ended comes back.
const COME_BACK: Duration = Duration::from_secs(3);
/// The longest id that a client may bring back.
const MAX_ID_BYTES: usize = 64;

pub(crate) fn routes() -> Vec<Route> {
    let stream = |about| Answer::new(200, about).content(Content::bytes("text/event-stream"));
    let after = |route: Route| {
        route
            .tag("events")
            .scope(Scope::Read)
            .header::<String>("Last-Event-ID", "The id of the last event that the client got.")
            .query::<Option<String>>("last_event_id", "The same, for clients that cannot set headers.")
    };
    vec![
        after(Route::get("/v1/jobs/{job}/events", "followJob", job))
            .summary("Follow a job")
            .about(
                "Events `job` (the job, as GET has it; with an id), `progress`, `step` and `gone`. The stream ends with the \
                 job's last state.",
            )
            .answer(stream("The events from now on."))
            .answer(Answer::new(204, "The client has the last one: there is nothing more to come.")),
        after(Route::get("/v1/events", "followJobs", tenant))
            .summary("Follow all jobs")
            .about(
                "Events `job` when a job ended, `step`, and `reset` when some may have been missed: the client lists the jobs \
                 again.",
            )
            .answer(stream("The events from now on.")),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterQuery {
    last_event_id: Option<String>,
}

fn last_event_id(headers: &HeaderMap, query: AfterQuery) -> Option<String> {
    let header = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    header.or(query.last_event_id).filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()))
}

async fn job(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
    Asked(query): Asked<AfterQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    follow(&app, &caller, job, last_event_id(&headers, query)).await
}

/// Follows a job, after the event with this id.
pub(crate) async fn follow(
    app: &Arc<App>,
    caller: &Caller,
    job: JobId,
    after: Option<String>,
) -> Result<Response, Problem> {
    match JobStream::open(app.clone(), caller.clone(), job, after).await? {
        Some(stream) => Ok(answer(stream.events(), &app.draining)),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

async fn tenant(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<AfterQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missed = last_event_id(&headers, query).is_some();
    Ok(answer(tenant_stream::open(app.clone(), caller, missed).await?, &app.draining))
}

/// A stream that ends when the gateway stops: its client comes back, to whoever is there then.
fn answer<S>(events: S, draining: &CancellationToken) -> Response
where
    S: Stream<Item = Result<Event, axum::Error>> + Send + 'static,
{
    let events = events.take_until(draining.clone().cancelled_owned());
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}
