//! Accepts connections, and stops gently.

use std::sync::Arc;

use axum::Router;
use medley_runtime::Client;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    error::GatewayError,
    routes,
    settings::GatewaySettings,
    state::App,
    uploads::Uploads,
    webhooks::{self, Webhooks},
};

/// The gateway over a queue and a store.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) app: Arc<App>,
}

impl Gateway {
    /// # Errors
    /// When the settings cannot be served.
    pub fn new(client: Client, settings: GatewaySettings) -> Result<Self, GatewayError> {
        let records = client.records().clone();
        let access = Access::new(&settings);
        let (uploads, webhooks) = (Uploads::new(&settings.uploads), Webhooks::new(&settings.webhooks));
        let draining = CancellationToken::new();
        let app = App { client, settings, records, access, uploads, webhooks, draining };
        Ok(Self { app: Arc::new(app) })
    }

    fn router(&self) -> Router {
        routes::router(&self.app, routes::all())
    }

    /// Serves until `shutdown`, then ends streams, and waits for the other requests for as long as the settings say.
    ///
    /// # Errors
    /// Before the first connection, when the address could be reached by anyone and there is no token.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), GatewayError> {
        let address = listener.local_addr().map_err(GatewayError::Accept)?;
        if !address.ip().is_loopback() && !self.app.access.has_tokens() {
            return Err(GatewayError::OpenToAll(address));
        }
        let (router, draining) = (self.router(), self.app.draining.clone());
        let courier = tokio::spawn(webhooks::run(self.app.clone(), draining.clone()));
        let stop = async move {
            shutdown.cancelled().await;
            draining.cancel();
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(stop).await;
        self.app.draining.cancel();
        if courier.await.is_err() {
            tracing::error!("the courier of webhooks met a defect of Medley; please report it with this log");
        }
        served.map_err(GatewayError::Accept)
    }
}
