//! What webhooks need of this process: the sender, and who is on the way to whom.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use medley_proto::Name;
use medley_runtime::fetch::{HttpsSender, SendPolicy};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{records::Due, settings::WebhookSettings};

/// How long a receiver may take; the standard asks for 15 to 30 s.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
/// How many messages are on their way at once, and how many of these to one webhook.
const AT_ONCE: usize = 16;
const AT_ONCE_EACH: usize = 4;

/// What webhooks need of this process.
pub(crate) struct Webhooks {
    pub(super) sender: HttpsSender,
    /// Tells the courier that there is something to do.
    pub(super) wake: Notify,
    /// Names this process in claims.
    pub(super) gateway: String,
    pub(super) room: Arc<Semaphore>,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    due: HashSet<(Name, Due)>,
    each: HashMap<String, usize>,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl Webhooks {
    pub(crate) fn new(settings: &WebhookSettings) -> Self {
        Self {
            sender: HttpsSender::new(SendPolicy { allow: settings.allow.clone(), timeout: TIMEOUT }),
            wake: Notify::new(),
            gateway: ulid::Ulid::generate().to_string(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: Mutex::default(),
        }
    }

    /// Room for a try, unless it is under way already or its webhook has its share.
    pub(super) fn enter(&self, of: &Name, due: &Due) -> Option<OwnedSemaphorePermit> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.due.contains(&(of.clone(), due.clone())) {
            return None;
        }
        if under_way.each.get(&due.webhook).is_some_and(|count| *count >= AT_ONCE_EACH) {
            return None;
        }
        let permit = self.room.clone().try_acquire_owned().ok()?;
        under_way.due.insert((of.clone(), due.clone()));
        *under_way.each.entry(due.webhook.clone()).or_default() += 1;
        Some(permit)
    }

    pub(super) fn leave(&self, of: &Name, due: &Due) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.due.remove(&(of.clone(), due.clone()));
        if let Some(count) = under_way.each.get_mut(&due.webhook) {
            *count -= 1;
            if *count == 0 {
                under_way.each.remove(&due.webhook);
            }
        }
        // There is room, and the delivery may be due again soon.
        self.wake.notify_one();
    }
}
