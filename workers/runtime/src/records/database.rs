//! What the embedded files (`queue.db`, `records.db`) have in common: how one is opened, and what its errors mean.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};

/// "mdly", so that `file` and a curious person can tell.
const APPLICATION_ID: i32 = 0x6d64_6c79;

/// How long to wait for another process's transaction.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
const BUSY_STEP: Duration = Duration::from_millis(2);

/// Why a file cannot be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// It is not for this build, or not on a disk of this machine.
    Refused(String),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Opens a file in WAL mode with full syncs, or makes it with the tables of `schema`.
pub(crate) fn open(path: &Path, schema: &str, version: i32) -> Result<Connection, OpenError> {
    if let Some(kind) = network_disk(path) {
        let message = format!("{} is on a network disk ({kind}); choose a folder on a local one", path.display());
        return Err(OpenError::Refused(message));
    }
    let mut connection = Connection::open(path)?;
    prepare(&mut connection, schema, version)?;
    let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == version {
        return Ok(connection);
    }
    let message = format!(
        "{} was written by another version of medley (layout {found}, this build reads {version})",
        path.display()
    );
    Err(OpenError::Refused(message))
}

fn prepare(connection: &mut Connection, schema: &str, version: i32) -> Result<(), rusqlite::Error> {
    connection.busy_handler(Some(|calls: i32| {
        std::thread::sleep(BUSY_STEP);
        BUSY_STEP * calls.unsigned_abs() < BUSY_LIMIT
    }))?;
    connection.set_prepared_statement_cache_capacity(64);
    become_wal(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0))? == 0 {
        tx.execute_batch(schema)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", version)?;
    }
    tx.commit()
}

/// SQLite does not ask the busy handler when two processes change the journal mode at once.
fn become_wal(connection: &Connection) -> Result<(), rusqlite::Error> {
    let mut left = BUSY_LIMIT;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && !left.is_zero() => {
                std::thread::sleep(BUSY_STEP);
                left = left.saturating_sub(BUSY_STEP);
            }
            other => return other.map(drop),
        }
    }
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What kind of network disk the file is on, if it is on one. WAL needs memory that all processes share: the file must be
/// on a disk of this machine.
#[cfg(target_os = "linux")]
fn network_disk(path: &Path) -> Option<&'static str> {
    const NETWORK: [(i64, &str); 4] =
        [(0x6969, "NFS"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB"), (0x00c3_6400, "Ceph")];
    let name = std::ffi::CString::new(folder(path).as_os_str().as_encoded_bytes()).ok()?;
    // SAFETY: `statfs` is plain data, for which all zeroes is a value.
    let mut info: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: `name` ends with a nul and `info` outlives the call.
    if unsafe { libc::statfs(name.as_ptr(), &raw mut info) } != 0 {
        return None;
    }
    NETWORK.iter().find(|(magic, _)| *magic == info.f_type).map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn network_disk(_path: &Path) -> Option<&'static str> {
    None
}

/// What an SQLite error means for whoever uses the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no room left, be it for the file, within its limit of size, or for the memory that processes share.
    Full,
    /// No use trying again: permissions, or no database.
    Refused,
    /// Worth trying again.
    Passing,
}

impl Trouble {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        // No shared memory; and a write that fails though the disk has room: the file may not grow (`ulimit -f`).
        let no_room = [ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_WRITE];
        let has_no_room = error.sqlite_error().is_some_and(|error| no_room.contains(&error.extended_code));
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ if has_no_room => Self::Full,
            Some(
                ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NoLargeFileSupport,
            ) => Self::Refused,
            _ => Self::Passing,
        }
    }
}
