//! Accepts connections, and stops gently.

use std::sync::Arc;

use axum::Router;
use medley_runtime::{Client, Records, StoreRecords};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{access::Access, error::GatewayError, routes, settings::GatewaySettings, state::App};

/// The gateway over a queue and a store.
#[derive(Debug)]
pub struct Gateway {
    app: Arc<App>,
}

impl Gateway {
    /// # Errors
    /// When the settings cannot be served.
    pub fn new(client: Client, settings: GatewaySettings) -> Result<Self, GatewayError> {
        let records: Arc<dyn Records> = Arc::new(StoreRecords::new(client.store().clone()));
        let access = Access::new(&settings);
        let app = App { client, settings, records, access, draining: CancellationToken::new() };
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
        let stop = async move {
            shutdown.cancelled().await;
            draining.cancel();
        };
        axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(GatewayError::Accept)
    }
}
