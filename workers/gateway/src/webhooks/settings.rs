use medley_runtime::fetch::Network;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the owner of a machine sets of webhooks: the table `[gateway.webhooks]` of `medley.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// Networks (`10.20.0.0/16`, `127.0.0.1`) whose servers get messages although they are not public, over plain `http:` too.
    pub allow: Vec<Network>,
    /// What links in messages begin with, such as `https://medley.example.org`; they are paths when it is left out.
    pub public_url: String,
    /// Deliveries are shown, and can be replayed, for so many days.
    pub keep_days: u32,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { allow: Vec::new(), public_url: String::new(), keep_days: 30 }
    }
}
