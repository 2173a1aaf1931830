//! What is remembered of webhooks, in the gateway's records
//! (docs/decisions/0092-webhooks-claim-their-tries.md). Of each record it says who writes it:
//!
//! | record | what | who writes it |
//! |---|---|---|
//! | `webhooks/<webhook>` | address, events, secrets | requests of its tenant |
//! | `webhooks-gone/<webhook>` | its receiver answered 410 | couriers, alike |
//! | `deliveries/<webhook>/<delivery>` | a message, and how its tries ended | whoever made it, alike; then who has the claim |
//! | `deliveries-due/<time>-<webhook>-<delivery>` | that it is tried then | the same |
//! | `deliveries-claimed/<webhook>/<delivery>/<try>` | which gateway makes this try | that gateway |

use bytes::Bytes;
use medley_proto::Name;
use medley_runtime::{
    Error,
    records::{self, RecordKey, Records},
    store::StoreError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{messages::EventType, signature::Secret};

/// Times are inverted against the largest number of 13 digits, so that listings show the newest first.
const NEWEST_FIRST: u64 = 9_999_999_999_999;
/// How many records are read at once.
pub(super) const PAGE: usize = 200;
/// The latest tries that a delivery tells of.
const MAX_TRIES_TOLD: usize = 30;

/// A receiver of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Webhook {
    pub(super) url: String,
    #[serde(default)]
    pub(super) description: String,
    /// All when empty.
    #[serde(default)]
    pub(super) events: Vec<EventType>,
    pub(super) enabled: bool,
    /// The newest first.
    pub(super) secrets: Vec<Secret>,
    pub(super) created_ms: u64,
}

impl Webhook {
    pub(super) fn wants(&self, event: EventType) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&event))
    }
}

/// A message to one receiver, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delivery {
    /// `webhook-id`: the same in every try, by which a receiver knows a message that it has.
    pub(super) message: String,
    pub(super) event: EventType,
    pub(super) body: String,
    pub(super) state: DeliveryState,
    /// Tries since it was made, or was last replayed.
    pub(super) failed: u32,
    /// All tries ever.
    pub(super) count: u32,
    /// The latest tries, the oldest first.
    pub(super) tries: Vec<Try>,
    pub(super) created_ms: u64,
    /// When it is tried, while it is pending.
    pub(super) next_ms: u64,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryState {
    /// It is tried, or tried again.
    Pending,
    /// The receiver answered with 2xx.
    Delivered,
    /// It is not tried any more, unless it is replayed.
    Failed,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookTry")]
pub(super) struct Try {
    /// Unix time when it began.
    pub(super) at_ms: u64,
    /// What the receiver answered; left out when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
    pub(super) took_ms: u64,
}

impl Delivery {
    /// Notes a try; what the delivery comes to by it is for the caller to say.
    pub(super) fn note(&mut self, tried: Try) {
        self.count = self.count.saturating_add(1);
        self.tries.push(tried);
        let surplus = self.tries.len().saturating_sub(MAX_TRIES_TOLD);
        self.tries.drain(..surplus);
    }

    /// Begins its tries anew.
    pub(super) fn replay(&mut self, now_ms: u64) {
        (self.state, self.failed, self.next_ms) = (DeliveryState::Pending, 0, now_ms);
    }
}

/// Names a delivery among those of its webhook: by the time of what happened, the newest first.
pub(super) fn delivery_id(at_ms: u64, what: &str) -> String {
    format!("{:013}-{what}", NEWEST_FIRST.saturating_sub(at_ms))
}

/// A record of `deliveries-due/`, all in its name: a look at what is due reads no body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Due {
    pub(super) webhook: String,
    pub(super) delivery: String,
    pub(super) next_ms: u64,
}

impl Due {
    fn name(&self) -> String {
        format!("{:013}-{}-{}", self.next_ms, self.webhook, self.delivery)
    }

    fn of(name: &str) -> Option<Self> {
        let (next_ms, rest) = name.split_once('-')?;
        let (webhook, delivery) = rest.split_once('-')?;
        Some(Self { webhook: webhook.into(), delivery: delivery.into(), next_ms: next_ms.parse().ok()? })
    }
}

/// The body of `deliveries-claimed/…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) gateway: String,
    pub(super) at_ms: u64,
}

/// The records of one tenant's webhooks.
#[derive(Clone, Copy)]
pub(super) struct Book<'a> {
    pub(super) records: &'a dyn Records,
    pub(super) tenant: &'a Name,
}

type Key = Result<RecordKey, StoreError>;

impl Book<'_> {
    fn key<const N: usize>(&self, below: [&str; N]) -> Key {
        RecordKey::of(self.tenant, below)
    }

    pub(super) async fn webhook(&self, id: &str) -> Result<Option<Webhook>, Error> {
        records::read(self.records, &self.key(["webhooks", id])?).await
    }

    pub(super) async fn put_webhook(&self, id: &str, webhook: &Webhook) -> Result<(), Error> {
        records::write(self.records, &self.key(["webhooks", id])?, webhook).await
    }

    /// All of them: their number has a limit.
    pub(super) async fn webhooks(&self) -> Result<Vec<(String, Webhook)>, Error> {
        let (below, mut all, mut after) = (self.key(["webhooks"])?, Vec::new(), None::<String>);
        loop {
            let page = self.records.read_below(&below, after.as_deref(), PAGE).await?;
            for (key, body) in &page.records {
                match records::parse(key, body) {
                    Ok(webhook) => all.push((key.name().to_owned(), webhook)),
                    Err(error) => tracing::error!(%error, "a webhook is passed over"),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn is_gone(&self, id: &str) -> Result<bool, Error> {
        Ok(self.records.get(&self.key(["webhooks-gone", id])?).await?.is_some())
    }

    pub(super) async fn set_gone(&self, id: &str, gone: bool) -> Result<(), Error> {
        let key = self.key(["webhooks-gone", id])?;
        if gone {
            return Ok(self.records.put(&key, Bytes::from_static(b"{}")).await?);
        }
        Ok(self.records.delete(&key).await?)
    }

    /// Removes a webhook and what was to be delivered to it, the webhook last.
    pub(super) async fn remove(&self, id: &str) -> Result<(), Error> {
        self.remove_deliveries(id, None).await?;
        self.set_gone(id, false).await?;
        Ok(self.records.delete(&self.key(["webhooks", id])?).await?)
    }

    /// Removes the deliveries whose events are older than a time, or all.
    pub(super) async fn remove_deliveries(&self, webhook: &str, older_than_ms: Option<u64>) -> Result<(), Error> {
        let below = self.key(["deliveries", webhook])?;
        let mut after = older_than_ms.map(|ms| format!("{below}/{}", delivery_id(ms, "")));
        loop {
            let page = self.records.keys_below(&below, after.as_deref(), PAGE).await?;
            for key in &page.keys {
                // What is due of it is found to be stale.
                self.remove_claims(webhook, key.name()).await?;
                self.records.delete(key).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) async fn delivery(&self, webhook: &str, id: &str) -> Result<Option<Delivery>, Error> {
        records::read(self.records, &self.key(["deliveries", webhook, id])?).await
    }

    /// Deliveries of a webhook, the newest first, behind the delivery `after`.
    pub(super) async fn deliveries(
        &self,
        webhook: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(String, Delivery)>, Option<String>), Error> {
        let below = self.key(["deliveries", webhook])?;
        let after = after.map(|after| below.join(after)).transpose()?;
        let page = self.records.read_below(&below, after.as_ref().map(RecordKey::as_str), limit).await?;
        let read = |(key, body): &(RecordKey, Bytes)| match records::parse(key, body) {
            Ok(delivery) => Some((key.name().to_owned(), delivery)),
            Err(error) => {
                tracing::error!(%error, "a delivery is passed over");
                None
            }
        };
        let next = page.next.and_then(|next| next.rsplit('/').next().map(str::to_owned));
        Ok((page.records.iter().filter_map(read).collect(), next))
    }

    /// Makes a delivery unless it is there, and sees to it that it is tried.
    pub(super) async fn make(&self, webhook: &str, id: &str, delivery: &Delivery) -> Result<(), Error> {
        let key = self.key(["deliveries", webhook, id])?;
        let next_ms = if records::write_new(self.records, &key, delivery).await? {
            delivery.next_ms
        } else {
            match self.delivery(webhook, id).await? {
                Some(stands) if stands.state == DeliveryState::Pending => stands.next_ms,
                _ => return Ok(()),
            }
        };
        self.set_due(&Due { webhook: webhook.into(), delivery: id.into(), next_ms }).await
    }

    /// Writes a delivery down, and when it is tried next.
    pub(super) async fn put_delivery(&self, webhook: &str, id: &str, delivery: &Delivery) -> Result<(), Error> {
        let due = Due { webhook: webhook.into(), delivery: id.into(), next_ms: delivery.next_ms };
        if delivery.state == DeliveryState::Pending {
            // Before the delivery says so: what is due too early is found to be stale, what is due never would be lost.
            self.set_due(&due).await?;
        }
        records::write(self.records, &self.key(["deliveries", webhook, id])?, delivery).await?;
        if delivery.state != DeliveryState::Pending {
            self.remove_claims(webhook, id).await?;
        }
        Ok(())
    }

    fn due_key(&self, due: &Due) -> Key {
        self.key(["deliveries-due", &due.name()])
    }

    async fn set_due(&self, due: &Due) -> Result<(), Error> {
        Ok(self.records.put(&self.due_key(due)?, Bytes::from_static(b"{}")).await?)
    }

    pub(super) async fn clear_due(&self, due: &Due) -> Result<(), Error> {
        Ok(self.records.delete(&self.due_key(due)?).await?)
    }

    /// What is due, the longest due first, behind the key `after`; also what is due later, up to a page.
    pub(super) async fn due(&self, after: Option<&str>) -> Result<(Vec<Due>, Option<String>), Error> {
        let page = self.records.keys_below(&self.key(["deliveries-due"])?, after, PAGE).await?;
        Ok((page.keys.iter().filter_map(|key| Due::of(key.name())).collect(), page.next))
    }

    fn claim_key(&self, due: &Due, number: u32) -> Key {
        self.key(["deliveries-claimed", &due.webhook, &due.delivery, &format!("{number:06}")])
    }

    /// Claims a try; the claim that stands when it is another gateway's.
    pub(super) async fn claim(&self, due: &Due, number: u32, claim: &Claim) -> Result<Option<Claim>, Error> {
        let key = self.claim_key(due, number)?;
        if records::write_new(self.records, &key, claim).await? {
            return Ok(None);
        }
        records::read(self.records, &key).await
    }

    async fn remove_claims(&self, webhook: &str, delivery: &str) -> Result<(), Error> {
        let below = self.key(["deliveries-claimed", webhook, delivery])?;
        let mut after: Option<String> = None;
        loop {
            let page = self.records.keys_below(&below, after.as_deref(), PAGE).await?;
            for key in &page.keys {
                self.records.delete(key).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_delivery_is_all_in_its_name() {
        let due = Due { webhook: "01JD".into(), delivery: delivery_id(7, "01JE"), next_ms: 5 };
        assert_eq!(Due::of(&due.name()), Some(due.clone()));
        assert!(due.name() < Due { next_ms: 1_764_000_000_000, ..due }.name());
        assert!(delivery_id(8, "a") < delivery_id(7, "b"), "the newest first");
    }

    #[test]
    fn a_delivery_tells_of_its_latest_tries() {
        let mut delivery = Delivery {
            message: "msg".into(),
            event: EventType::Test,
            body: String::new(),
            state: DeliveryState::Failed,
            failed: 9,
            count: 0,
            tries: Vec::new(),
            created_ms: 0,
            next_ms: 0,
        };
        for at_ms in 0..40 {
            delivery.note(Try { at_ms, status: Some(500), problem: None, took_ms: 1 });
        }
        assert_eq!((delivery.count, delivery.tries.len(), delivery.tries[0].at_ms), (40, MAX_TRIES_TOLD, 10));
        delivery.replay(99);
        assert_eq!((delivery.state, delivery.failed, delivery.next_ms), (DeliveryState::Pending, 0, 99));
    }
}
