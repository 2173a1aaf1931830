//! One queue as this process takes from it: a channel of its own, and as many consumers of prefetch one as steps are held,
//! plus one while somebody asks. A quorum queue counts its prefetch for each consumer, so no more can come than that: at most
//! one message lies here that nobody works on, and not for long.

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
use medley_step::QueueError;
use tokio::{sync::Notify, time::Instant};

use super::{
    link::{Link, backoff, classify},
    publisher::Publisher,
    token::{self, Held},
    topology::Topology,
};
use crate::queue::{DEAD, UNREADABLE};

/// How long a consumer stays while nobody asks: whoever has settled a step asks for the next one within that time or is
/// busy for long.
const LINGER: Duration = Duration::from_millis(200);
/// How long a message may lie here before it is handed back to the others.
const PARKED_LIMIT: Duration = Duration::from_secs(30);
/// How long a consumer that has got nothing counts as not having been answered yet.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_millis(15);
/// How long the broker may be away before those who ask are told.
const OUTAGE_LIMIT: Duration = Duration::from_secs(30);
/// How long the broker may take to declare a queue or begin a consumer.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// An open channel. Deliveries keep it, since they can be settled nowhere else.
pub(super) struct Lane {
    _connection: Arc<Connection>,
    pub(super) channel: Channel,
}

enum Tag {
    /// Waits for a message since then.
    Free(Instant),
    /// Its message is not settled.
    Full,
}

pub(super) struct Parked {
    pub(super) held: Held,
    pub(super) delivery: Delivery,
    since: Instant,
}

#[derive(Default)]
struct State {
    lane: Option<Arc<Lane>>,
    /// Counts the lanes: what came by an older one is no longer ours.
    epoch: u64,
    tags: HashMap<u64, Tag>,
    next_tag: u64,
    parked: VecDeque<Parked>,
    /// Consumers of the queue trait that want this queue.
    consumers: usize,
    /// Calls of `next` that wait for it.
    asking: usize,
    quiet_since: Option<Instant>,
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
    /// Something for those who ask to look at; shared by all sources of the process.
    pub(super) arrived: Arc<Notify>,
}

enum Todo {
    Open,
    Cancel(u64),
    HandBack(Box<Parked>),
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
    pub(super) fn start(queue: String, link: Arc<Link>, publisher: Arc<Publisher>, arrived: Arc<Notify>) -> Arc<Self> {
        let state = Mutex::new(State { consumers: 1, ..State::default() });
        let source = Arc::new(Self { queue, link, publisher, state, wake: Notify::new(), arrived });
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

    pub(super) fn part(&self) {
        self.state().consumers -= 1;
        self.wake.notify_one();
    }

    pub(super) fn ask(&self) {
        let mut state = self.state();
        state.asking += 1;
        state.quiet_since = None;
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn ask_no_more(&self) {
        let mut state = self.state();
        state.asking -= 1;
        if state.asking == 0 {
            state.quiet_since = Some(Instant::now());
            self.wake.notify_one();
        }
    }

    pub(super) fn look(&self) -> Result<Look, QueueError> {
        let mut state = self.state();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        if let Some(parked) = state.parked.pop_front() {
            // The next one may be asked for.
            self.wake.notify_one();
            return Ok(Look::Took(Box::new(parked)));
        }
        let fresh = state.tags.values().find_map(|tag| match tag {
            Tag::Free(since) => Some(*since + ANSWER_LIMIT),
            Tag::Full => None,
        });
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
            match self.todo() {
                Todo::End => return,
                Todo::Sleep(until) => {
                    let woken = self.wake.notified();
                    match until {
                        Some(until) => drop(tokio::time::timeout_at(until, woken).await),
                        None => woken.await,
                    }
                }
                Todo::Cancel(tag) => self.cancel(tag).await,
                Todo::HandBack(parked) => self.hand_back(*parked).await,
                Todo::Open => match tokio::time::timeout(OPEN_LIMIT, self.open()).await {
                    Ok(Ok(())) => {
                        attempt = 0;
                        self.state().failing_since = None;
                    }
                    Ok(Err(error)) => self.failed(error, &mut attempt).await,
                    Err(_) => {
                        let error = QueueError::Unavailable("the broker did not answer in time".into(), None);
                        self.failed(error, &mut attempt).await;
                    }
                },
            }
        }
    }

    fn todo(&self) -> Todo {
        let mut state = self.state();
        let now = Instant::now();
        let free = state.tags.iter().find_map(|(tag, it)| matches!(it, Tag::Free(_)).then_some(*tag));
        if state.consumers == 0 {
            return match free {
                Some(tag) => Todo::Cancel(tag),
                None => state.parked.pop_front().map_or(Todo::End, |parked| Todo::HandBack(Box::new(parked))),
            };
        }
        if state.asking > 0 {
            return if free.is_none() && state.parked.is_empty() { Todo::Open } else { Todo::Sleep(None) };
        }
        let quiet_until = state.quiet_since.map_or(now, |since| since + LINGER);
        if let Some(tag) = free.filter(|_| quiet_until <= now) {
            return Todo::Cancel(tag);
        }
        let parked_until = state.parked.front().map(|parked| parked.since + PARKED_LIMIT);
        if parked_until.is_some_and(|until| until <= now) {
            let parked = state.parked.pop_front().expect("a message was seen there");
            return Todo::HandBack(Box::new(parked));
        }
        Todo::Sleep(free.map(|_| quiet_until).into_iter().chain(parked_until).min())
    }

    /// Opens what is missing and begins one consumer.
    async fn open(self: &Arc<Self>) -> Result<(), QueueError> {
        let current = self.state().lane.clone().filter(|lane| lane.channel.status().connected());
        let lane = match current {
            Some(lane) => lane,
            None => self.open_lane().await?,
        };
        let (tag, epoch) = {
            let mut state = self.state();
            state.next_tag += 1;
            (state.next_tag, state.epoch)
        };
        // A message may come before the answer does.
        self.state().tags.insert(tag, Tag::Free(Instant::now()));
        let begun = lane
            .channel
            .basic_consume(
                self.queue.as_str().into(),
                tag.to_string().into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await;
        match begun {
            Ok(consumer) => {
                self.restart_clock(tag);
                tokio::spawn(Arc::clone(self).forward(consumer, Arc::clone(&lane), tag, epoch));
                Ok(())
            }
            Err(error) => {
                self.close_lane(epoch);
                Err(classify(error))
            }
        }
    }

    /// The broker knows of the consumer only now: so long it could not answer.
    fn restart_clock(&self, tag: u64) {
        if let Some(Tag::Free(since)) = self.state().tags.get_mut(&tag) {
            *since = Instant::now();
        }
    }

    async fn open_lane(&self) -> Result<Arc<Lane>, QueueError> {
        let connection = self.link.connection().await?;
        let channel = connection.create_channel().await.map_err(classify)?;
        let topology = if self.queue == DEAD { Topology::common() } else { Topology::of_steps(&self.queue) };
        if self.queue != DEAD {
            Topology::common().declare(&channel).await.map_err(classify)?;
        }
        topology.declare(&channel).await.map_err(classify)?;
        channel.basic_qos(1, BasicQosOptions { global: false }).await.map_err(classify)?;
        let lane = Arc::new(Lane { _connection: connection, channel });
        let mut state = self.state();
        state.epoch += 1;
        state.tags.clear();
        state.parked.clear();
        state.lane = Some(Arc::clone(&lane));
        Ok(lane)
    }

    /// Takes what the broker sends to one consumer, until it is cancelled or the channel breaks.
    async fn forward(self: Arc<Self>, mut consumer: lapin::Consumer, lane: Arc<Lane>, tag: u64, epoch: u64) {
        let mut broken = false;
        while let Some(delivery) = consumer.next().await {
            match delivery {
                Ok(delivery) => {
                    let held = Held::new(Arc::clone(&self), Arc::clone(&lane), &delivery, tag, epoch);
                    let mut state = self.state();
                    if state.epoch == epoch {
                        // Not one that was cancelled meanwhile.
                        state.tags.entry(tag).and_modify(|tag| *tag = Tag::Full);
                        state.parked.push_back(Parked { held, delivery, since: Instant::now() });
                    }
                    drop(state);
                    self.arrived.notify_waiters();
                }
                Err(error) => {
                    tracing::debug!(%error, queue = self.queue, "a consumer broke");
                    broken = true;
                }
            }
        }
        if broken || !lane.channel.status().connected() {
            self.close_lane(epoch);
        } else {
            // Cancelled, by us or because the queue was deleted.
            let mut state = self.state();
            if state.epoch == epoch {
                state.tags.remove(&tag);
            }
        }
        self.wake.notify_one();
    }

    /// Forgets a channel; the broker gives what it had delivered to others.
    fn close_lane(&self, epoch: u64) {
        let mut state = self.state();
        if state.epoch == epoch {
            state.lane = None;
            state.epoch += 1;
            state.tags.clear();
            state.parked.clear();
        }
    }

    async fn cancel(&self, tag: u64) {
        let lane = {
            let mut state = self.state();
            state.tags.remove(&tag);
            state.lane.clone()
        };
        if let Some(lane) = lane {
            // A message that crosses the cancel is parked under its tag all the same.
            let _ = lane.channel.basic_cancel(tag.to_string().into(), BasicCancelOptions::default()).await;
        }
    }

    async fn hand_back(&self, parked: Parked) {
        let Parked { held, delivery, .. } = parked;
        let again = token::republished(&self.queue, &delivery);
        let done = async {
            self.publisher.publish(vec![again]).await?;
            held.ack().await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, queue = self.queue, "a message could not be handed back");
        }
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
        self.arrived.notify_waiters();
        tokio::time::sleep(pause).await;
    }

    /// Before a message is settled: whether its consumer may stay, since the settling lets the next message come.
    pub(super) fn may_stay(&self, tag: u64, epoch: u64) -> bool {
        let mut state = self.state();
        if state.epoch != epoch {
            return true;
        }
        let free = state.tags.values().any(|tag| matches!(tag, Tag::Free(_)));
        let stays = state.consumers > 0 && !free && state.parked.is_empty() && state.tags.contains_key(&tag);
        if stays {
            state.tags.insert(tag, Tag::Free(Instant::now()));
            if state.asking == 0 {
                state.quiet_since = Some(Instant::now());
            }
        } else {
            state.tags.remove(&tag);
        }
        drop(state);
        self.wake.notify_one();
        stays
    }

    /// Puts a message that no build can read where a person finds it.
    pub(super) fn put_aside(&self, delivery: &Delivery) -> super::publisher::Outgoing {
        let mut aside = token::republished(&self.queue, delivery);
        aside.exchange = String::new();
        aside.key = UNREADABLE.to_owned();
        aside
    }
}
