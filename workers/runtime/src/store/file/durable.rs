//! Folders that survive a power cut: a new entry lasts once the folder that holds it is synced.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// How many folders are remembered as durable.
const REMEMBERED: usize = 16_384;

/// The folders that this process has seen reach the disk, by inode: another process may have removed and made one anew.
#[derive(Debug, Default)]
pub(super) struct Folders {
    durable: Mutex<HashMap<PathBuf, u64>>,
}

impl Folders {
    /// Makes `folder` and those above it up to `root`, durably.
    pub(super) fn make(&self, root: &Path, folder: &Path) -> io::Result<()> {
        if folder == root || self.is_durable(folder) {
            return Ok(());
        }
        let above = folder.parent().unwrap_or(root);
        self.make(root, above)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        // Whoever else made it may not have come to this yet.
        sync_folder(above)?;
        self.remember(folder)
    }

    fn is_durable(&self, folder: &Path) -> bool {
        let known = self.durable.lock().unwrap_or_else(PoisonError::into_inner).get(folder).copied();
        known.is_some() && fs::metadata(folder).ok().map(|meta| meta.ino()) == known
    }

    fn remember(&self, folder: &Path) -> io::Result<()> {
        let inode = fs::metadata(folder)?.ino();
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.len() >= REMEMBERED {
            durable.clear();
        }
        durable.insert(folder.to_owned(), inode);
        Ok(())
    }
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a folder and those above it as long as they are empty. One that stays is only untidy.
pub(super) fn remove_empty(root: &Path, folder: &Path) {
    let mut folder = folder;
    while folder != root && fs::remove_dir(folder).is_ok() {
        let Some(above) = folder.parent() else { return };
        folder = above;
    }
}
