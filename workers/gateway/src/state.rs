use std::sync::Arc;

use bytes::Bytes;
use medley_runtime::{Client, Records};
use medley_step::Registry;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    events::hub::Hub,
    operations::{reach::Reach, recorder::RenderMetrics},
    settings::GatewaySettings,
    uploads::under_way::Uploads,
    webhooks::outbox::Webhooks,
};

/// What every handler has: axum's `State<Arc<App>>`.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client: Client,
    pub(crate) settings: GatewaySettings,
    /// The gateway's own small documents.
    pub(crate) records: Arc<dyn Records>,
    pub(crate) access: Access,
    pub(crate) uploads: Uploads,
    pub(crate) webhooks: Webhooks,
    /// The jobs that somebody follows.
    pub(crate) hub: Hub,
    pub(crate) metrics: Option<RenderMetrics>,
    pub(crate) reach: Reach,
    /// The OpenAPI document of this build.
    pub(crate) openapi: Bytes,
    /// Cancelled when the gateway was asked to stop: streams and long polls end at once.
    pub(crate) draining: CancellationToken,
}

impl App {
    /// Unix time.
    pub(crate) fn now_ms(&self) -> u64 {
        self.client.backend().now_ms()
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.client.backend().registry()
    }
}
