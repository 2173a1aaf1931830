//! `DIR/.medley`, the state of the jobs of `medley run … -o DIR`: who works in it, and how much it takes.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Failed, printable::plain};

/// Below the output folder. Names of results never begin with a dot.
const FOLDER: &str = ".medley";
const LOCK: &str = "lock";

/// The folder of the state, held as long as this lives.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    lock: File,
}

impl State {
    pub(super) fn path_in(output: &Path) -> PathBuf {
        output.join(FOLDER)
    }

    /// Makes the folder where it is missing and holds it beside other runs.
    pub(super) fn share(output: &Path) -> Result<Self, Failed> {
        let state = Self::open(output)?;
        state.lock.lock_shared().map_err(|error| state.unusable(&error))?;
        // Somebody may have removed the folder between the two.
        if state.is_here() { Ok(state) } else { Self::share(output) }
    }

    /// Holds the folder alone.
    ///
    /// # Errors
    /// When a run works in it.
    pub(super) fn alone(output: &Path) -> Result<Self, Failed> {
        let state = Self::open(output)?;
        match state.lock.try_lock() {
            Ok(()) => Ok(state),
            Err(TryLockError::WouldBlock) => {
                let path = state.path.display();
                Err(Failed::service(format!("a job runs in {path} now: wait until it has ended, or stop it")))
            }
            Err(TryLockError::Error(error)) => Err(state.unusable(&error)),
        }
    }

    /// From here on beside other runs.
    pub(super) fn shared(self) -> Result<Self, Failed> {
        self.lock.lock_shared().map_err(|error| self.unusable(&error))?;
        Ok(self)
    }

    /// Whether no other run holds the folder; then none can until this one lets go.
    pub(super) fn is_alone(&self) -> bool {
        self.lock.try_lock().is_ok()
    }

    fn open(output: &Path) -> Result<Self, Failed> {
        let path = Self::path_in(output);
        let unusable = |error| unusable(&path, &error);
        fs::create_dir_all(&path).map_err(unusable)?;
        if path.symlink_metadata().map_err(unusable)?.is_symlink() {
            return Err(Failed::service(format!("{} is a link; the state needs a folder of its own", path.display())));
        }
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(unusable)?;
        Ok(Self { path, lock })
    }

    fn is_here(&self) -> bool {
        let inode = |meta: io::Result<fs::Metadata>| meta.ok().map(|meta| (meta.dev(), meta.ino()));
        inode(self.lock.metadata()) == inode(self.path.join(LOCK).metadata())
    }

    fn unusable(&self, error: &io::Error) -> Failed {
        unusable(&self.path, error)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what is in it but the lock, as far as `goes` says so of a name.
    pub(super) fn clear(&self, goes: impl Fn(&str) -> bool) -> Result<(), Failed> {
        for entry in fs::read_dir(&self.path).map_err(|error| self.unusable(&error))?.flatten() {
            let name = entry.file_name();
            if name == LOCK || !goes(&name.to_string_lossy()) {
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
            removed.map_err(|error| unusable(&entry.path(), &error))?;
        }
        Ok(())
    }

    /// Removes the folder itself.
    pub(super) fn remove(self) -> Result<(), Failed> {
        self.clear(|_| true)?;
        fs::remove_dir_all(&self.path).map_err(|error| self.unusable(&error))
    }

    /// What its files take.
    pub(super) fn bytes(&self) -> u64 {
        bytes_below(&self.path)
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failed {
    Failed::service(format!("{} cannot be used for the jobs' state: {}", path.display(), plain(error)))
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_it_alone_waits_for_nobody() {
        let output = tempfile::tempdir().unwrap();
        let (one, two) = (State::share(output.path()).unwrap(), State::share(output.path()).unwrap());
        assert!(State::alone(output.path()).unwrap_err().message().contains("runs in"));
        assert!(!one.is_alone());
        drop(two);
        assert!(one.is_alone());
        drop(one);
        let alone = State::alone(output.path()).unwrap();
        fs::write(alone.path().join("x"), [0; 100]).unwrap();
        fs::create_dir(alone.path().join("y")).unwrap();
        fs::write(alone.path().join("y/z"), [0; 50]).unwrap();
        assert_eq!(alone.bytes(), 150);
        alone.clear(|name| name == "y").unwrap();
        assert_eq!(alone.bytes(), 100);
        alone.remove().unwrap();
        assert!(!State::path_in(output.path()).exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let (output, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join("mine"), "x").unwrap();
        std::os::unix::fs::symlink(other.path(), output.path().join(FOLDER)).unwrap();
        assert!(State::alone(output.path()).is_err() && other.path().join("mine").exists());
    }
}
