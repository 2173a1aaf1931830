//! What a worker tells those who watch over it: `/healthz` (the process answers), `/readyz` (it takes steps), `/metrics`
//! (Prometheus text).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Failed;

/// Bounds of the histograms of times, in seconds: from a cached result to the longest step.
const SECONDS: [f64; 14] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 900.0];

/// Whether the worker takes steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Readiness(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    works: AtomicBool,
    away: AtomicBool,
}

impl Readiness {
    pub(super) fn set(&self, works: bool) {
        self.0.works.store(works, Ordering::Relaxed);
    }

    /// Whether queue and store answered when they were last asked.
    pub(super) fn set_reached(&self, reached: bool) {
        self.0.away.store(!reached, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct Shared {
    readiness: Readiness,
    metrics: PrometheusHandle,
}

/// From now on the process's metrics are kept, for whoever renders them.
pub(super) fn install_recorder() -> Result<PrometheusHandle, Failed> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .and_then(|builder| builder.install_recorder())
        .map_err(Failed::service)
}

/// Serves until `stop`; returns the address that it listens on.
pub(super) async fn serve(
    listen: SocketAddr,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<SocketAddr, Failed> {
    let metrics = install_recorder()?;
    let app = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|State(shared): State<Shared>| async move { shared.metrics.render() }))
        .with_state(Shared { readiness, metrics });
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failed::service(format!("the monitor cannot listen on {listen}: {error}")))?;
    let address = listener.local_addr().map_err(Failed::service)?;
    tokio::spawn(async move {
        let served = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the monitor stopped");
        }
    });
    Ok(address)
}

async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    let Readiness(state) = &shared.readiness;
    if !state.works.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "not taking steps\n")
    } else if state.away.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "queue or store cannot be reached\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}
