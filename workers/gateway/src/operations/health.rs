//! Whether the gateway lives, and whether it serves.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::state::App;

/// How the gateway is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct HealthView {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
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
    if !app.reach.look(&app.client).await {
        return unready("queue or store cannot be reached");
    }
    (StatusCode::OK, Json(HealthView { status: "ready", reason: None }))
}
