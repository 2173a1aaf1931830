//! Whether the gateway lives, and whether it serves.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::state::App;

/// Queue and store have so long to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Anyone may ask, so the answer is kept for so long.
const KEPT: Duration = Duration::from_secs(1);

/// How the gateway is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct HealthView {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// When queue and store were last asked, and whether they answered.
#[derive(Debug, Default)]
pub(crate) struct Reach(Mutex<Option<(Instant, bool)>>);

impl Reach {
    async fn look(&self, app: &App) -> bool {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, reached)) = known
            && at.elapsed() < KEPT
        {
            return reached;
        }
        let reached = match tokio::time::timeout(ANSWER_LIMIT, app.client.reach()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready: queue or store cannot be reached");
                false
            }
            Err(_) => {
                tracing::warn!("not ready: queue or store do not answer");
                false
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), reached));
        reached
    }
}

pub(crate) async fn alive() -> Json<HealthView> {
    Json(HealthView { status: "ok", reason: None })
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<HealthView>) {
    let unready = |reason| {
        let view = HealthView { status: "unavailable", reason: Some(reason) };
        (StatusCode::SERVICE_UNAVAILABLE, Json(view))
    };
    if app.draining.is_cancelled() {
        return unready("the gateway is stopping");
    }
    if !app.reach.look(&app).await {
        return unready("queue or store cannot be reached");
    }
    (StatusCode::OK, Json(HealthView { status: "ready", reason: None }))
}
