//! The database file: its tables, and one function for each thing done to them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::{
    layout::identity::{Fate, Identity},
    queue::{DEAD, DELIVERY_LIMIT, QueueError, UNREADABLE},
    records::database::{self, OpenError, Trouble},
};

const SCHEMA_VERSION: i32 = 1;

/// How many signals are kept for processes that poll slowly.
const SIGNALS_KEPT: i64 = 4096;

/// `owner` and `lease` say who holds a step; a waiting one has neither. `place` (µs of Unix time) orders a queue; a step
/// with `due_ms` is not in its queue yet. What may stand in a row that somebody else wrote must not stop those who take:
/// SQLite makes a real number of a sum that does not fit, which a column of integers refuses.
const SCHEMA: &str = "
CREATE TABLE steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  place INTEGER NOT NULL,
  due_ms INTEGER,
  body BLOB NOT NULL,
  failure BLOB,
  lost INTEGER NOT NULL DEFAULT 0,
  owner INTEGER,
  lease INTEGER
) STRICT;
CREATE INDEX steps_waiting ON steps (queue, place) WHERE owner IS NULL AND due_ms IS NULL;
CREATE INDEX steps_due ON steps (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX steps_held ON steps (owner) WHERE owner IS NOT NULL;
CREATE TABLE owners (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  identity TEXT NOT NULL,
  beat_ms INTEGER NOT NULL,
  listens INTEGER NOT NULL
) STRICT;
CREATE TABLE signals (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
";

/// A step in the hands of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) row: i64,
    pub(super) owner: i64,
    pub(super) number: i64,
}

/// What was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) lease: Lease,
    pub(super) queue: String,
    pub(super) body: Vec<u8>,
    pub(super) failure: Option<Vec<u8>>,
    pub(super) lost: u32,
}

/// What becomes of a held step.
#[derive(Debug)]
pub(super) enum Settle {
    Ack,
    Retry {
        body: Vec<u8>,
        due_ms: u64,
    },
    HandBack,
    /// Dropped without a word: counts as a loss.
    Lost,
    Dead {
        failure: Vec<u8>,
    },
    /// Put where a person finds it, with the reason.
    Unreadable {
        reason: String,
    },
}

pub(super) struct Db {
    pub(super) path: PathBuf,
    connection: Connection,
    owner: i64,
    leases: i64,
    lease_ms: i64,
    data_version: i64,
    synchronous: bool,
}

type Sql<T> = Result<T, rusqlite::Error>;

impl Db {
    pub(super) fn open(path: &Path, lease: Duration) -> Result<Self, QueueError> {
        let connection = database::open(path, SCHEMA, SCHEMA_VERSION).map_err(|error| match error {
            OpenError::Refused(message) => QueueError::Refused(message, None),
            OpenError::Sqlite(error) => failed(path, error),
        })?;
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let mut db =
            Self { path: path.into(), connection, owner: 0, leases: 0, lease_ms, data_version: 0, synchronous: true };
        db.transaction(false, |db| db.enter(0)).map_err(|error| failed(path, error))?;
        Ok(db)
    }

    fn enter(&mut self, listens: i64) -> Sql<()> {
        self.connection
            .prepare_cached("INSERT INTO owners (identity, beat_ms, listens) VALUES (?1, ?2, ?3)")?
            .execute(params![Identity::own().to_string(), monotonic_ms(), listens])?;
        self.owner = self.connection.last_insert_rowid();
        Ok(())
    }

    /// Runs `work` in one write transaction. `durable` commits wait for the disk; what is given up without it (who holds
    /// what, signals) only brings a step back earlier when the power fails.
    pub(super) fn transaction<T>(&mut self, durable: bool, work: impl FnOnce(&mut Self) -> Sql<T>) -> Sql<T> {
        if durable != self.synchronous {
            self.connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            self.synchronous = durable;
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let outcome = work(self).and_then(|value| {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(value)
        });
        if outcome.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        outcome
    }

    /// Whether another connection has changed anything since the last call.
    pub(super) fn changed_elsewhere(&mut self) -> Sql<bool> {
        let version = self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(std::mem::replace(&mut self.data_version, version) != version)
    }

    pub(super) fn publish(&mut self, queue: &str, body: &[u8], place: i64) -> Sql<()> {
        self.connection
            .prepare_cached("INSERT INTO steps (queue, place, body) VALUES (?1, ?2, ?3)")?
            .execute(params![queue, place, body])?;
        Ok(())
    }

    /// The first waiting step of a queue: its row and place.
    fn first(&self, queue: &str) -> Sql<Option<(i64, i64)>> {
        self.connection
            .prepare_cached(
                "SELECT id, place FROM steps WHERE queue = ?1 AND owner IS NULL AND due_ms IS NULL
                 ORDER BY place, id LIMIT 1",
            )?
            .query_row([queue], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    }

    /// Whether a step waits in one of the queues.
    pub(super) fn any_waiting(&self, queues: &[String]) -> Sql<bool> {
        for queue in queues {
            if self.first(queue)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a delayed step has come due.
    pub(super) fn any_due(&self, now_ms: u64) -> Sql<bool> {
        self.connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM steps WHERE due_ms <= ?1)")?
            .query_row([now_ms.cast_signed()], |row| row.get(0))
    }

    /// Puts the delayed steps that have come due at the ends of their queues.
    pub(super) fn promote_due(&mut self, now_ms: u64) -> Sql<()> {
        self.connection
            .prepare_cached("UPDATE steps SET place = max(due_ms, 0) * 1000, due_ms = NULL WHERE due_ms <= ?1")?
            .execute([now_ms.cast_signed()])?;
        Ok(())
    }

    /// Takes the step that has waited longest in any of the queues.
    pub(super) fn take(&mut self, queues: &[String]) -> Sql<Option<Taken>> {
        let mut best: Option<(i64, i64)> = None;
        for queue in queues {
            if let Some((row, place)) = self.first(queue)? {
                best = best.filter(|(_, earliest)| *earliest <= place).or(Some((row, place)));
            }
        }
        let Some((row, _)) = best else { return Ok(None) };
        self.leases += 1;
        let lease = Lease { row, owner: self.owner, number: self.leases };
        self.connection
            .prepare_cached(
                "UPDATE steps SET owner = ?2, lease = ?3 WHERE id = ?1
                 RETURNING queue, body, failure, min(max(lost, 0), ?4)",
            )?
            .query_row(params![row, lease.owner, lease.number, u32::MAX], |row| {
                let (queue, body) = (row.get(0)?, row.get(1)?);
                Ok(Some(Taken { lease, queue, body, failure: row.get(2)?, lost: row.get(3)? }))
            })
    }

    /// Ends a lease. Nothing happens when it was lost meanwhile: the step is someone else's.
    pub(super) fn settle(&mut self, lease: Lease, how: &Settle) -> Sql<()> {
        let held = params![lease.row, lease.owner, lease.number];
        let sql = match how {
            Settle::Ack => "DELETE FROM steps WHERE id = ?1 AND owner = ?2 AND lease = ?3",
            Settle::HandBack => {
                "UPDATE steps SET owner = NULL, lease = NULL WHERE id = ?1 AND owner = ?2 AND lease = ?3"
            }
            Settle::Lost => {
                "UPDATE steps SET owner = NULL, lease = NULL, lost = min(lost, 4294967295) + 1
                 WHERE id = ?1 AND owner = ?2 AND lease = ?3"
            }
            Settle::Retry { .. } => {
                "UPDATE steps SET owner = NULL, lease = NULL, lost = 0, body = ?4, due_ms = ?5
                 WHERE id = ?1 AND owner = ?2 AND lease = ?3"
            }
            Settle::Dead { .. } | Settle::Unreadable { .. } => {
                "UPDATE steps SET owner = NULL, lease = NULL, lost = 0, queue = ?4, failure = ?5
                 WHERE id = ?1 AND owner = ?2 AND lease = ?3"
            }
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        match how {
            Settle::Ack | Settle::HandBack | Settle::Lost => statement.execute(held)?,
            Settle::Retry { body, due_ms } => {
                statement.execute(params![lease.row, lease.owner, lease.number, body, due_ms.cast_signed()])?
            }
            Settle::Dead { failure } => {
                statement.execute(params![lease.row, lease.owner, lease.number, DEAD, failure])?
            }
            Settle::Unreadable { reason } => {
                statement.execute(params![lease.row, lease.owner, lease.number, UNREADABLE, reason.as_bytes()])?
            }
        };
        drop(statement);
        if matches!(how, Settle::Lost) { self.give_up_hopeless() } else { Ok(()) }
    }

    /// Makes dead letters of the steps that were lost too often.
    fn give_up_hopeless(&mut self) -> Sql<()> {
        self.connection
            .prepare_cached(
                "UPDATE steps SET queue = ?1, lost = 0 WHERE lost > ?2 AND owner IS NULL AND queue NOT IN (?1, ?3)",
            )?
            .execute(params![DEAD, DELIVERY_LIMIT, UNREADABLE])?;
        Ok(())
    }

    pub(super) fn depth(&self, queue: &str) -> Sql<u64> {
        self.connection
            .prepare_cached("SELECT count(*) FROM steps WHERE queue = ?1 AND owner IS NULL AND due_ms IS NULL")?
            .query_row([queue], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    }

    /// When the first waiting step of a queue was published; 0 when none waits, or its message cannot be read.
    pub(super) fn oldest(&self, queue: &str) -> Sql<u64> {
        #[derive(serde::Deserialize)]
        struct Published {
            published_ms: u64,
        }
        let Some((row, _)) = self.first(queue)? else { return Ok(0) };
        let mut statement = self.connection.prepare_cached("SELECT body FROM steps WHERE id = ?1")?;
        let body: Option<Vec<u8>> = statement.query_row([row], |row| row.get(0)).optional()?;
        let step = body.and_then(|body| serde_json::from_slice::<Published>(&body).ok());
        Ok(step.map_or(0, |step| step.published_ms))
    }

    /// Says that this process is alive. A process that was stopped for long may have been given up: it enters anew.
    pub(super) fn beat(&mut self, listens: bool) -> Sql<()> {
        let known = self
            .connection
            .prepare_cached("UPDATE owners SET beat_ms = ?2, listens = ?3 WHERE id = ?1")?
            .execute(params![self.owner, monotonic_ms(), listens])?;
        if known == 0 { self.enter(listens.into()) } else { Ok(()) }
    }

    /// The owners that are dead, or silent for longer than a lease where this process cannot look.
    pub(super) fn dead_owners(&self) -> Sql<Vec<i64>> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, identity, beat_ms FROM owners WHERE id <> ?1")?;
        let rows = statement.query_map([self.owner], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })?;
        let now_ms = monotonic_ms();
        let mut dead = Vec::new();
        for row in rows {
            let (id, identity, beat_ms) = row?;
            let silent = now_ms.saturating_sub(beat_ms) > self.lease_ms;
            if silent || identity.parse().map_or(Fate::Unknown, |it: Identity| it.fate()) == Fate::Dead {
                dead.push(id);
            }
        }
        Ok(dead)
    }

    /// Takes from dead owners what they held.
    pub(super) fn bury(&mut self, owners: &[i64]) -> Sql<()> {
        for owner in owners {
            self.connection
                .prepare_cached(
                    "UPDATE steps SET owner = NULL, lease = NULL, lost = min(lost, 4294967295) + 1 WHERE owner = ?1",
                )?
                .execute([owner])?;
            self.connection.prepare_cached("DELETE FROM owners WHERE id = ?1")?.execute([owner])?;
        }
        self.give_up_hopeless()
    }

    /// Leaves in order: nothing is held any more.
    pub(super) fn leave(&mut self) -> Sql<()> {
        let owner = self.owner;
        self.transaction(false, |db| {
            db.connection.execute("UPDATE steps SET owner = NULL, lease = NULL WHERE owner = ?1", [owner])?;
            db.connection.execute("DELETE FROM owners WHERE id = ?1", [owner]).map(drop)
        })
    }

    /// Leaves a signal for the other processes that listen; none is written when none does.
    pub(super) fn signal(&mut self, body: &[u8]) -> Sql<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO signals (owner, body) SELECT ?1, ?2
                 WHERE EXISTS (SELECT 1 FROM owners WHERE id <> ?1 AND listens)",
            )?
            .execute(params![self.owner, body])?;
        Ok(())
    }

    pub(super) fn last_signal(&self) -> Sql<i64> {
        self.connection.prepare_cached("SELECT coalesce(max(id), 0) FROM signals")?.query_row([], |row| row.get(0))
    }

    /// The signals of other processes after `seen`, and the last one's number.
    pub(super) fn signals_after(&self, seen: i64) -> Sql<(i64, Vec<Vec<u8>>)> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, owner, body FROM signals WHERE id > ?1 ORDER BY id")?;
        let mut rows = statement.query([seen])?;
        let (mut last, mut bodies) = (seen, Vec::new());
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            if row.get::<_, i64>(1)? != self.owner {
                bodies.push(row.get(2)?);
            }
        }
        Ok((last, bodies))
    }

    pub(super) fn forget_old_signals(&mut self) -> Sql<()> {
        self.connection
            .prepare_cached("DELETE FROM signals WHERE id <= (SELECT max(id) FROM signals) - ?1")?
            .execute([SIGNALS_KEPT])?;
        Ok(())
    }
}

/// Milliseconds of a clock that all processes of this boot share and that nobody sets.
fn monotonic_ms() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

fn failed(path: &Path, error: rusqlite::Error) -> QueueError {
    classify(path, &format!("{}: {error}", path.display()), error)
}

/// The class of an SQLite error.
pub(super) fn classify(path: &Path, message: &str, error: impl SqliteCause) -> QueueError {
    match Trouble::of(error.error()) {
        Trouble::Full => QueueError::Full(database::folder(path).into(), Some(error.into())),
        Trouble::Refused => QueueError::Refused(message.into(), Some(error.into())),
        Trouble::Passing => QueueError::Unavailable(message.into(), Some(error.into())),
    }
}

pub(super) fn is_damaged(error: &QueueError) -> bool {
    let QueueError::Refused(_, Some(cause)) = error else { return false };
    let shared = || cause.downcast_ref::<std::sync::Arc<rusqlite::Error>>().map(|error| &**error);
    let error = cause.downcast_ref::<rusqlite::Error>().or_else(shared);
    let code = error.and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// An SQLite error, alone or shared by all who waited for the same transaction.
pub(super) trait SqliteCause: Into<medley_step::Cause> {
    fn error(&self) -> &rusqlite::Error;
}

impl SqliteCause for rusqlite::Error {
    fn error(&self) -> &rusqlite::Error {
        self
    }
}

impl SqliteCause for std::sync::Arc<rusqlite::Error> {
    fn error(&self) -> &rusqlite::Error {
        self
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_busy_database() {
        let failing = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            let error = classify(Path::new("/data/queue.db"), "full", failing(code));
            assert!(matches!(&error, QueueError::Full(folder, _) if folder == Path::new("/data")), "{error:?}");
            assert_eq!(error.to_string(), "the disk of /data is full");
        }
        for (code, damaged) in [(ffi::SQLITE_NOTADB, true), (ffi::SQLITE_CORRUPT, true), (ffi::SQLITE_CANTOPEN, false)]
        {
            assert_eq!(is_damaged(&classify(Path::new("queue.db"), "damaged", failing(code))), damaged);
        }
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_READ] {
            let error = classify(Path::new("queue.db"), "busy", failing(code));
            assert!(matches!(error, QueueError::Unavailable(..)), "{error:?}");
        }
    }
}
