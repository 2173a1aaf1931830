//! Records in an SQLite file, shared by any number of processes of this machine. One thread touches it: what is asked for
//! while a transaction waits for the disk goes into the next one together, so that many writes share one fsync.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    KeyPage, RecordKey, RecordPage, Records, check_size,
    database::{self, OpenError, Trouble},
    page_of,
};
use crate::store::{Key, StoreError};

const SCHEMA_VERSION: i32 = 1;
const SCHEMA: &str = "CREATE TABLE records (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;";

/// How many requests may wait for the database; more callers wait before they are let in.
const REQUESTS: usize = 1024;
/// The most requests that share one transaction.
const BATCH: usize = 256;

type Sql<T> = Result<T, rusqlite::Error>;

/// Records in an SQLite file.
#[derive(Clone)]
pub struct SqliteRecords {
    send: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
}

impl fmt::Debug for SqliteRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteRecords")
    }
}

struct Message {
    ask: Ask,
    reply: oneshot::Sender<Result<Answer, StoreError>>,
    _room: OwnedSemaphorePermit,
}

enum Ask {
    Put { key: String, body: Bytes },
    PutNew { key: String, body: Bytes },
    Get { key: String },
    Page { below: String, after: String, limit: usize, bodies: bool },
    Delete { key: String },
}

enum Answer {
    Done,
    Stands(bool),
    Body(Option<Vec<u8>>),
    Rows(Vec<(String, Vec<u8>)>),
}

impl SqliteRecords {
    /// Opens the file, or makes it; its folder must exist.
    ///
    /// # Errors
    /// When it cannot be opened, is on a network disk, or of another version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let (opened, open) = oneshot::channel();
        let (send, inbox) = mpsc::channel();
        let path = path.to_owned();
        let start = move || match database::open(&path, SCHEMA, SCHEMA_VERSION) {
            Ok(connection) => {
                let _ = opened.send(Ok(()));
                Db { path, connection }.run(&inbox);
            }
            Err(OpenError::Refused(message)) => drop(opened.send(Err(StoreError::Refused(message, None)))),
            Err(OpenError::Sqlite(error)) => drop(opened.send(Err(broken(&path, Arc::new(error))))),
        };
        let spawned = std::thread::Builder::new().name("medley-records".into()).spawn(start);
        spawned.map_err(|error| gone("no thread can be started", Some(error.into())))?;
        open.await.map_err(|_| gone(ENDED, None))??;
        Ok(Self { send, room: Arc::new(Semaphore::new(REQUESTS)) })
    }

    async fn ask(&self, ask: Ask) -> Result<Answer, StoreError> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| gone(ENDED, None))?;
        let (reply, answer) = oneshot::channel();
        self.send.send(Message { ask, reply, _room: room }).map_err(|_| gone(ENDED, None))?;
        answer.await.map_err(|_| gone(ENDED, None))?
    }
}

impl SqliteRecords {
    async fn page(
        &self,
        below: &RecordKey,
        after: Option<&str>,
        limit: usize,
        bodies: bool,
    ) -> Result<(Vec<(RecordKey, Bytes)>, Option<String>), StoreError> {
        let limit = page_of(limit);
        let after = after.unwrap_or_default().to_owned();
        // One more than asked for shows whether there is a next page.
        let ask = Ask::Page { below: below.to_string(), after, limit: limit + 1, bodies };
        let Answer::Rows(mut rows) = self.ask(ask).await? else { return Err(confused()) };
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(key, _)| key.clone());
        let record = |(key, body): (String, Vec<u8>)| Ok((RecordKey(Key::parse(&key)?), Bytes::from(body)));
        Ok((rows.into_iter().map(record).collect::<Result<_, StoreError>>()?, next))
    }
}

const ENDED: &str = "the thread of the records has ended";

fn gone(what: &str, source: Option<medley_step::Cause>) -> StoreError {
    StoreError::Unavailable { message: what.into(), retry_after: None, source }
}

fn broken(path: &Path, error: Arc<rusqlite::Error>) -> StoreError {
    let message = format!("{}: {error}", path.display());
    match Trouble::of(&error) {
        Trouble::Full => StoreError::Full(Some(error.into())),
        Trouble::Refused => StoreError::Refused(message, Some(error.into())),
        Trouble::Passing => StoreError::Unavailable { message, retry_after: None, source: Some(error.into()) },
    }
}

struct Db {
    path: PathBuf,
    connection: Connection,
}

impl Db {
    /// Ends when nobody can ask any more.
    fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        while let Ok(first) = inbox.recv() {
            let batch = std::iter::once(first).chain(inbox.try_iter().take(BATCH - 1));
            let (writes, reads): (Vec<_>, Vec<_>) = batch.partition(|message| message.ask.writes());
            if !writes.is_empty() {
                self.write(writes);
            }
            // Afterwards: whoever wrote and then asks is answered with what it wrote.
            for Message { ask, reply, .. } in reads {
                let answer = ask.apply(&self.connection);
                let _ = reply.send(answer.map_err(|error| broken(&self.path, Arc::new(error))));
            }
        }
    }

    /// One transaction, one fsync.
    fn write(&mut self, writes: Vec<Message>) {
        let answers = self.transaction(|connection| writes.iter().map(|it| it.ask.apply(connection)).collect());
        match answers {
            Ok(answers) => {
                for (Message { reply, .. }, answer) in writes.into_iter().zip::<Vec<Answer>>(answers) {
                    // Whoever stopped waiting has still written it.
                    let _ = reply.send(Ok(answer));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for Message { reply, .. } in writes {
                    let _ = reply.send(Err(broken(&self.path, Arc::clone(&error))));
                }
            }
        }
    }

    fn transaction<T>(&mut self, work: impl FnOnce(&Connection) -> Sql<T>) -> Sql<T> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let outcome = work(&self.connection).and_then(|value| {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(value)
        });
        if outcome.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        outcome
    }
}

impl Ask {
    fn writes(&self) -> bool {
        matches!(self, Self::Put { .. } | Self::PutNew { .. } | Self::Delete { .. })
    }

    fn apply(&self, connection: &Connection) -> Sql<Answer> {
        match self {
            Self::Put { key, body } => {
                connection
                    .prepare_cached(
                        "INSERT INTO records (key, body) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET body = ?2",
                    )?
                    .execute(params![key, body.as_ref()])?;
                Ok(Answer::Done)
            }
            Self::PutNew { key, body } => {
                connection
                    .prepare_cached("INSERT INTO records (key, body) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")?
                    .execute(params![key, body.as_ref()])?;
                Ok(Answer::Stands(get(connection, key)?.is_some_and(|stands| stands == *body)))
            }
            Self::Get { key } => Ok(Answer::Body(get(connection, key)?)),
            Self::Page { below, after, limit, bodies } => {
                let mut statement = connection.prepare_cached(
                    "SELECT key, iif(?5, body, x'') FROM records
                     WHERE key > ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4",
                )?;
                // `0` is the character after `/`.
                let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
                let bounds = params![after, format!("{below}/"), format!("{below}0"), limit, bodies];
                let rows = statement.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(Answer::Rows(rows.collect::<Sql<_>>()?))
            }
            Self::Delete { key } => {
                connection.prepare_cached("DELETE FROM records WHERE key = ?1")?.execute([key])?;
                Ok(Answer::Done)
            }
        }
    }
}

fn get(connection: &Connection, key: &str) -> Sql<Option<Vec<u8>>> {
    connection.prepare_cached("SELECT body FROM records WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()
}

/// The thread answers what it was asked.
fn confused() -> StoreError {
    gone("the records gave another answer than was asked for", None)
}

#[async_trait]
impl Records for SqliteRecords {
    async fn put(&self, key: &RecordKey, body: Bytes) -> Result<(), StoreError> {
        check_size(key, &body)?;
        self.ask(Ask::Put { key: key.to_string(), body }).await.map(drop)
    }

    async fn put_new(&self, key: &RecordKey, body: Bytes) -> Result<bool, StoreError> {
        check_size(key, &body)?;
        match self.ask(Ask::PutNew { key: key.to_string(), body }).await? {
            Answer::Stands(stands) => Ok(stands),
            _ => Err(confused()),
        }
    }

    async fn get(&self, key: &RecordKey) -> Result<Option<Bytes>, StoreError> {
        match self.ask(Ask::Get { key: key.to_string() }).await? {
            Answer::Body(body) => Ok(body.map(Bytes::from)),
            _ => Err(confused()),
        }
    }

    async fn read_below(&self, below: &RecordKey, after: Option<&str>, limit: usize) -> Result<RecordPage, StoreError> {
        let (records, next) = self.page(below, after, limit, true).await?;
        Ok(RecordPage { records, next })
    }

    async fn keys_below(&self, below: &RecordKey, after: Option<&str>, limit: usize) -> Result<KeyPage, StoreError> {
        let (records, next) = self.page(below, after, limit, false).await?;
        Ok(KeyPage { keys: records.into_iter().map(|(key, _)| key).collect(), next })
    }

    async fn delete(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.ask(Ask::Delete { key: key.to_string() }).await.map(drop)
    }
}
