//! The embedded store: a folder on a local disk (docs/decisions/0021-objects-as-files.md).

mod durable;
mod listing;
mod paths;
mod temp;

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use self::{
    durable::Folders,
    paths::Paths,
    temp::{Spool, TempFile},
};

use crate::store::{Key, ObjectInfo, ObjectMeta, Page, Store, StoreError};

/// A store in a folder. Any number of processes may use it at once.
#[derive(Debug, Clone)]
pub struct FileStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    paths: Paths,
    folders: Folders,
    spool: Spool,
}

impl FileStore {
    /// Opens the folder, or makes it, and sweeps away what writers that died left unfinished.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let root = root.to_owned();
        blocking(move || {
            std::fs::create_dir_all(&root).map_err(|error| broken(&root, error))?;
            let root = root.canonicalize().map_err(|error| broken(&root, error))?;
            let spool = Spool::open(&root).map_err(|error| broken(&root, error))?;
            Ok(Self { inner: Arc::new(Inner { paths: Paths::new(root), folders: Folders::default(), spool }) })
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        key: &Key,
        work: impl FnOnce(&Inner, &Key) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        blocking(move || work(&inner, &key)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable {
        message: "a store operation was cut off".into(),
        retry_after: None,
        source: Some(error.into()),
    })?
}

/// What an operating system error means for whoever uses the store.
fn broken(at: &Path, error: io::Error) -> StoreError {
    use io::ErrorKind as Kind;
    let message = format!("{}: {error}", at.display());
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => StoreError::Full(Some(error.into())),
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::NotADirectory => {
            StoreError::Refused(message, Some(error.into()))
        }
        Kind::InvalidFilename => StoreError::InvalidKey(at.display().to_string()),
        _ => StoreError::Unavailable { message, retry_after: None, source: Some(error.into()) },
    }
}

impl Inner {
    /// Puts a finished file in its place, over what was there.
    fn replace(&self, key: &Key, temp: TempFile) -> Result<(), StoreError> {
        let target = self.paths.of(key);
        self.in_folder(&target, |target| temp.rename_to(target))
    }

    /// Puts a finished file in its place unless one is there.
    fn place(&self, key: &Key, temp: &TempFile) -> Result<bool, StoreError> {
        let target = self.paths.of(key);
        let mut placed = true;
        self.in_folder(&target, |target| match temp.link_to(target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                placed = false;
                Ok(())
            }
            other => other,
        })?;
        Ok(placed)
    }

    /// Makes the folder, does the work there and makes both last. A delete may remove an empty folder in between.
    fn in_folder(&self, target: &Path, mut work: impl FnMut(&Path) -> io::Result<()>) -> Result<(), StoreError> {
        const RACES: usize = 100;
        let folder = target.parent().expect("an object's path has a parent");
        let mut attempt = 0;
        loop {
            let done = self
                .folders
                .make(self.paths.root(), folder)
                .and_then(|()| work(target))
                .and_then(|()| durable::sync_folder(folder));
            match done {
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < RACES => attempt += 1,
                other => return other.map_err(|error| broken(target, error)),
            }
        }
    }

    fn open(&self, key: &Key) -> Result<Option<(File, u64)>, StoreError> {
        let path = self.paths.of(key);
        // A pipe that somebody put there would hold the open up for ever.
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).and_then(|file| {
            let meta = file.metadata()?;
            Ok(meta.is_file().then_some((file, meta.len())))
        });
        match opened {
            Err(error) if is_absent(&error) => Ok(None),
            other => other.map_err(|error| broken(&path, error)),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[async_trait]
impl Store for FileStore {
    async fn put(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<(), StoreError> {
        let sha256 = meta.sha256;
        self.with(key, move |store, key| {
            let temp = store.spool.write(key, &bytes, sha256)?;
            store.replace(key, temp)
        })
        .await
    }

    async fn put_file(&self, key: &Key, path: &Path, meta: &ObjectMeta) -> Result<(), StoreError> {
        let (path, sha256) = (path.to_owned(), meta.sha256);
        self.with(key, move |store, key| {
            let temp = store.spool.copy(key, &path, sha256)?;
            store.replace(key, temp)
        })
        .await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<bool, StoreError> {
        let sha256 = meta.sha256;
        self.with(key, move |store, key| {
            if store.open(key)?.is_some() {
                // Whoever wrote it may not have come to making it last.
                let path = store.paths.of(key);
                let folder = path.parent().expect("an object's path has a parent");
                durable::sync_folder(folder).map_err(|error| broken(folder, error))?;
                return Ok(false);
            }
            let temp = store.spool.write(key, &bytes, sha256)?;
            store.place(key, &temp)
        })
        .await
    }

    async fn get(&self, key: &Key, limit: u64) -> Result<Option<Bytes>, StoreError> {
        self.with(key, move |store, key| {
            let Some((file, bytes)) = store.open(key)? else { return Ok(None) };
            if bytes > limit {
                return Err(StoreError::TooLarge { key: key.clone(), bytes, limit });
            }
            read(file, bytes).map(Some).map_err(|error| broken(&store.paths.of(key), error))
        })
        .await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.with(key, move |store, key| {
            let (mut file, bytes) = store.open(key)?.ok_or_else(|| StoreError::NotFound(key.clone()))?;
            let wanted = range.end.min(bytes).saturating_sub(range.start);
            if wanted == 0 {
                return Ok(Bytes::new());
            }
            file.seek(SeekFrom::Start(range.start))
                .and_then(|_| read(file, wanted))
                .map_err(|error| broken(&store.paths.of(key), error))
        })
        .await
    }

    async fn fetch(&self, key: &Key, path: &Path) -> Result<u64, StoreError> {
        let path = path.to_owned();
        self.with(key, move |store, key| {
            let (mut file, _) = store.open(key)?.ok_or_else(|| StoreError::NotFound(key.clone()))?;
            let copied = File::create(&path).and_then(|mut copy| io::copy(&mut file, &mut copy));
            copied.map_err(|error| {
                // Half an object only takes room.
                let _ = std::fs::remove_file(&path);
                broken(&path, error)
            })
        })
        .await
    }

    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.with(key, move |store, key| {
            let path = store.paths.of(key);
            match std::fs::symlink_metadata(&path) {
                Ok(meta) => Ok(meta.is_file().then(|| listing::info(key.clone(), &meta))),
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(broken(&path, error)),
            }
        })
        .await
    }

    async fn list(&self, prefix: &Key, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let after = after.map(str::to_owned);
        self.with(prefix, move |store, prefix| listing::page(&store.paths, prefix, after.as_deref(), limit)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.with(key, move |store, key| {
            let path = store.paths.of(key);
            let folder = path.parent().expect("an object's path has a parent");
            let removed = std::fs::remove_file(&path).and_then(|()| durable::sync_folder(folder));
            match removed {
                Err(error) if !is_absent(&error) => return Err(broken(&path, error)),
                _ => {}
            }
            durable::remove_empty(store.paths.root(), folder);
            Ok(())
        })
        .await
    }

    async fn presign_get(&self, _key: &Key, _valid_for: Duration) -> Result<String, StoreError> {
        Err(StoreError::Unsupported("give out URLs: its objects are files of one machine"))
    }

    async fn presign_put(&self, _key: &Key, _valid_for: Duration) -> Result<String, StoreError> {
        Err(StoreError::Unsupported("take uploads by URL: its objects are files of one machine"))
    }

    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.inner.paths.of(key))
    }
}

fn read(file: File, bytes: u64) -> io::Result<Bytes> {
    let mut buffer = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    file.take(bytes).read_to_end(&mut buffer)?;
    Ok(buffer.into())
}
