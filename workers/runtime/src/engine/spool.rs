//! Copies of remote objects on the worker's disk, bounded, each fetched once however many steps read it.

use std::{
    collections::HashMap,
    future::Future,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use medley_proto::{ErrorCode, Sha256};
use medley_step::StepError;
use tokio::sync::OnceCell;

use crate::{fetch::local_files, layout::orphans};

#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Sha256, Entry>,
    /// Counts uses, so that the entry unused for longest is known.
    uses: u64,
}

#[derive(Debug, Default)]
struct Entry {
    fetched: Arc<OnceCell<Fetched>>,
    leases: usize,
    last_use: u64,
}

#[derive(Debug, Clone, Copy)]
struct Fetched {
    sha256: Sha256,
    bytes: u64,
}

/// A file of the spool that stays as long as this does.
#[derive(Debug)]
pub(crate) struct SpoolLease {
    spool: Arc<Spool>,
    name: Sha256,
    fetched: Fetched,
}

impl SpoolLease {
    pub(crate) fn path(&self) -> PathBuf {
        self.spool.path(self.name)
    }

    pub(crate) fn sha256(&self) -> Sha256 {
        self.fetched.sha256
    }
}

impl Drop for SpoolLease {
    fn drop(&mut self) {
        self.spool.give_back(self.name);
    }
}

/// A file on its way; it goes unless it was put in its place.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Counts a use while the file is still being fetched.
struct Use<'a>(&'a Spool, Sha256);

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.0.give_back(self.1);
    }
}

impl Spool {
    /// Starts empty.
    pub(crate) fn open(work_dir: &Path, max_bytes: u64) -> std::io::Result<Arc<Self>> {
        static SPOOLS: AtomicU64 = AtomicU64::new(0);
        let number = SPOOLS.fetch_add(1, Ordering::Relaxed);
        let folder = orphans::own_folder(work_dir, "spool").join(number.to_string());
        std::fs::create_dir_all(&folder)?;
        Ok(Arc::new(Self { folder, max_bytes, state: Mutex::default() }))
    }

    /// Whether the file is one of the spool's.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.folder)
    }

    fn path(&self, name: Sha256) -> PathBuf {
        self.folder.join(name.to_string())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leases the file called `name`, fetched by `fetch` when it is not there, its bytes checked when their hash is known.
    pub(crate) async fn lease<F>(
        self: &Arc<Self>,
        name: Sha256,
        expected: Option<Sha256>,
        fetch: impl FnOnce(PathBuf) -> F,
    ) -> Result<SpoolLease, StepError>
    where
        F: Future<Output = Result<(), StepError>>,
    {
        let cell = self.enter(name);
        let used = Use(self, name);
        let path = self.path(name);
        let fetched = *cell
            .get_or_try_init(|| async {
                // What does not arrive whole takes no room.
                let part = Part(path.with_extension("part"));
                fetch(part.0.clone()).await?;
                let fetched = measure(part.0.clone()).await?;
                if expected.is_some_and(|expected| expected != fetched.sha256) {
                    return Err(StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, "an object arrived damaged"));
                }
                tokio::fs::rename(&part.0, &path).await?;
                Ok::<_, StepError>(fetched)
            })
            .await?;
        std::mem::forget(used);
        self.make_room();
        Ok(SpoolLease { spool: self.clone(), name, fetched })
    }

    fn enter(&self, name: Sha256) -> Arc<OnceCell<Fetched>> {
        let mut state = self.state();
        state.uses += 1;
        let uses = state.uses;
        let entry = state.entries.entry(name).or_default();
        entry.leases += 1;
        entry.last_use = uses;
        entry.fetched.clone()
    }

    fn give_back(&self, name: Sha256) {
        let mut state = self.state();
        if let Some(entry) = state.entries.get_mut(&name) {
            entry.leases -= 1;
            if entry.leases == 0 && entry.fetched.get().is_none() {
                state.entries.remove(&name);
            }
        }
        drop(state);
        self.make_room();
    }

    /// Removes what was not used for longest until the rest fits; what is leased stays.
    fn make_room(&self) {
        let mut state = self.state();
        let bytes = |entry: &Entry| entry.fetched.get().map_or(0, |fetched| fetched.bytes);
        let mut held: u64 = state.entries.values().map(bytes).sum();
        while held > self.max_bytes {
            let idle = state.entries.iter().filter(|(_, entry)| entry.leases == 0 && entry.fetched.get().is_some());
            let Some((name, freed)) =
                idle.min_by_key(|(_, entry)| entry.last_use).map(|(name, entry)| (*name, bytes(entry)))
            else {
                return;
            };
            state.entries.remove(&name);
            held -= freed;
            if let Err(error) = std::fs::remove_file(self.path(name)) {
                tracing::warn!(%error, "a spooled file was not removed");
            }
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "the spool was not removed");
        }
    }
}

async fn measure(path: PathBuf) -> Result<Fetched, StepError> {
    let measure = move || -> std::io::Result<Fetched> {
        let mut file = std::fs::File::open(&path)?;
        let sha256 = local_files::hash(&mut file)?;
        Ok(Fetched { sha256, bytes: file.metadata()?.len() })
    };
    let measured = tokio::task::spawn_blocking(measure).await;
    Ok(measured.map_err(|panic| StepError::internal("a spooled file could not be hashed").because(panic))??)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn leased(spool: &Arc<Spool>, content: &[u8]) -> SpoolLease {
        let sha256 = Sha256::of(content);
        spool
            .lease(sha256, Some(sha256), |path| async move { Ok(tokio::fs::write(path, content).await?) })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn holds_what_is_leased_and_forgets_the_longest_unused() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 10).unwrap();
        let (a, b) = (leased(&spool, b"aaaaaa").await, leased(&spool, b"bbbbbb").await);
        let (at_a, at_b) = (a.path(), b.path());
        assert!(at_a.exists() && at_b.exists(), "leased files stay even above the limit");
        drop(a);
        assert!(!at_a.exists() && at_b.exists());
        drop(b);
        assert!(at_b.exists(), "what fits is kept for the next step");
        let again = spool.lease(Sha256::of(b"bbbbbb"), None, |_| async { panic!("fetched twice") }).await.unwrap();
        assert_eq!(again.sha256(), Sha256::of(b"bbbbbb"));
    }

    #[tokio::test]
    async fn a_damaged_object_is_worth_another_try() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 10).unwrap();
        let name = Sha256::of(b"right");
        let wrong = |path: PathBuf| async move { Ok(tokio::fs::write(path, b"wrong").await?) };
        let error = spool.lease(name, Some(name), wrong).await.unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }));
        assert_eq!(std::fs::read_dir(&spool.folder).unwrap().count(), 0, "nothing of it stays");
        assert_eq!(leased(&spool, b"right").await.sha256(), name);
    }
}
