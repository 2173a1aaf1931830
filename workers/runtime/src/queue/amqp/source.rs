//! One queue as this process takes from it: as many consumers of prefetch one as steps are held, plus one while somebody
//! asks (one for each who asks, while steps take no time). A quorum queue counts its prefetch for each consumer, so no more
//! can come than that: at most one message lies here that nobody works on, or a few for a second.
//!
//! Each consumer has a channel of its own. The broker may send a message to a consumer that it has just told to be
//! cancelled; the client drops such a one without a word, and it would stay unsettled as long as its channel is open.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::{sync::Notify, time::Instant};

use crate::queue::QueueError;

use super::{
    link::{Link, backoff, classify},
    publisher::Publisher,
    token::{self, Held},
};

/// How long a consumer stays while nobody asks: whoever has settled a step asks for the next one within that time or is
/// busy for long.
const LINGER: Duration = Duration::from_millis(200);
/// How long steps count as quick after one that was.
const QUICK: Duration = Duration::from_secs(1);
/// How long a message may lie here before it is handed back to the others.
const PARKED_LIMIT: Duration = Duration::from_secs(30);
/// How long a consumer that has got nothing counts as not having been answered yet.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_millis(15);
/// How long the broker may be away before those who ask are told.
const OUTAGE_LIMIT: Duration = Duration::from_secs(30);
/// How long the broker may take to declare a queue or begin a consumer.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// An open channel; it closes when nobody keeps it. Deliveries do, since they can be settled nowhere else.
pub(super) struct Lane {
    _connection: Arc<Connection>,
    pub(super) channel: Channel,
}

/// A consumer as the broker knows it.
struct Taker {
    lane: Arc<Lane>,
    /// Since when it waits for a message; none while its message is not settled.
    free_since: Option<Instant>,
    /// When its last message came.
    full_since: Instant,
}

pub(super) struct Parked {
    pub(super) held: Held,
    pub(super) delivery: Delivery,
    tag: u64,
    since: Instant,
}

/// A call of `next` that waits for this queue, among others.
struct Asker {
    bell: Arc<Notify>,
    /// It has got a message and is about to return: no other is to be fetched for it.
    served: bool,
}

#[derive(Default)]
struct State {
    takers: HashMap<u64, Taker>,
    next_tag: u64,
    /// The taker whose consumer the broker was asked to begin.
    opening: Option<u64>,
    parked: VecDeque<Parked>,
    /// The broker's consumers that may still bring a message, those that are being cancelled too.
    streams: usize,
    /// Consumers of the queue trait that want this queue.
    consumers: usize,
    askers: VecDeque<Asker>,
    quiet_since: Option<Instant>,
    /// When a step was last done in no time.
    quick_at: Option<Instant>,
    /// When `run` looks again of its own accord; none when it waits to be woken.
    looks_at: Option<Instant>,
    failing_since: Option<Instant>,
    failure: Option<QueueError>,
}

pub(super) struct Source {
    pub(super) queue: String,
    link: Arc<Link>,
    pub(super) publisher: Arc<Publisher>,
    state: Mutex<State>,
    /// Something for `run` to do.
    wake: Notify,
}

impl State {
    /// A consumer that waits for a message.
    fn free(&self) -> Option<u64> {
        self.takers.iter().find_map(|(tag, taker)| taker.free_since.map(|_| *tag))
    }

    /// Calls that no message is on its way to.
    fn unserved(&self) -> usize {
        self.askers.iter().filter(|asker| !asker.served).count()
    }

    /// Wakes one call that waits, each in turn: there is something to look at.
    fn ring(&mut self) {
        let waiting = self.askers.iter().position(|asker| !asker.served);
        if let Some(asker) = waiting.and_then(|at| self.askers.remove(at)) {
            asker.bell.notify_one();
            self.askers.push_back(asker);
        }
    }

    fn ring_all(&self) {
        self.askers.iter().for_each(|asker| asker.bell.notify_one());
    }

    fn served(&mut self, bell: &Arc<Notify>, served: bool) {
        if let Some(asker) = self.askers.iter_mut().find(|asker| Arc::ptr_eq(&asker.bell, bell)) {
            asker.served = served;
        }
    }

    /// Of consumers that wait beyond those that somebody asks for: one that has waited long, or else when to look again.
    fn spare(&self, now: Instant) -> Option<(u64, Instant)> {
        let free = || self.takers.iter().filter_map(|(tag, taker)| Some((taker.free_since? + LINGER, *tag)));
        if free().count() <= self.unserved().max(1) {
            return None;
        }
        free().min().map(|(until, tag)| (tag, until.max(now)))
    }

    /// What is to be done next.
    fn todo(&self, now: Instant) -> Todo {
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
            let waiting = self.takers.values().filter(|taker| taker.free_since.is_some()).count();
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
    fn forget(&mut self, tag: u64) {
        self.takers.remove(&tag);
        self.parked.retain(|parked| parked.tag != tag);
    }
}

enum Todo {
    Open,
    Cancel(u64),
    /// The message that lies here longest.
    HandBack,
    Sleep(Option<Instant>),
    End,
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
        let fresh = state.takers.values().find_map(|taker| Some(taker.free_since? + ANSWER_LIMIT));
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
            state.takers.insert(tag, Taker { lane: Arc::clone(&lane), free_since: Some(now), full_since: now });
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
                if let Some(Taker { free_since: Some(since), .. }) = state.takers.get_mut(&tag) {
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
                    // One that crosses the cancelling of its consumer has no taker any more and is handed back.
                    if let Some(taker) = state.takers.get_mut(&tag) {
                        taker.free_since = None;
                        taker.full_since = Instant::now();
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
            state.takers.remove(&tag);
        } else {
            // The broker gives what it had delivered to others.
            state.forget(tag);
        }
        self.nudge(state);
    }

    async fn cancel(&self, tag: u64) {
        let taker = self.state().takers.remove(&tag);
        if let Some(Taker { lane, .. }) = taker {
            let _ = lane.channel.basic_cancel(tag.to_string().into(), BasicCancelOptions::default()).await;
        }
    }

    async fn hand_back(&self) {
        let Some(Parked { held, delivery, .. }) = self.take_parked() else { return };
        let again = token::republished(&self.queue, &delivery);
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
        let goes = match state.takers.get_mut(&tag) {
            // Steps that are done in no time keep all their consumers: what lies here meanwhile does not lie long.
            Some(taker) if wanted && (alone || taker.full_since.elapsed() < LINGER) => {
                let now = Instant::now();
                taker.free_since = Some(now);
                if now - taker.full_since < LINGER {
                    state.quick_at = Some(now);
                }
                if state.askers.is_empty() {
                    state.quiet_since = Some(Instant::now());
                }
                false
            }
            Some(_) => state.takers.remove(&tag).is_some(),
            None => false,
        };
        self.nudge(state);
        goes
    }

    /// Before a message is published again for others: the same, unless somebody here asks for one.
    pub(super) fn steps_aside(&self, tag: u64) -> bool {
        let mut state = self.state();
        state.askers.is_empty() && state.takers.remove(&tag).is_some()
    }

    /// Puts a message that no build can read where a person finds it.
    pub(super) fn put_aside(&self, delivery: &Delivery, reason: &str) -> super::publisher::Outgoing {
        let mut aside = token::republished(&self.queue, delivery);
        token::put_aside(&mut aside, reason);
        aside
    }
}
