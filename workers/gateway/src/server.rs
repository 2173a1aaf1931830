//! Accepts connections, and stops gently.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::Response,
};
use futures_util::{StreamExt, stream};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use medley_runtime::Client;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    console,
    error::GatewayError,
    events::hub::Hub,
    loopback, openapi,
    operations::{reach::Reach, recorder::RenderMetrics},
    requests,
    settings::GatewaySettings,
    state::App,
    table, tls,
    uploads::under_way::Uploads,
    webhooks::{self, outbox::Webhooks},
};

/// After an error of the listener that is not a connection's own (no file descriptors), so long nothing is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The gateway over a queue and a store.
#[derive(Debug)]
pub struct Gateway {
    app: Arc<App>,
}

impl Gateway {
    /// # Errors
    /// When the settings cannot be served.
    pub fn new(client: Client, settings: GatewaySettings) -> Result<Self, GatewayError> {
        Self::with_metrics(client, settings, None)
    }

    /// As [`new`](Self::new), with `/metrics` that shows what the process's recorder holds.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_metrics(
        client: Client,
        settings: GatewaySettings,
        metrics: Option<RenderMetrics>,
    ) -> Result<Self, GatewayError> {
        let records = client.records().clone();
        let access = Access::new(&client, &settings);
        let draining = CancellationToken::new();
        let hub = Hub::new(client.clone(), draining.clone());
        let (uploads, webhooks) = (Uploads::new(&settings.uploads), Webhooks::new(&settings.webhooks));
        let reach = Reach::default();
        let openapi = openapi::document(client.backend().registry()).to_string().into();
        let app = App { client, settings, records, access, uploads, webhooks, hub, metrics, reach, openapi, draining };
        Ok(Self { app: Arc::new(app) })
    }

    #[cfg(test)]
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    fn router(&self) -> Router {
        console::serve(table::router(&self.app, table::all()))
            .layer(DefaultBodyLimit::max(self.app.settings.max_body_bytes))
            .layer(middleware::from_fn_with_state(self.app.clone(), loopback::guard))
            .layer(middleware::from_fn_with_state(self.app.settings.body_pause(), bounded_pauses))
            .layer(middleware::from_fn(requests::serve))
    }

    /// Whether it may be served at an address.
    ///
    /// # Errors
    /// When the address could be reached by anyone and there is no token.
    pub async fn check_address(&self, address: SocketAddr) -> Result<(), GatewayError> {
        self.app.access.open(address).await.map_err(GatewayError::Records)?;
        match address.ip().is_loopback() || self.app.access.has_tokens() {
            true => Ok(()),
            false => Err(GatewayError::OpenToAll(address)),
        }
    }

    /// Serves until `shutdown`, then ends streams, and waits for the other requests for as long as the settings say.
    ///
    /// # Errors
    /// Before the first connection, when the address could be reached by anyone and there is no token, or the TLS files
    /// cannot be used.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), GatewayError> {
        let address = listener.local_addr().map_err(GatewayError::Accept)?;
        self.check_address(address).await?;
        let tls = self.app.settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let connections = Connections::new(self.router(), &self.app.settings, tls);
        let courier = tokio::spawn(webhooks::run(self.app.clone(), self.app.draining.clone()));
        let (app, served) = (self.app.clone(), CancellationToken::new());
        let keeping = {
            let served = served.clone();
            tokio::spawn(async move { app.access.run(served).await })
        };
        accept(&listener, &connections, &shutdown).await;
        drop(listener);
        // Streams never end by themselves: they go first, and what is left are requests that are being served.
        self.app.draining.cancel();
        connections.drain(self.app.settings.drain()).await;
        if courier.await.is_err() {
            tracing::error!("the courier of webhooks met a defect of Medley; please report it with this log");
        }
        // What was noted and counted is written before the process ends.
        served.cancel();
        let _ = keeping.await;
        Ok(())
    }
}

async fn accept(listener: &TcpListener, connections: &Connections, shutdown: &CancellationToken) {
    loop {
        // A place first: who finds none waits in the system's own queue.
        let accepted = async {
            let place = connections.places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let Some((accepted, place)) = shutdown.run_until_cancelled(accepted).await else { return };
        match (accepted, place) {
            (Ok((stream, peer)), Ok(place)) => connections.serve(stream, peer, place),
            (Ok(_), Err(_)) => return,
            (Err(error), _) if is_of_connection(&error) => {}
            (Err(error), _) => {
                tracing::warn!(%error, "no connection can be accepted now");
                let _ = shutdown.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
            }
        }
    }
}

/// Of a client that went away before it was accepted.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// How connections are served.
struct Connections {
    router: Router,
    http: http1::Builder,
    tls: Option<TlsAcceptor>,
    head_timeout: Duration,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
}

impl Connections {
    fn new(router: Router, settings: &GatewaySettings, tls: Option<TlsAcceptor>) -> Self {
        let mut http = http1::Builder::new();
        let head_timeout = settings.head_timeout();
        http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(settings.max_head_bytes());
        let places = Arc::new(Semaphore::new(settings.max_connections.max(1)));
        Self { router, http, tls, head_timeout, places, graceful: GracefulShutdown::new() }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        // Small answers and events go at once.
        let _ = stream.set_nodelay(true);
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.call(request)
        });
        let (http, watcher, head_timeout) = (self.http.clone(), self.graceful.watcher(), self.head_timeout);
        match self.tls.clone() {
            None => {
                let connection = watcher.watch(http.serve_connection(TokioIo::new(stream), service));
                tokio::spawn(async move {
                    note(connection.await);
                    drop(place);
                });
            }
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(Ok(stream)) = tokio::time::timeout(head_timeout, tls.accept(stream)).await {
                    note(watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await);
                }
                drop(place);
            })),
        }
    }

    /// Lets the requests that are being served be answered, for so long.
    async fn drain(self, limit: Duration) {
        if tokio::time::timeout(limit, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests were not answered before the end; their clients ask again");
        }
    }
}

fn note(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// A client that stops in the middle of its body does not hold a connection for ever.
async fn bounded_pauses(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let request = request.map(|body| {
        let pieces = stream::unfold(Some(body.into_data_stream()), move |pieces| async move {
            let mut pieces = pieces?;
            match tokio::time::timeout(limit, pieces.next()).await {
                Ok(piece) => Some((piece?, Some(pieces))),
                Err(_) => {
                    let slow = io::Error::new(io::ErrorKind::TimedOut, "the body stopped coming");
                    Some((Err(axum::Error::new(slow)), None))
                }
            }
        });
        Body::from_stream(pieces)
    });
    next.run(request).await
}
