//! One queue as this process takes from it: as many broker consumers of prefetch one as steps are held, plus one while a
//! call of [`Consumer::next`](crate::queue::Consumer::next) waits (one for each such call, while steps take no time). A
//! quorum queue counts its prefetch for each consumer, so no more can come than that: at most one message lies here that
//! nobody works on, or a few for a second.
//!
//! Each broker consumer has a channel of its own. The broker may send a message to a consumer that it has just been told to
//! cancel; the client drops such a message silently, and it would stay unsettled as long as its channel is open.
//!
//! [`state`] has a table of what `run` does next.
//!
//! # Example: a worker of two slots
//!
//! 1. The first slot calls `next`. No consumer is free: `run` opens consumer 1. The broker sends it message A; it is parked,
//!    the call is woken and takes it. Consumer 1 gets nothing more until A is settled.
//! 2. The second slot calls `next`: `run` opens consumer 2, which waits in vain. The queue is empty.
//! 3. A minute later A is done. Settling it would let the broker send consumer 1 another message, though consumer 2 waits
//!    already: [`Source::has_to_go`] says that consumer 1 is to be cancelled first.
//! 4. The first slot calls `next`, too. Consumer 2 is free and serves whichever of the two calls is woken first; when it has
//!    brought message B, one call is left, and `run` opens consumer 3 for it.
//! 5. The second call gets a message of another queue and ends. After [`LINGER`] without a call `run` cancels consumer 3; a
//!    message that crosses the cancellation is parked, and handed back after [`PARKED_LIMIT`](state::PARKED_LIMIT).

mod held;
mod lane;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    message::Delivery,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::{sync::Notify, time::Instant};

pub(super) use held::Held;
pub(super) use state::Parked;

use self::{
    lane::Lane,
    state::{Asker, BrokerConsumer, LINGER, State, Todo},
};
use super::{
    headers,
    link::{Link, backoff, classify},
    publisher::Publisher,
};
use crate::queue::QueueError;

/// How long a consumer that has got nothing counts as not having been answered yet.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_millis(15);
/// How long the broker may be away before calls end with an error.
const OUTAGE_LIMIT: Duration = Duration::from_secs(30);
/// How long the broker may take to declare a queue or begin a consumer.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Source {
    pub(super) queue: String,
    link: Arc<Link>,
    pub(super) publisher: Arc<Publisher>,
    state: Mutex<State>,
    /// Something for `run` to do.
    wake: Notify,
}

/// What a look at a source gives.
pub(super) enum Look {
    Took(Box<Parked>),
    /// Nothing waits in the queue, as far as can be known.
    Empty,
    /// The answer is under way.
    Unknown(Instant),
}

impl Source {
    pub(super) fn start(queue: String, link: Arc<Link>, publisher: Arc<Publisher>) -> Arc<Self> {
        let state = Mutex::new(State { consumers: 1, ..State::default() });
        let source = Arc::new(Self { queue, link, publisher, state, wake: Notify::new() });
        tokio::spawn(Arc::clone(&source).run());
        source
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more consumer, unless the source has ended.
    pub(super) fn join(&self) -> bool {
        let mut state = self.state();
        let alive = state.consumers > 0;
        state.consumers += usize::from(alive);
        alive
    }

    /// Wakes `run` where a change gives it something to do before it looks by itself: quick steps change much, and
    /// mostly back again.
    fn nudge(&self, state: MutexGuard<'_, State>) {
        let now = Instant::now();
        let due = match state.todo(now) {
            Todo::Sleep(until) => until,
            _ => Some(now),
        };
        let looks_at = state.looks_at;
        drop(state);
        if due.is_some_and(|due| looks_at.is_none_or(|looks_at| due < looks_at)) {
            self.wake.notify_one();
        }
    }

    pub(super) fn part(&self) {
        let mut state = self.state();
        state.consumers -= 1;
        self.nudge(state);
    }

    /// Until [`ask_no_more`](Self::ask_no_more) the bell rings when there is something to look at.
    pub(super) fn ask(&self, bell: &Arc<Notify>) {
        let mut state = self.state();
        state.askers.push_back(Asker { bell: Arc::clone(bell), served: false });
        state.quiet_since = None;
        self.nudge(state);
    }

    pub(super) fn ask_no_more(&self, bell: &Arc<Notify>) {
        let mut state = self.state();
        state.askers.retain(|asker| !Arc::ptr_eq(&asker.bell, bell));
        if state.askers.is_empty() {
            state.quiet_since = Some(Instant::now());
        } else if !state.parked.is_empty() {
            // It may have been woken for this one and have taken another.
            state.ring();
        }
        self.nudge(state);
    }

    /// The message that a call got was none that it can return.
    pub(super) fn ask_again(&self, bell: &Arc<Notify>) {
        let mut state = self.state();
        state.served(bell, false);
        self.nudge(state);
    }

    pub(super) fn look(&self, bell: &Arc<Notify>) -> Result<Look, QueueError> {
        let mut state = self.state();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        if let Some(parked) = state.parked.pop_front() {
            state.served(bell, true);
            // The next one may be asked for.
            self.nudge(state);
            return Ok(Look::Took(Box::new(parked)));
        }
        let fresh = state.broker_consumers.values().find_map(|consumer| Some(consumer.free_since? + ANSWER_LIMIT));
        Ok(match fresh {
            Some(until) if until > Instant::now() => Look::Unknown(until),
            Some(_) => Look::Empty,
            None if state.failing_since.is_some() => Look::Empty,
            None => Look::Unknown(Instant::now() + ANSWER_LIMIT),
        })
    }

    async fn run(self: Arc<Self>) {
        let mut attempt = 0;
        loop {
            match self.next_todo() {
                Todo::End => return,
                Todo::Sleep(until) => {
                    let woken = self.wake.notified();
                    match until {
                        Some(until) => drop(tokio::time::timeout_at(until, woken).await),
                        None => woken.await,
                    }
                }
                Todo::Cancel(tag) => self.cancel(tag).await,
                Todo::HandBack => self.hand_back().await,
                Todo::Open => match tokio::time::timeout(OPEN_LIMIT, self.open()).await {
                    Ok(Ok(())) => {
                        attempt = 0;
                        self.state().failing_since = None;
                    }
                    Ok(Err(error)) => self.failed(error, &mut attempt).await,
                    Err(_) => {
                        self.give_up_opening();
                        let error = QueueError::Unavailable("the broker did not answer in time".into(), None);
                        self.failed(error, &mut attempt).await;
                    }
                },
            }
        }
    }

    /// What is to be done, and a note of when that is asked again.
    fn next_todo(&self) -> Todo {
        let mut state = self.state();
        let now = Instant::now();
        let todo = state.todo(now);
        state.looks_at = match todo {
            Todo::Sleep(until) => until,
            // As soon as that is done.
            _ => Some(now),
        };
        todo
    }

    /// Begins one consumer.
    async fn open(self: &Arc<Self>) -> Result<(), QueueError> {
        let lane = Arc::new(self.open_lane().await?);
        let tag = {
            let mut state = self.state();
            state.next_tag += 1;
            let (tag, now) = (state.next_tag, Instant::now());
            state.opening = Some(tag);
            // A message may come before the answer does.
            state
                .broker_consumers
                .insert(tag, BrokerConsumer { lane: Arc::clone(&lane), free_since: Some(now), full_since: now });
            tag
        };
        let begun = lane.channel.basic_consume(
            self.queue.as_str().into(),
            tag.to_string().into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        match begun.await {
            Ok(consumer) => {
                let mut state = self.state();
                // The broker knows of the consumer only now: so long it could not answer.
                if let Some(BrokerConsumer { free_since: Some(since), .. }) = state.broker_consumers.get_mut(&tag) {
                    *since = Instant::now();
                }
                state.opening = None;
                state.streams += 1;
                drop(state);
                tokio::spawn(Arc::clone(self).forward(consumer, lane, tag));
                Ok(())
            }
            Err(error) => {
                self.give_up_opening();
                // The queue may have been deleted.
                self.publisher.forget_lane().await;
                Err(classify(error))
            }
        }
    }

    /// Its channel closes with it, whatever the broker makes of the request.
    fn give_up_opening(&self) {
        let mut state = self.state();
        if let Some(tag) = state.opening.take() {
            state.forget(tag);
        }
    }

    async fn open_lane(&self) -> Result<Lane, QueueError> {
        self.publisher.declare(&self.queue).await?;
        let connection = self.link.connection().await?;
        let channel = connection.create_channel().await.map_err(classify)?;
        channel.basic_qos(1, BasicQosOptions { global: false }).await.map_err(classify)?;
        Ok(Lane { _connection: connection, channel })
    }

    /// Takes what the broker sends to one consumer, until it is cancelled or its channel breaks.
    async fn forward(self: Arc<Self>, mut consumer: lapin::Consumer, lane: Arc<Lane>, tag: u64) {
        while let Some(delivery) = consumer.next().await {
            match delivery {
                Ok(delivery) => {
                    let held = Held::new(Arc::clone(&self), Arc::clone(&lane), &delivery, tag);
                    let mut state = self.state();
                    // One that crosses the cancelling of its consumer is not in the table any more and is handed back.
                    if let Some(consumer) = state.broker_consumers.get_mut(&tag) {
                        consumer.free_since = None;
                        consumer.full_since = Instant::now();
                    }
                    state.parked.push_back(Parked { held, delivery, tag, since: Instant::now() });
                    state.ring();
                    self.nudge(state);
                }
                Err(error) => tracing::debug!(%error, queue = self.queue, "a consumer broke"),
            }
        }
        let mut state = self.state();
        state.streams -= 1;
        if lane.channel.status().connected() {
            // Cancelled, by us or because the queue was deleted.
            state.broker_consumers.remove(&tag);
        } else {
            // The broker gives what it had delivered to others.
            state.forget(tag);
        }
        self.nudge(state);
    }

    async fn cancel(&self, tag: u64) {
        let consumer = self.state().broker_consumers.remove(&tag);
        if let Some(BrokerConsumer { lane, .. }) = consumer {
            let _ = lane.channel.basic_cancel(tag.to_string().into(), BasicCancelOptions::default()).await;
        }
    }

    async fn hand_back(&self) {
        let Some(Parked { held, delivery, .. }) = self.take_parked() else { return };
        let again = headers::republished(&self.queue, &delivery);
        let done = async {
            self.publisher.publish(vec![again]).await?;
            held.ack().await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, queue = self.queue, "a message could not be handed back");
        }
    }

    fn take_parked(&self) -> Option<Parked> {
        self.state().parked.pop_front()
    }

    async fn failed(&self, error: QueueError, attempt: &mut u32) {
        let pause = {
            let mut state = self.state();
            let since = *state.failing_since.get_or_insert_with(Instant::now);
            let refused = !matches!(error, QueueError::Unavailable(..));
            if refused || since.elapsed() >= OUTAGE_LIMIT {
                state.failure = Some(error);
            } else {
                tracing::debug!(%error, queue = self.queue, "the broker is away");
            }
            backoff(*attempt)
        };
        *attempt += 1;
        self.state().ring_all();
        tokio::time::sleep(pause).await;
    }

    /// Before a message is settled: whether its consumer has to be cancelled first, since the settling lets the next
    /// message come.
    pub(super) fn has_to_go(&self, tag: u64) -> bool {
        let mut state = self.state();
        let alone = state.free().is_none() && state.parked.is_empty();
        let wanted = state.consumers > 0;
        let goes = match state.broker_consumers.get_mut(&tag) {
            // Steps that are done in no time keep all their consumers: what lies here meanwhile does not lie long.
            Some(consumer) if wanted && (alone || consumer.full_since.elapsed() < LINGER) => {
                let now = Instant::now();
                consumer.free_since = Some(now);
                if now - consumer.full_since < LINGER {
                    state.quick_at = Some(now);
                }
                if state.askers.is_empty() {
                    state.quiet_since = Some(Instant::now());
                }
                false
            }
            Some(_) => state.broker_consumers.remove(&tag).is_some(),
            None => false,
        };
        self.nudge(state);
        goes
    }

    /// Before a message is published again for others: the same, unless somebody here asks for one.
    pub(super) fn steps_aside(&self, tag: u64) -> bool {
        let mut state = self.state();
        state.askers.is_empty() && state.broker_consumers.remove(&tag).is_some()
    }

    /// Puts a message that no build can read where a person finds it.
    pub(super) fn put_aside(&self, delivery: &Delivery, reason: &str) -> super::publisher::Outgoing {
        let mut aside = headers::republished(&self.queue, delivery);
        headers::put_aside(&mut aside, reason);
        aside
    }
}
