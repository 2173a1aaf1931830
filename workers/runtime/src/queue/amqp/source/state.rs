//! The state of a source, and what its task does next.
//!
//! Only the task [`Source::run`](super::Source::run) opens and cancels broker consumers. [`State::todo`] says what to do from
//! what it finds; the first row that applies counts. "Free" is a broker consumer that waits for a message, "parked" a message
//! that came and that no call has taken yet.
//!
//! | a `Consumer` wants this queue | calls of `next` wait | found | `run` |
//! |---|---|---|---|
//! | no | | a free consumer | cancels it |
//! | no | | a parked message | hands it back |
//! | no | | a consumer whose cancellation is under way | sleeps until that has ended |
//! | no | | nothing | ends |
//! | yes | yes | nothing parked, and no free consumer (while steps are quick: fewer than calls) | opens a consumer |
//! | yes | yes | more free consumers than calls, the oldest for [`LINGER`] | cancels the oldest |
//! | yes | no | a free consumer, and no call for [`LINGER`] | cancels it |
//! | yes | no | a message parked for [`PARKED_LIMIT`] (for [`QUICK`] when there are several) | hands it back |
//! | yes | | anything else | sleeps until a row above becomes due, or until it is woken |

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use lapin::message::Delivery;
use tokio::{sync::Notify, time::Instant};

use super::{held::Held, lane::Lane};
use crate::queue::QueueError;

/// How long a consumer stays while nobody asks: whoever has settled a step asks for the next one within that time or is
/// busy for long.
pub(super) const LINGER: Duration = Duration::from_millis(200);
/// How long steps count as quick after one that was.
pub(super) const QUICK: Duration = Duration::from_secs(1);
/// How long a message may lie here before it is handed back to the others.
pub(super) const PARKED_LIMIT: Duration = Duration::from_secs(30);

/// A consumer as the broker knows it.
pub(super) struct BrokerConsumer {
    pub(super) lane: Arc<Lane>,
    /// Since when it waits for a message; none while its message is not settled.
    pub(super) free_since: Option<Instant>,
    /// When its last message came.
    pub(super) full_since: Instant,
}

pub(in crate::queue::amqp) struct Parked {
    pub(in crate::queue::amqp) held: Held,
    pub(in crate::queue::amqp) delivery: Delivery,
    pub(super) tag: u64,
    pub(super) since: Instant,
}

/// A call of `next` that waits for this queue, among others.
pub(super) struct Asker {
    pub(super) bell: Arc<Notify>,
    /// It has got a message and is about to return: no other is to be fetched for it.
    pub(super) served: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) broker_consumers: HashMap<u64, BrokerConsumer>,
    pub(super) next_tag: u64,
    /// The one that the broker was asked to begin.
    pub(super) opening: Option<u64>,
    pub(super) parked: VecDeque<Parked>,
    /// The broker's consumers that may still bring a message, those that are being cancelled too.
    pub(super) streams: usize,
    /// Consumers of the queue trait that want this queue.
    pub(super) consumers: usize,
    pub(super) askers: VecDeque<Asker>,
    pub(super) quiet_since: Option<Instant>,
    /// When a step was last done in no time.
    pub(super) quick_at: Option<Instant>,
    /// When `run` looks again of its own accord; none when it waits to be woken.
    pub(super) looks_at: Option<Instant>,
    pub(super) failing_since: Option<Instant>,
    pub(super) failure: Option<QueueError>,
}

impl State {
    /// A consumer that waits for a message.
    pub(super) fn free(&self) -> Option<u64> {
        self.broker_consumers.iter().find_map(|(tag, consumer)| consumer.free_since.map(|_| *tag))
    }

    /// Calls that no message is on its way to.
    pub(super) fn unserved(&self) -> usize {
        self.askers.iter().filter(|asker| !asker.served).count()
    }

    /// Wakes one call that waits, each in turn: there is something to look at.
    pub(super) fn ring(&mut self) {
        let waiting = self.askers.iter().position(|asker| !asker.served);
        if let Some(asker) = waiting.and_then(|at| self.askers.remove(at)) {
            asker.bell.notify_one();
            self.askers.push_back(asker);
        }
    }

    pub(super) fn ring_all(&self) {
        self.askers.iter().for_each(|asker| asker.bell.notify_one());
    }

    pub(super) fn served(&mut self, bell: &Arc<Notify>, served: bool) {
        if let Some(asker) = self.askers.iter_mut().find(|asker| Arc::ptr_eq(&asker.bell, bell)) {
            asker.served = served;
        }
    }

    /// Of consumers that wait beyond those that somebody asks for: one that has waited long, or else when to look again.
    pub(super) fn spare(&self, now: Instant) -> Option<(u64, Instant)> {
        let free =
            || self.broker_consumers.iter().filter_map(|(tag, consumer)| Some((consumer.free_since? + LINGER, *tag)));
        if free().count() <= self.unserved().max(1) {
            return None;
        }
        free().min().map(|(until, tag)| (tag, until.max(now)))
    }

    /// What is to be done next.
    pub(super) fn todo(&self, now: Instant) -> Todo {
        let free = self.free();
        if self.consumers == 0 {
            return match free {
                Some(tag) => Todo::Cancel(tag),
                None if !self.parked.is_empty() => Todo::HandBack,
                // A message that crosses the cancelling is to be handed back too.
                None if self.streams > 0 => Todo::Sleep(None),
                None => Todo::End,
            };
        }
        if !self.askers.is_empty() {
            let waiting = self.broker_consumers.values().filter(|consumer| consumer.free_since.is_some()).count();
            let quick = self.quick_at.is_some_and(|at| now - at < QUICK);
            let wanted = if quick { self.unserved() } else { self.unserved().min(1) };
            let missing = self.parked.is_empty() && waiting < wanted;
            return match self.spare(now) {
                _ if missing => Todo::Open,
                Some((tag, until)) if until <= now => Todo::Cancel(tag),
                spare => Todo::Sleep(spare.map(|(_, until)| until)),
            };
        }
        let quiet_until = self.quiet_since.map_or(now, |since| since + LINGER);
        if let Some(tag) = free.filter(|_| quiet_until <= now) {
            return Todo::Cancel(tag);
        }
        // Several lie here when steps that were quick are so no more.
        let limit = if self.parked.len() > 1 { QUICK } else { PARKED_LIMIT };
        let parked_until = self.parked.front().map(|parked| parked.since + limit);
        if parked_until.is_some_and(|until| until <= now) {
            return Todo::HandBack;
        }
        Todo::Sleep(free.map(|_| quiet_until).into_iter().chain(parked_until).min())
    }

    /// Drops a consumer and what came by it.
    pub(super) fn forget(&mut self, tag: u64) {
        self.broker_consumers.remove(&tag);
        self.parked.retain(|parked| parked.tag != tag);
    }
}

pub(super) enum Todo {
    Open,
    Cancel(u64),
    /// The message that lies here longest.
    HandBack,
    Sleep(Option<Instant>),
    End,
}
