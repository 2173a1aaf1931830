//! Accepts connections, and stops gently.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use medley_runtime::Client;
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
        let records = client.records().clone();
        let access = Access::new(&client, &settings);
        let app = App { client, settings, records, access, draining: CancellationToken::new() };
        Ok(Self { app: Arc::new(app) })
    }

    #[cfg(test)]
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
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
        let app = self.app.clone();
        app.access.open(address).await.map_err(GatewayError::Records)?;
        if !address.ip().is_loopback() && !app.access.has_tokens() {
            return Err(GatewayError::OpenToAll(address));
        }
        let served = CancellationToken::new();
        let keeping = {
            let (app, served) = (app.clone(), served.clone());
            tokio::spawn(async move { app.access.run(served).await })
        };
        let (router, draining) = (self.router(), self.app.draining.clone());
        let stop = async move {
            shutdown.cancelled().await;
            draining.cancel();
        };
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let outcome = axum::serve(listener, service).with_graceful_shutdown(stop).await.map_err(GatewayError::Accept);
        served.cancel();
        // What was noted and counted is written before the process ends.
        let _ = keeping.await;
        outcome
    }
}
