use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use medley_proto::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The largest body of a request that is no upload, in bytes.
    pub max_body_bytes: usize,
    /// The largest head of a request, in bytes.
    pub max_head_bytes: usize,
    /// How long a client may take to send the head of a request, in seconds.
    pub head_timeout_s: u64,
    /// How many days entries of the audit log are kept.
    pub audit_keep_days: u32,
    /// How long requests may go on after the gateway was asked to stop, in seconds.
    pub drain_s: u64,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8750)),
            tenant: None,
            max_body_bytes: 1 << 20,
            max_head_bytes: 64 << 10,
            head_timeout_s: 10,
            audit_keep_days: 400,
            drain_s: 20,
        }
    }
}

impl GatewaySettings {
    pub(crate) fn tenant(&self) -> Name {
        self.tenant.clone().unwrap_or_else(|| Name::from_static("default"))
    }

    pub(crate) fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.head_timeout_s.clamp(1, 3_600))
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s.min(3_600))
    }
}
