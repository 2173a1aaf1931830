//! One client that follows all jobs of its tenant.

use std::sync::Arc;

use axum::response::sse;
use futures_util::{Stream, StreamExt, future, stream};
use medley_proto::{Event, EventBody};

use super::COME_BACK;
use crate::{access::Caller, jobs::look, problem::Problem, state::App};

/// The events of a tenant's jobs from now on. A client that was here before may have missed some.
pub(crate) async fn open(
    app: Arc<App>,
    caller: Caller,
    missed: bool,
) -> Result<impl Stream<Item = Result<sse::Event, axum::Error>> + Send + 'static, Problem> {
    let events = app.client.queue().events(&caller.tenant, None).await?;
    let first = match missed {
        true => sse::Event::default().event("reset").data("{}").retry(COME_BACK),
        false => sse::Event::default().comment("following").retry(COME_BACK),
    };
    let events = events.then(move |event| {
        let (app, caller) = (app.clone(), caller.clone());
        async move { told(&app, &caller, &event).await }
    });
    // Of a job that is gone by now nothing is told.
    Ok(stream::once(future::ready(Ok(first))).chain(events.filter_map(future::ready)))
}

async fn told(app: &App, caller: &Caller, event: &Event) -> Option<Result<sse::Event, axum::Error>> {
    let to_tell = sse::Event::default().id(event.at_ms.to_string());
    match event.body {
        EventBody::Finished { .. } => {
            let view = look(app, caller, event.job).await.ok()?;
            Some(to_tell.event("job").json_data(&view))
        }
        _ => Some(to_tell.event("step").json_data(event)),
    }
}
