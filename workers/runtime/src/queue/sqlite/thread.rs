//! The one thread that touches the database: what is asked for while a transaction waits for the disk goes into the
//! next one together, so that many publishes and acks share one fsync.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::{broadcast, oneshot};

use super::{
    Handle, Held, Message, Signal,
    db::{Db, Lease, Settle, classify},
};
use crate::queue::{QueueError, now_ms};

/// The most requests that share one transaction.
const BATCH: usize = 512;
/// How often other processes' changes are looked for while someone here waits for them.
const POLL: Duration = Duration::from_millis(20);
/// How often dead processes are looked for while someone here waits for steps.
const ROLL_CALL: Duration = Duration::from_millis(500);

pub(super) type Reply<T> = oneshot::Sender<Result<T, QueueError>>;

/// What the async side asks for.
pub(super) enum Request {
    Publish {
        steps: Vec<(String, Vec<u8>)>,
        reply: Reply<()>,
    },
    Settle {
        lease: Lease,
        how: Settle,
        reply: Reply<()>,
    },
    /// Of a delivery that was dropped: nobody waits for the answer.
    GiveBack {
        lease: Lease,
        how: Settle,
    },
    Take {
        wanted: Wanted,
    },
    Depth {
        queue: String,
        reply: Reply<u64>,
    },
    /// When the first waiting step was published; 0: none waits.
    Oldest {
        queue: String,
        reply: Reply<u64>,
    },
    Signal(Signal),
    /// From the next transaction on, signals of other processes are wanted.
    Listen {
        reply: Reply<broadcast::Receiver<Signal>>,
    },
}

/// Someone who waits for a step.
pub(super) struct Wanted {
    /// Lists of queues, the preferred first.
    pub(super) queues: [Vec<String>; 2],
    pub(super) handle: Arc<Handle>,
    pub(super) reply: Reply<Held>,
}

pub(super) struct Thread {
    db: Db,
    inbox: Receiver<Message>,
    signals: broadcast::Sender<Signal>,
    waiting: Vec<Wanted>,
    /// Given back by dropped deliveries while the database did not answer.
    unsettled: Vec<(Lease, Settle)>,
    held: usize,
    seen_signal: i64,
    heartbeat: Duration,
    next_look: Instant,
    next_beat: Instant,
    next_roll_call: Instant,
}

impl Thread {
    pub(super) fn new(
        db: Db,
        inbox: Receiver<Message>,
        signals: broadcast::Sender<Signal>,
        heartbeat: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            db,
            inbox,
            signals,
            waiting: Vec::new(),
            unsettled: Vec::new(),
            held: 0,
            seen_signal: 0,
            heartbeat,
            next_look: now,
            next_beat: now + heartbeat,
            next_roll_call: now,
        }
    }

    /// Ends when the queue, its consumers and its deliveries are gone.
    pub(super) fn run(mut self) {
        loop {
            match self.inbox.recv_timeout(self.pause()) {
                Ok(first) => {
                    let mut batch = vec![first.request];
                    batch.extend(self.inbox.try_iter().take(BATCH - 1).map(|message| message.request));
                    self.serve(batch);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= self.next_look {
                self.look_around();
            }
            if Instant::now() >= self.next_beat {
                self.beat();
            }
        }
        if let Err(error) = self.db.leave() {
            tracing::debug!(%error, "the queue was not left in order; its leases end with this process");
        }
    }

    fn pause(&self) -> Duration {
        if self.waiting.is_empty() && !self.listening() && self.unsettled.is_empty() {
            self.next_beat.saturating_duration_since(Instant::now())
        } else {
            self.next_look.saturating_duration_since(Instant::now())
        }
    }

    fn listening(&self) -> bool {
        self.signals.receiver_count() > 0
    }

    /// One transaction for all that was asked for and all takers that it can serve.
    fn serve(&mut self, batch: Vec<Request>) {
        let mut writes = Vec::new();
        for request in batch {
            match request {
                Request::Take { wanted } => self.waiting.push(wanted),
                Request::Listen { reply } => self.listen(reply),
                Request::Signal(signal) => {
                    // Nobody listens: as lossy as signals are.
                    let _ = self.signals.send(signal.clone());
                    writes.push(Request::Signal(signal));
                }
                other => writes.push(other),
            }
        }
        self.waiting.retain(|wanted| !wanted.reply.is_closed());
        if !writes.is_empty() || self.someone_can_be_served() {
            self.commit(writes);
        }
    }

    fn someone_can_be_served(&mut self) -> bool {
        let could = |db: &Db, wanted: &Wanted| -> Result<bool, rusqlite::Error> {
            Ok(db.any_waiting(&wanted.queues[0])? || db.any_waiting(&wanted.queues[1])?)
        };
        !self.waiting.is_empty()
            && (self.db.any_due(now_ms()).unwrap_or(true)
                || self.waiting.iter().any(|wanted| could(&self.db, wanted).unwrap_or(true)))
    }

    fn commit(&mut self, writes: Vec<Request>) {
        let durable = writes.iter().any(Request::must_last);
        let (waiting, unsettled) = (&self.waiting, &self.unsettled);
        let outcome = self.db.transaction(durable, |db| {
            for (lease, how) in unsettled {
                db.settle(*lease, how)?;
            }
            let answers = writes.iter().map(|request| request.apply(db)).collect::<Result<Vec<_>, _>>()?;
            if waiting.is_empty() {
                return Ok((answers, Vec::new()));
            }
            db.promote_due(now_ms())?;
            let take = |wanted: &Wanted| match db.take(&wanted.queues[0])? {
                None => db.take(&wanted.queues[1]),
                taken => Ok(taken),
            };
            Ok((answers, waiting.iter().map(take).collect::<Result<Vec<_>, rusqlite::Error>>()?))
        });
        match outcome {
            Ok((answers, taken)) => {
                self.unsettled.clear();
                self.hand_out(taken);
                for (request, depth) in writes.into_iter().zip(answers) {
                    self.held -= usize::from(request.ends_a_lease()).min(self.held);
                    request.answer(Ok(depth));
                }
            }
            Err(error) => self.fail(writes, error),
        }
    }

    fn hand_out(&mut self, taken: Vec<Option<super::db::Taken>>) {
        if taken.is_empty() {
            return;
        }
        let mut still_waiting = Vec::new();
        for (wanted, taken) in self.waiting.drain(..).zip(taken) {
            match taken {
                None => still_waiting.push(wanted),
                Some(taken) => {
                    self.held += 1;
                    // Whoever stopped waiting drops it, and that gives it back.
                    let _ = wanted.reply.send(Ok(Held::new(taken, wanted.handle)));
                }
            }
        }
        self.waiting = still_waiting;
    }

    fn fail(&mut self, writes: Vec<Request>, error: rusqlite::Error) {
        let error = Arc::new(error);
        let path = &self.db.path;
        let failed = || classify(path, &error.to_string(), Arc::clone(&error));
        for wanted in self.waiting.drain(..) {
            let _ = wanted.reply.send(Err(failed()));
        }
        for request in writes {
            if let Request::GiveBack { lease, how } = request {
                self.unsettled.push((lease, how));
            } else {
                request.answer(Err(failed()));
            }
        }
    }

    /// What nobody asks for and still must happen: other processes' steps and signals, due retries, dead processes.
    fn look_around(&mut self) {
        let now = Instant::now();
        self.next_look = now + POLL;
        self.waiting.retain(|wanted| !wanted.reply.is_closed());
        if !self.waiting.is_empty() && now >= self.next_roll_call {
            self.next_roll_call = now + ROLL_CALL;
            self.bury_the_dead();
        }
        let changed = self.db.changed_elsewhere().unwrap_or(true);
        if changed && self.listening() {
            self.pass_on_signals();
        }
        let due = !self.waiting.is_empty() && self.db.any_due(now_ms()).unwrap_or(true);
        if !self.unsettled.is_empty() || due || (changed && self.someone_can_be_served()) {
            self.commit(Vec::new());
        }
    }

    fn bury_the_dead(&mut self) {
        let buried = self.db.dead_owners().and_then(|dead| {
            if dead.is_empty() {
                return Ok(0);
            }
            self.db.transaction(false, |db| db.bury(&dead)).map(|()| dead.len())
        });
        match buried {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(count, "processes died; the steps that they held are back");
                self.commit(Vec::new());
            }
            Err(error) => tracing::warn!(%error, "dead processes could not be looked for"),
        }
    }

    fn beat(&mut self) {
        self.next_beat = Instant::now() + self.heartbeat;
        let listens = self.listening();
        if self.held == 0 && !listens {
            return;
        }
        let beaten = self.db.transaction(false, |db| {
            db.forget_old_signals()?;
            db.beat(listens)
        });
        if let Err(error) = beaten {
            tracing::warn!(%error, "the queue's leases could not be renewed");
        }
    }

    fn listen(&mut self, reply: Reply<broadcast::Receiver<Signal>>) {
        let receiver = self.signals.subscribe();
        let first = self.signals.receiver_count() == 1;
        let started = self.db.transaction(false, |db| {
            db.beat(true)?;
            db.last_signal()
        });
        match started {
            Ok(last) => {
                if first {
                    self.seen_signal = last;
                }
                let _ = reply.send(Ok(receiver));
            }
            Err(error) => {
                let _ = reply.send(Err(classify(&self.db.path, &error.to_string(), error)));
            }
        }
    }

    fn pass_on_signals(&mut self) {
        match self.db.signals_after(self.seen_signal) {
            Ok((last, bodies)) => {
                self.seen_signal = last;
                for signal in bodies.iter().filter_map(|body| serde_json::from_slice(body).ok()) {
                    let _ = self.signals.send(signal);
                }
            }
            Err(error) => tracing::debug!(%error, "signals of other processes could not be read"),
        }
    }
}

impl Request {
    /// Whether the caller is promised that a power cut does not undo it.
    fn must_last(&self) -> bool {
        match self {
            Self::Publish { .. } => true,
            Self::Settle { how, .. } => !matches!(how, Settle::HandBack),
            Self::GiveBack { .. }
            | Self::Take { .. }
            | Self::Depth { .. }
            | Self::Oldest { .. }
            | Self::Signal(_)
            | Self::Listen { .. } => false,
        }
    }

    fn ends_a_lease(&self) -> bool {
        matches!(self, Self::Settle { .. } | Self::GiveBack { .. })
    }

    /// Does it inside a transaction; the number is the depth or the age, where that was asked for.
    fn apply(&self, db: &mut Db) -> Result<u64, rusqlite::Error> {
        match self {
            Self::Publish { steps, .. } => {
                let place = i64::try_from(now_ms()).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
                for (queue, body) in steps {
                    db.publish(queue, body, place)?;
                }
            }
            Self::Settle { lease, how, .. } | Self::GiveBack { lease, how } => db.settle(*lease, how)?,
            Self::Depth { queue, .. } => return db.depth(queue),
            Self::Oldest { queue, .. } => return db.oldest(queue),
            Self::Signal(signal) => {
                if let Ok(body) = serde_json::to_vec(signal) {
                    db.signal(&body)?;
                }
            }
            Self::Take { .. } | Self::Listen { .. } => {}
        }
        Ok(0)
    }

    /// Tells whoever asked, if they still wait.
    fn answer(self, outcome: Result<u64, QueueError>) {
        match self {
            Self::Publish { reply, .. } | Self::Settle { reply, .. } => drop(reply.send(outcome.map(drop))),
            Self::Depth { reply, .. } | Self::Oldest { reply, .. } => drop(reply.send(outcome)),
            Self::GiveBack { .. } | Self::Take { .. } | Self::Signal(_) | Self::Listen { .. } => {}
        }
    }
}
