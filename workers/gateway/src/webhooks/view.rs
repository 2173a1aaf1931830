//! Webhooks and deliveries as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    messages::EventType,
    records::{Delivery, DeliveryState, Try, Webhook},
};

/// An address that shall hear how jobs end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// `https:` to a public address; other networks only where the gateway's owner allows them.
    pub(super) url: String,
    #[serde(default)]
    pub(super) description: String,
    /// Which events it hears; all when left out.
    #[serde(default)]
    pub(super) events: Vec<EventType>,
}

/// What is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookChange {
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) events: Option<Vec<EventType>>,
    /// True also for one that was disabled because its receiver answered 410.
    #[serde(default)]
    pub(super) enabled: Option<bool>,
}

/// For how long the old secrets still sign.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateRequest {
    /// In seconds; a day when left out, 0 at once, at most 30 days.
    #[serde(default)]
    pub(super) keep_old_s: Option<u64>,
}

/// Which deliveries shall be tried again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayRequest {
    /// Of events since this Unix time in milliseconds; all when left out.
    #[serde(default)]
    pub(super) since_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Replayed {
    pub(super) replayed: usize,
}

/// A webhook, without its secrets.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(super) struct WebhookView {
    id: String,
    url: String,
    description: String,
    /// All when empty.
    events: Vec<EventType>,
    enabled: bool,
    /// Why it is not enabled, when nobody asked for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_by: Option<&'static str>,
    /// The secrets that sign, the newest first.
    secrets: Vec<SecretView>,
    created_ms: u64,
}

/// What may be known of a secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookSecretTimes")]
struct SecretView {
    created_ms: u64,
    /// Unix time after which it signs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_ms: Option<u64>,
}

impl WebhookView {
    pub(super) fn of(id: &str, webhook: &Webhook, gone: bool, now_ms: u64) -> Self {
        let holds = webhook.secrets.iter().filter(|secret| secret.holds(now_ms));
        let view = |secret: &super::signature::Secret| SecretView {
            created_ms: secret.created_ms,
            expires_ms: secret.expires_ms,
        };
        Self {
            id: id.to_owned(),
            url: webhook.url.clone(),
            description: webhook.description.clone(),
            events: webhook.events.clone(),
            enabled: webhook.enabled && !gone,
            disabled_by: gone.then_some("its receiver answered 410 Gone; PATCH it with enabled: true"),
            secrets: holds.map(view).collect(),
            created_ms: webhook.created_ms,
        }
    }
}

/// A webhook and a secret that was made just now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WebhookSecret {
    #[serde(flatten)]
    pub(super) webhook: WebhookView,
    /// Keep it: it is not shown again.
    pub(super) secret: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WebhookList {
    pub(super) data: Vec<WebhookView>,
}

/// A message to a webhook, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
pub(super) struct DeliveryView {
    id: String,
    /// The header `webhook-id` of all its tries.
    message_id: String,
    event: EventType,
    state: DeliveryState,
    /// How often it was tried.
    count: u32,
    /// The latest tries, the oldest first.
    tries: Vec<Try>,
    /// Unix time of the event.
    created_ms: u64,
    /// Unix time of the next try, while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_ms: Option<u64>,
    /// What is sent; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

impl DeliveryView {
    pub(super) fn of(id: &str, delivery: Delivery) -> Self {
        Self {
            id: id.to_owned(),
            message_id: delivery.message,
            event: delivery.event,
            state: delivery.state,
            count: delivery.count,
            tries: delivery.tries,
            created_ms: delivery.created_ms,
            next_ms: (delivery.state == DeliveryState::Pending).then_some(delivery.next_ms),
            body: serde_json::from_str(&delivery.body).ok(),
        }
    }

    /// As it stands in a list.
    pub(super) fn short(id: &str, delivery: Delivery) -> Self {
        Self { body: None, ..Self::of(id, delivery) }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeliveryPage {
    pub(super) data: Vec<DeliveryView>,
    /// Pass it as `cursor` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}
