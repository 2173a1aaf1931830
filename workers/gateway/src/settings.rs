use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use medley_proto::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{uploads::settings::UploadSettings, webhooks::settings::WebhookSettings};

/// What the owner of a machine sets of the gateway: the table `[gateway]` of `medley.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GatewaySettings {
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Whose jobs they are while no token is configured (loopback only). The command line sets it to `tenant`.
    #[serde(skip)]
    #[schemars(skip)]
    pub tenant: Option<Name>,
    /// Serves TLS with these files; without them plain HTTP, for loopback or behind a proxy.
    pub tls: Option<TlsSettings>,
    /// The largest body of a request that is no upload, in bytes.
    pub max_body_bytes: usize,
    /// The largest head of a request, in bytes; at least 8,192.
    pub max_head_bytes: usize,
    /// The most connections at a time; more wait.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, or to agree on TLS, in seconds.
    pub head_timeout_s: u64,
    /// How long a session of the console lasts, in hours.
    pub session_hours: u64,
    /// How many days entries of the audit log are kept.
    pub audit_keep_days: u32,
    /// How long a client may pause in the middle of a body, in seconds.
    pub body_pause_s: u64,
    /// How long requests may go on after the gateway was asked to stop, in seconds.
    pub drain_s: u64,
    /// How long a presigned URL of an artifact is valid, in seconds (S3 only).
    pub presign_s: u64,
    /// Resumable uploads.
    pub uploads: UploadSettings,
    /// Messages about how jobs end.
    pub webhooks: WebhookSettings,
}

/// TLS by files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The PEM certificate, and those that lead to its root.
    pub certificate: PathBuf,
    /// Its PEM key.
    pub key: PathBuf,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8750)),
            tenant: None,
            tls: None,
            max_body_bytes: 1 << 20,
            max_head_bytes: 64 << 10,
            max_connections: 4_096,
            head_timeout_s: 10,
            session_hours: 12,
            audit_keep_days: 400,
            body_pause_s: 60,
            drain_s: 20,
            presign_s: 300,
            uploads: UploadSettings::default(),
            webhooks: WebhookSettings::default(),
        }
    }
}

/// No time-out is longer.
const HOUR_S: u64 = 3_600;
/// What hyper needs at least to read a head.
const LEAST_HEAD_BYTES: usize = 8 << 10;

impl GatewaySettings {
    pub(crate) fn tenant(&self) -> Name {
        self.tenant.clone().unwrap_or_else(|| Name::from_static("default"))
    }

    pub(crate) fn max_head_bytes(&self) -> usize {
        self.max_head_bytes.max(LEAST_HEAD_BYTES)
    }

    pub(crate) fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.head_timeout_s.clamp(1, HOUR_S))
    }

    pub(crate) fn body_pause(&self) -> Duration {
        Duration::from_secs(self.body_pause_s.clamp(1, HOUR_S))
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s.min(HOUR_S))
    }

    /// At least an hour, at most a month.
    pub(crate) fn session_s(&self) -> u64 {
        self.session_hours.clamp(1, 31 * 24) * HOUR_S
    }

    pub(crate) fn presign(&self) -> Duration {
        Duration::from_secs(self.presign_s.clamp(1, HOUR_S))
    }
}
