//! Files that are still being written: all in one folder, named after the process that writes them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use medley_proto::Sha256;
use sha2::Digest;

use super::broken;
use crate::{
    layout::identity::{Fate, Identity},
    store::{Key, StoreError},
};

/// No key can be mapped here: segments of keys have no `%`, and folders of keys only at the end.
const FOLDER: &str = "%unfinished";
/// After so long the file of a process that cannot be looked at (in another container) counts as left behind.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);
const BUFFER_BYTES: usize = 256 << 10;
/// Objects do not change: the file that holds one cannot be written to by mistake. Whom it may be read by is for the
/// process's umask to say.
const READ_ONLY: u32 = 0o444;

#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
}

impl Spool {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if is_left_behind(&entry) {
                // Another process may sweep at the same time.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(Self { folder })
    }

    fn create(&self) -> io::Result<(TempFile, File)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{}.{number}", Identity::own()));
        let file = OpenOptions::new().write(true).create_new(true).mode(READ_ONLY).open(&path)?;
        Ok((TempFile { path }, file))
    }

    /// A durable file of these bytes.
    pub(super) fn write(&self, key: &Key, bytes: &[u8], sha256: Option<Sha256>) -> Result<TempFile, StoreError> {
        if sha256.is_some_and(|announced| announced != Sha256::of(bytes)) {
            return Err(StoreError::Checksum(key.clone()));
        }
        let written = self.create().and_then(|(temp, mut file)| {
            file.write_all(bytes)?;
            file.sync_all()?;
            Ok(temp)
        });
        written.map_err(|error| broken(&self.folder, error))
    }

    /// A durable copy of a file; never a link to it, since whoever owns the file may go on writing to it.
    pub(super) fn copy(&self, key: &Key, source: &Path, sha256: Option<Sha256>) -> Result<TempFile, StoreError> {
        let mut source_file = File::open(source).map_err(|error| broken(source, error))?;
        let (temp, mut file) = self.create().map_err(|error| broken(&self.folder, error))?;
        let mut hash = sha256.map(|_| sha2::Sha256::new());
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = match source_file.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(|error| broken(source, error))?,
            };
            if count == 0 {
                break;
            }
            if let Some(hash) = &mut hash {
                hash.update(&buffer[..count]);
            }
            file.write_all(&buffer[..count]).map_err(|error| broken(&temp.path, error))?;
        }
        if hash.map(|hash| Sha256::new(hash.finalize().into())) != sha256 {
            return Err(StoreError::Checksum(key.clone()));
        }
        file.sync_all().map_err(|error| broken(&temp.path, error))?;
        Ok(temp)
    }
}

fn is_left_behind(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let writer = name.to_str().and_then(|name| name.rsplit_once('.')).and_then(|(it, _)| it.parse::<Identity>().ok());
    match writer.map(|writer| writer.fate()) {
        Some(Fate::Dead) => true,
        Some(Fate::Alive) => false,
        Some(Fate::Unknown) | None => {
            let modified = entry.metadata().and_then(|meta| meta.modified()).ok();
            modified.and_then(|time| SystemTime::now().duration_since(time).ok()).is_some_and(|age| age > FORGOTTEN)
        }
    }
}

/// A file that goes away unless it is put in its place.
#[derive(Debug)]
pub(super) struct TempFile {
    path: PathBuf,
}

impl TempFile {
    pub(super) fn rename_to(&self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)
    }

    pub(super) fn link_to(&self, target: &Path) -> io::Result<()> {
        fs::hard_link(&self.path, target)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // After a rename there is nothing left here to remove.
        let _ = fs::remove_file(&self.path);
    }
}
