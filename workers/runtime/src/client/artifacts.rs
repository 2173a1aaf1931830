//! Artifacts and manifest of a finished job, put into a folder of its user's.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Artifact, ErrorCode, JobId, Name};
use medley_step::StepError;

use super::Client;
use crate::{
    Error,
    fetch::local_files,
    layout::{
        identity::{Fate, Identity},
        keys::JobKeys,
    },
};

/// What the folder of unfinished files is called before and behind its process.
const UNFINISHED: (&str, &str) = (".medley-unfinished-", ".part");

impl Client {
    /// Puts the artifacts of a finished job, as they are at its newest revision, and its `manifest.json` into a folder; what
    /// is there already and the same stays. Each file comes into its place whole: a link of its name is replaced and not
    /// followed, and a pipe or device is refused. Returns the artifacts' paths in the manifest's order.
    ///
    /// # Errors
    /// [`Error::NotFinished`], [`Error::NoSuchJob`], one of the store, or when a file cannot be written.
    pub fn fetch<'a>(&'a self, of: &'a Name, job: JobId, into: &'a Path) -> BoxFuture<'a, Result<Vec<PathBuf>, Error>> {
        async move {
            let mut manifest = self.manifest(of, job).await?;
            manifest.artifacts = self.artifacts_at(of, job, None).await?;
            let keys = JobKeys::new(of, job);
            let made = tokio::fs::create_dir_all(into).await;
            made.map_err(|error| Error::local(format!("{} cannot be made", into.display()), error))?;
            let unfinished = Unfinished::open(into)?;
            let mut paths = Vec::with_capacity(manifest.artifacts.len());
            for artifact in &manifest.artifacts {
                paths.push(self.fetch_artifact(&keys, artifact, into, &unfinished).await?);
            }
            let text = serde_json::to_vec_pretty(&manifest).map_err(StepError::from)?;
            let (part, path) = (unfinished.file("manifest.json"), into.join("manifest.json"));
            check_target(&path)?;
            let written = tokio::fs::write(&part, text).await;
            written.map_err(|error| cannot_write(&path, error))?;
            place(&part, &path)?;
            Ok(paths)
        }
        .boxed()
    }

    /// A small artifact's bytes; none when it is not there or has more than `max_bytes`.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read_artifact<'a>(
        &'a self,
        of: &'a Name,
        job: JobId,
        artifact: &'a Artifact,
        max_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<bytes::Bytes>, Error>> {
        async move {
            if artifact.bytes > max_bytes {
                return Ok(None);
            }
            Ok(self.backend.store.get(&JobKeys::new(of, job).artifact(artifact)?, max_bytes).await?)
        }
        .boxed()
    }

    async fn fetch_artifact(
        &self,
        keys: &JobKeys,
        artifact: &Artifact,
        into: &Path,
        unfinished: &Unfinished,
    ) -> Result<PathBuf, Error> {
        // A valid key has valid segments: the name cannot leave the folder.
        let key = keys.artifact(artifact)?;
        let path = into.join(&artifact.name);
        check_target(&path)?;
        if same(path.clone(), artifact.clone()).await {
            return Ok(path);
        }
        let part = unfinished.file(&artifact.sha256.to_string());
        self.backend.store.fetch(&key, &part).await?;
        if !same(part.clone(), artifact.clone()).await {
            let message = format!("{} arrived damaged; fetch it again", artifact.name);
            return Err(StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, message).into());
        }
        place(&part, &path)?;
        Ok(path)
    }
}

/// A folder of this process beside the files that it becomes, so that each is renamed into its place. It goes with
/// whatever is in it when the files are there or cannot be written.
struct Unfinished(PathBuf);

impl Unfinished {
    fn open(into: &Path) -> Result<Self, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        sweep(into);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (before, behind) = UNFINISHED;
        let folder = into.join(format!("{before}{}-{number}{behind}", Identity::own()));
        // Fails when anything is there, a link too.
        fs::create_dir(&folder).map_err(|error| cannot_write(into, error))?;
        Ok(Self(folder))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what processes that died left unfinished.
fn sweep(into: &Path) {
    let Ok(entries) = fs::read_dir(into) else { return };
    for entry in entries.flatten() {
        if writer(&entry.file_name()).is_some_and(|writer| writer.fate() == Fate::Dead) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn writer(name: &OsStr) -> Option<Identity> {
    let (before, behind) = UNFINISHED;
    name.to_str()?.strip_prefix(before)?.strip_suffix(behind)?.rsplit_once('-')?.0.parse().ok()
}

/// Files and links may be replaced; whatever else is there is somebody's.
fn check_target(path: &Path) -> Result<(), Error> {
    let refuse = |what: &str| {
        let message = format!("{} is {what}; choose another folder, or remove it", path.display());
        Err(StepError::permanent(ErrorCode::INPUT_NOT_A_FILE, message).into())
    };
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() || meta.is_symlink() => Ok(()),
        Ok(meta) if meta.is_dir() => refuse("a folder and not a file that could be replaced"),
        Ok(_) => refuse("a pipe or device and not a file that could be replaced"),
        Err(_) => Ok(()),
    }
}

fn place(part: &Path, path: &Path) -> Result<(), Error> {
    fs::rename(part, path).map_err(|error| cannot_write(path, error))
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::local(format!("{} cannot be written", path.display()), error)
}

/// Whether the file itself, and not one that it leads to, is the artifact.
async fn same(path: PathBuf, artifact: Artifact) -> bool {
    let same = move || -> io::Result<bool> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut file =
            fs::OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
        Ok(file.metadata()?.len() == artifact.bytes && local_files::hash(&mut file)? == artifact.sha256)
    };
    matches!(tokio::task::spawn_blocking(same).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_and_links_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), b"x").unwrap();
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("link")).unwrap();
        let pipe = std::ffi::CString::new(at("pipe").to_str().unwrap()).unwrap();
        // SAFETY: the path is a terminated string that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        for (name, allowed) in [("file", true), ("link", true), ("new", true), ("folder", false), ("pipe", false)] {
            assert_eq!(check_target(&at(name)).is_ok(), allowed, "{name}");
        }
    }

    #[test]
    fn what_the_dead_left_unfinished_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut parts: Vec<String> = Identity::own().to_string().split('.').map(Into::into).collect();
        parts[0] = "another-boot".into();
        let (before, behind) = UNFINISHED;
        let dead = folder.path().join(format!("{before}{}-0{behind}", parts.join(".")));
        fs::create_dir(&dead).unwrap();
        let own = Unfinished::open(folder.path()).unwrap();
        assert!(own.0.exists() && !dead.exists());
        let other = Unfinished::open(folder.path()).unwrap();
        assert!(own.0.exists() && other.0.exists());
        drop((own, other));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
