//! A connection that is made again when it breaks, and what the broker's errors mean.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use lapin::{
    Connection, ConnectionProperties, Error, ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
    tcp::OwnedTLSConfig,
    uri::AMQPUri,
};
use medley_net::Address;
use tokio::sync::Mutex;

use crate::queue::QueueError;

/// How long one attempt to connect may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The heartbeat asked for when the URL names none. The client's I/O task sends it, however busy compute is.
const HEARTBEAT_S: u16 = 20;

/// A broker that comes up takes connections before it serves queues: whoever uses them connects several times, and one line
/// in the log is enough.
const ONE_LINE_IN: Duration = Duration::from_secs(10);

/// Where the broker is and who asks.
#[derive(Clone, Default)]
pub struct AmqpConfig {
    /// `amqp://user:password@host:5672/vhost` or `amqps://…`; `?heartbeat=` in seconds.
    pub url: String,
    /// A file with `user:password` on its first line; takes the place of what the URL says. Read at each connect, so
    /// that it may be rotated.
    pub credentials_file: Option<PathBuf>,
    /// PEM certificates that the broker's certificate may be signed by, beside the public ones.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for AmqpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpConfig").field("url", &Address::from(self.url.as_str())).finish_non_exhaustive()
    }
}

/// How long to wait before the `attempt`th try: doubling up to a limit, with jitter, so that a fleet does not return in
/// step.
pub(super) fn backoff(attempt: u32) -> Duration {
    let max_ms = (100_u64 << attempt.min(7)).min(10_000);
    Duration::from_millis(rand::random_range(max_ms / 2..=max_ms))
}

pub(super) struct Link {
    config: AmqpConfig,
    /// Shown in the broker's list of connections.
    name: String,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    connection: Weak<Connection>,
    /// There was a connection before.
    connected: bool,
    /// The log says that there is none.
    away: bool,
    /// When the log was last told of one, or the first was made.
    told: Option<Instant>,
}

impl Current {
    /// One line when the broker is away, and one when it is there again.
    fn tell_log(&mut self, link: &str, error: Option<&QueueError>) {
        match error {
            None => {
                let was_away = std::mem::take(&mut self.away);
                let is_news = was_away || self.told.is_none_or(|told| told.elapsed() > ONE_LINE_IN);
                if self.connected && is_news {
                    tracing::info!(link, "connected to the broker again");
                }
                if is_news {
                    self.told = Some(Instant::now());
                }
                self.connected = true;
            }
            Some(error) => {
                if self.connected && !std::mem::replace(&mut self.away, true) {
                    tracing::warn!(link, %error, "the broker is away; connecting is tried again");
                }
            }
        }
    }
}

impl Link {
    pub(super) fn new(config: AmqpConfig, role: &str) -> Self {
        let name = format!("medley {role} {}", std::process::id());
        Self { config, name, current: Mutex::default() }
    }

    /// The living connection, or a new one. It closes when nobody holds it any more.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, QueueError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.connection.upgrade().filter(|connection| connection.status().connected()) {
            return Ok(connection);
        }
        let connecting = tokio::time::timeout(CONNECT_LIMIT, self.connect()).await;
        let connected = connecting
            .unwrap_or_else(|_| Err(QueueError::Unavailable("the broker did not answer in time".into(), None)));
        current.tell_log(&self.name, connected.as_ref().err());
        let connection = Arc::new(connected?);
        current.connection = Arc::downgrade(&connection);
        Ok(connection)
    }

    async fn connect(&self) -> Result<Connection, QueueError> {
        let (uri, tls) = self.read_config().await?;
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let runtime = lapin::runtime::default_runtime().map_err(classify)?;
        Connection::connect_uri_with_config(uri, properties, tls, runtime).await.map_err(classify)
    }

    async fn read_config(&self) -> Result<(AMQPUri, OwnedTLSConfig), QueueError> {
        // The URL may hold a password: it is not shown.
        let mut uri: AMQPUri = (self.config.url.parse())
            .map_err(|error: String| QueueError::Refused(format!("the broker's URL cannot be read: {error}"), None))?;
        uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT_S));
        if let Some(path) = &self.config.credentials_file {
            let text = read(path).await?;
            let (user, password) = text.lines().next().unwrap_or_default().split_once(':').ok_or_else(|| {
                QueueError::Refused(format!("{}: the first line is not user:password", path.display()), None)
            })?;
            uri.authority.userinfo.username = user.to_owned();
            uri.authority.userinfo.password = password.to_owned();
        }
        let cert_chain = match &self.config.ca_file {
            Some(path) => Some(read(path).await?),
            None => None,
        };
        Ok((uri, OwnedTLSConfig { identity: None, cert_chain }))
    }
}

async fn read(path: &std::path::Path) -> Result<String, QueueError> {
    tokio::fs::read_to_string(path)
        .await
        .map_err(|error| QueueError::Refused(format!("{}: {error}", path.display()), Some(error.into())))
}

/// What an error of the client means for whoever uses the queue.
pub(super) fn classify(error: Error) -> QueueError {
    let refused = match error.kind() {
        ErrorKind::ProtocolError(amqp) => matches!(
            amqp.kind(),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::PRECONDITIONFAILED)
                | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::NOTIMPLEMENTED)
        ),
        ErrorKind::InvalidProtocolVersion(_) | ErrorKind::AuthProviderError(_) => true,
        _ => false,
    };
    let message = error.to_string();
    if refused {
        QueueError::Refused(message, Some(error.into()))
    } else {
        QueueError::Unavailable(message, Some(error.into()))
    }
}
