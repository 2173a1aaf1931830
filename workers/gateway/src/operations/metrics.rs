//! `/metrics`: what the process's recorder holds, and what waits in the queues. A fleet without workers exports nothing
//! otherwise, and nobody could see that it needs some.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    queues::{self, QueueView},
    recorder::RenderMetrics,
};
use crate::{problem::Problem, state::App};

pub(crate) async fn render(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let Some(RenderMetrics(render)) = &app.metrics else {
        return Err(Problem::not_found("this gateway keeps no metrics; `medley serve` does"));
    };
    for queue in queues::look(&app).await? {
        measure(&queue);
    }
    metrics::gauge!("medley_workers").set(app.client.workers().await?.len() as f64);
    let text = render();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

fn measure(queue: &QueueView) {
    let labels = [("kind", queue.kind.to_string()), ("class", queue.class.as_str().to_owned())];
    metrics::gauge!("medley_queue_depth", &labels).set(queue.waiting as f64);
    metrics::gauge!("medley_queue_paused", &labels).set(if queue.paused { 1.0 } else { 0.0 });
    // A gauge that is not known any more must not go on with its last value.
    metrics::gauge!("medley_queue_oldest_seconds", &labels).set(queue.oldest_s.unwrap_or_default());
    if let Some(work_s) = queue.work_s {
        metrics::gauge!("medley_queue_work_seconds", &labels).set(work_s);
    }
}

/// Counts the requests of an operation, and how long its handler took to answer.
pub(crate) async fn count(State(operation): State<&'static str>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    let labels = [("operation", operation.to_owned()), ("status", response.status().as_u16().to_string())];
    metrics::counter!("medley_gateway_requests_total", &labels).increment(1);
    metrics::histogram!("medley_gateway_request_seconds", "operation" => operation).record(began.elapsed());
    response
}
