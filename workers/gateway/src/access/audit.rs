//! Who did what, when and from where. An entry is written for each request that changes something and for each token that was
//! refused; never a token, a body or a query.
//!
//! Entries go into the records in segments, `<tenant>/audit/<inverted time>-<random>`, at most a second after the request. What
//! an administrator does is written before the answer goes out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use medley_proto::Name;
use medley_runtime::{
    Clock, Error,
    records::{self, RecordKey, Records},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::TokenId;

const ROOM: &str = "audit";
/// How long entries are collected before they are written together.
const COLLECT: Duration = Duration::from_secs(1);
/// The most entries of a segment.
const SEGMENT: usize = 200;
/// The most entries that wait to be written.
const WAITING: usize = 4_096;
/// How long a request waits until its entry is written.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a segment could not be written.
const PAUSE: Duration = Duration::from_secs(2);
/// The largest number of 13 digits; times are inverted against it so that listings show the newest first.
const NEWEST_FIRST: u64 = 9_999_999_999_999;

/// One thing that was done, or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AuditEntry {
    /// Unix time.
    pub(crate) at_ms: u64,
    /// By whose token; none on loopback without tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<TokenId>,
    /// Method and route: `POST /v1/jobs/{job}/cancel`.
    pub(crate) action: String,
    /// What it was done to: the path, without the query.
    pub(crate) path: String,
    /// The status of the answer.
    pub(crate) status: u16,
    /// The address that the request came from: a proxy's, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// The answer's `x-request-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
}

/// One page, the newest first.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct AuditPage {
    pub(crate) data: Vec<AuditEntry>,
    /// Pass it as `cursor` for the next page; none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

struct Written {
    tenant: Name,
    entry: AuditEntry,
    /// Told when it is durable.
    tell: Option<oneshot::Sender<()>>,
}

/// The audit log.
#[derive(Debug)]
pub(crate) struct Audit {
    records: Arc<dyn Records>,
    clock: Clock,
    /// The time in the newest segment's name: each is later than the one before.
    newest_ms: AtomicU64,
    send: mpsc::Sender<Written>,
    /// Taken by the one task that writes.
    inbox: Mutex<Option<mpsc::Receiver<Written>>>,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.entry.fmt(f)
    }
}

impl Audit {
    pub(super) fn new(records: Arc<dyn Records>, clock: Clock) -> Self {
        let (send, inbox) = mpsc::channel(WAITING);
        Self { records, clock, newest_ms: AtomicU64::new(0), send, inbox: Mutex::new(Some(inbox)) }
    }

    /// Notes what was done; waits until it is durable when it is an administrator's act.
    pub(super) async fn note(&self, tenant: &Name, entry: AuditEntry, durable: bool) {
        let (tell, told) = oneshot::channel();
        let written = Written { tenant: tenant.clone(), entry, tell: durable.then_some(tell) };
        if self.send.send(written).await.is_err() {
            return;
        }
        // The entry stays in the queue: it is written when the store is back.
        if durable && tokio::time::timeout(PATIENCE, told).await.is_err() {
            tracing::warn!(%tenant, "an entry of the audit log is not written yet: the store does not answer");
        }
    }

    /// Notes what was refused, unless so much waits that somebody must be trying to fill the log.
    pub(super) fn note_refusal(&self, tenant: &Name, entry: AuditEntry) {
        if self.send.capacity() < WAITING / 2 {
            tracing::warn!(%tenant, action = entry.action, "a refusal is not in the audit log: too many wait");
            return;
        }
        let _ = self.send.try_send(Written { tenant: tenant.clone(), entry, tell: None });
    }

    /// Writes until it is stopped, and then what still waits.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let taken = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut inbox) = taken else { return };
        loop {
            let first = tokio::select! {
                first = inbox.recv() => first,
                () = stop.cancelled() => inbox.try_recv().ok(),
            };
            let Some(first) = first else { return };
            let batch = collect(first, &mut inbox, &stop).await;
            self.write(batch, &stop).await;
        }
    }

    async fn write(&self, batch: Vec<Written>, stop: &CancellationToken) {
        let mut tenants: BTreeMap<Name, Vec<Written>> = BTreeMap::new();
        for written in batch {
            tenants.entry(written.tenant.clone()).or_default().push(written);
        }
        for (tenant, written) in tenants {
            let entries: Vec<&AuditEntry> = written.iter().rev().map(|written| &written.entry).collect();
            while let Err(error) = self.write_segment(&tenant, &entries).await {
                tracing::error!(%tenant, %error, entries = entries.len(), "the audit log cannot be written; tried again");
                if stop.is_cancelled() {
                    tracing::error!(%tenant, ?entries, "entries of the audit log that could not be written");
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            for written in written {
                written.tell.map(|tell| tell.send(()));
            }
        }
    }

    async fn write_segment(&self, tenant: &Name, entries: &[&AuditEntry]) -> Result<(), Error> {
        let at_ms = self.clock.now_ms().max(self.newest_ms.load(Ordering::Relaxed) + 1);
        self.newest_ms.store(at_ms, Ordering::Relaxed);
        let inverted = NEWEST_FIRST.saturating_sub(at_ms);
        let name = format!("{inverted:013}-{}", ulid::Ulid::generate());
        records::write(&*self.records, &RecordKey::of(tenant, [ROOM, &name])?, &entries).await
    }

    /// The tenant's entries, the newest first.
    pub(super) async fn page(&self, tenant: &Name, cursor: Option<Cursor>, limit: usize) -> Result<AuditPage, Error> {
        let room = RecordKey::of(tenant, [ROOM])?;
        // A listing begins behind a key: the text before the segment's name is the one to begin behind.
        let mut after =
            cursor.as_ref().map(|Cursor { segment, .. }| format!("{room}/{}", &segment[..segment.len() - 1]));
        let shown = |segment: &str| cursor.as_ref().filter(|it| it.segment == segment).map_or(0, |it| it.skip);
        let mut page = AuditPage::default();
        loop {
            let segments = self.records.read_below(&room, after.as_deref(), limit.min(SEGMENTS)).await?;
            for (key, body) in &segments.records {
                let entries: Vec<AuditEntry> = records::parse(key, body)?;
                for (n, entry) in entries.into_iter().enumerate().skip(shown(key.name())) {
                    if page.data.len() == limit {
                        page.next_cursor = Some(format!("{}.{n}", key.name()));
                        return Ok(page);
                    }
                    page.data.push(entry);
                }
            }
            after = segments.next;
            if after.is_none() {
                return Ok(page);
            }
        }
    }

    /// Removes what is older than so many days.
    pub(super) async fn trim(&self, tenant: &Name, keep_days: u32) -> Result<(), Error> {
        let before_ms = self.clock.now_ms().saturating_sub(u64::from(keep_days) * 86_400_000);
        let room = RecordKey::of(tenant, [ROOM])?;
        let mut after = Some(format!("{room}/{:013}", NEWEST_FIRST.saturating_sub(before_ms)));
        loop {
            let page = self.records.keys_below(&room, after.as_deref(), 1_000).await?;
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

/// How many segments are read at once.
const SEGMENTS: usize = 50;

/// What comes within the time of a segment.
async fn collect(first: Written, inbox: &mut mpsc::Receiver<Written>, stop: &CancellationToken) -> Vec<Written> {
    let mut batch = vec![first];
    let end = tokio::time::Instant::now() + COLLECT;
    // Whoever waits is not kept waiting: what is there already goes with it.
    while batch.len() < SEGMENT && !batch.iter().any(|written| written.tell.is_some()) {
        tokio::select! {
            next = tokio::time::timeout_at(end, inbox.recv()) => match next {
                Ok(Some(written)) => batch.push(written),
                _ => break,
            },
            () = stop.cancelled() => break,
        }
    }
    while batch.len() < SEGMENT
        && let Ok(written) = inbox.try_recv()
    {
        batch.push(written);
    }
    batch
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    segment: String,
    /// How many entries of the segment were shown.
    skip: usize,
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (segment, skip) = text.split_once('.').ok_or(())?;
        let (time, random) = segment.split_once('-').ok_or(())?;
        let is_time = time.len() == 13 && time.bytes().all(|byte| byte.is_ascii_digit());
        let is_random = random.len() == 26 && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let skip = skip.parse().map_err(|_| ())?;
        if is_time && is_random { Ok(Self { segment: segment.to_owned(), skip }) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use medley_runtime::records::SqliteRecords;

    use super::*;

    fn entry(at_ms: u64) -> AuditEntry {
        AuditEntry {
            at_ms,
            token: None,
            action: "POST /v1/jobs".into(),
            path: "/v1/jobs".into(),
            status: 202,
            from: Some("127.0.0.1".into()),
            request: None,
        }
    }

    #[tokio::test]
    async fn what_was_noted_is_read_newest_first_in_pages() {
        let folder = tempfile::tempdir().unwrap();
        let records = Arc::new(SqliteRecords::open(&folder.path().join("records.db")).await.unwrap());
        let now_ms = Arc::new(AtomicU64::new(1_764_547_200_000));
        let told = Arc::clone(&now_ms);
        let audit = Arc::new(Audit::new(records, Clock::new(move || told.load(Ordering::Relaxed))));
        let stop = CancellationToken::new();
        let (writer, stopped) = (Arc::clone(&audit), stop.clone());
        let running = tokio::spawn(async move { writer.run(stopped).await });

        let (tenant, other) = (Name::from_static("t"), Name::from_static("u"));
        for at_ms in 0..7 {
            // Every third is waited for, and so ends a segment.
            now_ms.fetch_add(1, Ordering::Relaxed);
            audit.note(&tenant, entry(at_ms), at_ms % 3 == 0).await;
        }
        audit.note(&other, entry(100), true).await;
        audit.note(&tenant, entry(7), false).await;
        stop.cancel();
        running.await.unwrap();

        for limit in [1, 2, 3, 8, 100] {
            let (mut times, mut cursor) = (Vec::new(), None);
            loop {
                let page = audit.page(&tenant, cursor, limit).await.unwrap();
                assert!(page.data.len() <= limit);
                times.extend(page.data.iter().map(|entry| entry.at_ms));
                match page.next_cursor {
                    Some(next) => cursor = Some(next.parse().unwrap()),
                    None => break,
                }
            }
            assert_eq!(times, [7, 6, 5, 4, 3, 2, 1, 0], "in pages of {limit}");
        }
        audit.trim(&tenant, 1).await.unwrap();
        assert_eq!(audit.page(&tenant, None, 100).await.unwrap().data.len(), 8);
        now_ms.fetch_add(2 * 86_400_000, Ordering::Relaxed);
        audit.trim(&tenant, 1).await.unwrap();
        assert!(audit.page(&tenant, None, 100).await.unwrap().data.is_empty());
        assert_eq!(audit.page(&other, None, 100).await.unwrap().data, [entry(100)], "another tenant's stays");
    }

    #[test]
    fn a_cursor_is_one_of_ours() {
        let good = "8235452799999-01KBXYZ0000000000000000000.3";
        assert!(good.parse::<Cursor>().is_ok());
        for bad in ["", "x", "../../u/audit/x.0", &good.replace('.', ""), &good.replace("01KB", "../.")] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
