//! What a job reads, as its user gives it: checked, hashed and put where every worker finds it.

use std::{
    collections::HashMap,
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use medley_net::Address;
use medley_proto::{ErrorCode, Input, Name, Sha256, Source};
use medley_step::StepError;
use sha2::Digest;

use crate::{
    Error, LimitSettings, Medley,
    fetch::file_uri,
    layout::keys::tenant,
    store::{Key, ObjectInfo, ObjectMeta},
};

/// An uploaded input is used again by other jobs for so long: half of the shortest time that inputs are kept.
const REUSE_MS: u64 = 43_200_000;

/// An input as the user gives it.
#[derive(Debug, Clone)]
pub enum InputRequest {
    /// A file of this machine. With a store of local files it stays where it is; otherwise it is uploaded. A folder,
    /// for kinds that take one, always stays: all workers must see it at the same path.
    File(PathBuf),
    /// `file:`, or a scheme that a fetcher serves; for kinds that take a folder one may end with `/`.
    Uri(Address),
    /// The text itself, at most 64 KiB.
    Text(String),
    /// One that lies in the tenant's store already.
    Stored(Input),
}

impl InputRequest {
    /// What tells this request from others, secrets too: for a digest, and not to be shown.
    pub fn identity(&self) -> String {
        match self {
            Self::Uri(address) => format!("Uri({:?})", address.reveal()),
            other => format!("{other:?}"),
        }
    }
}

/// An input that was checked; nothing of it is in the store yet.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) input: Input,
    pub(crate) upload: Option<Upload>,
    /// Its whole address, where the input shows only a part of it.
    pub(crate) hidden: Option<Address>,
}

impl From<Input> for Accepted {
    fn from(input: Input) -> Self {
        Self { input, upload: None, hidden: None }
    }
}

/// A file of this machine that the workers read from the store.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) key: Key,
    file: KnownFile,
}

impl Upload {
    /// Whether it is the object that a job calls so, below its tenant.
    pub(crate) fn is(&self, below: &str) -> bool {
        self.key.as_str().split_once('/').is_some_and(|(_, own)| own == below)
    }
}

impl Medley {
    /// Checks an input.
    pub(crate) async fn accept(&self, of: &Name, given: InputRequest, folders: bool) -> Result<Accepted, Error> {
        let file = async |path: PathBuf| -> Result<Accepted, Error> {
            if folders && path.is_dir() {
                Ok(self.accept_folder(path).await?.into())
            } else {
                self.accept_file(of, &path).await
            }
        };
        match given {
            InputRequest::File(path) => file(path).await,
            InputRequest::Uri(address) => match file_uri::path_of(address.reveal()) {
                Some(path) => file(path).await,
                None => {
                    let input = if folders && self.is_remote_folder(&address) {
                        self.accept_remote(&address).await?
                    } else {
                        self.accept_address(&address)?
                    };
                    let hidden = Some(address).filter(Address::hides_something);
                    Ok(Accepted { input, upload: None, hidden })
                }
            },
            InputRequest::Text(text) => Ok(accept_text(text)?.into()),
            InputRequest::Stored(input) => Ok(input.into()),
        }
    }

    async fn accept_file(&self, of: &Name, path: &Path) -> Result<Accepted, Error> {
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
        let known = self.hash_file(name.clone(), path.to_owned()).await?;
        let mut input = Input {
            name,
            source: Source::Uri(file_uri::of(&known.path)),
            sha256: Some(known.sha256),
            bytes: Some(known.bytes),
            media_type: None,
        };
        let key = tenant::input(of, known.sha256, &input.name);
        if self.store.local_path(&key).is_some() {
            self.check_workers_read(&input.name, path).await?;
            return Ok(input.into());
        }
        let (_, below) = key.as_str().split_once('/').unwrap_or_default();
        input.source = Source::Stored(below.to_owned());
        Ok(Accepted { input, upload: Some(Upload { key, file: known }), hidden: None })
    }

    /// Puts a file where the workers find it, unless it is there.
    pub(crate) async fn put_upload(&self, upload: &Upload) -> Result<(), Error> {
        let Upload { key, file } = upload;
        let now_ms = self.clock.now_ms();
        // One that was uploaded long ago may be about to be removed; uploading it again makes it young.
        let fresh =
            |object: ObjectInfo| object.bytes == file.bytes && now_ms.saturating_sub(object.modified_ms) < REUSE_MS;
        if !self.store.head(key).await?.is_some_and(fresh) {
            let meta = ObjectMeta { media_type: None, sha256: Some(file.sha256) };
            self.store.put_file(key, &file.path, &meta).await?;
        }
        Ok(())
    }

    fn accept_address(&self, address: &Address) -> Result<Input, StepError> {
        if !self.fetchers.iter().any(|fetcher| fetcher.serves(address)) {
            let message = match address.to_string().split_once(':') {
                Some((scheme, _)) => format!("{address}: inputs by '{scheme}:' are not served here; give a local file"),
                None => format!("{address} is no URL; give a local file"),
            };
            return Err(StepError::permanent(ErrorCode::INPUT_SCHEME_UNSUPPORTED, message));
        }
        let source = Source::Uri(address.to_string());
        Ok(Input { name: address.name(), source, sha256: None, bytes: None, media_type: None })
    }

    /// Whether the workers may read what stays on this machine's disks; refused now and not when the job runs.
    pub(crate) async fn check_workers_read(&self, name: &str, path: &Path) -> Result<(), StepError> {
        let Some(roots) = self.worker_roots.clone() else { return Ok(()) };
        let (name, path) = (name.to_owned(), path.to_owned());
        let inside = tokio::task::spawn_blocking(move || match below(&path, &roots) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let message = format!(
                    "{name}: no worker may read {}; name its folder in limits.file_roots of medley.toml, here and where \
                     the workers run, or put it into a bucket",
                    path.display()
                );
                Err(StepError::permanent(ErrorCode::INPUT_FORBIDDEN, message))
            }
            Err(error) => Err(refused(&name, &path, error)),
        });
        inside.await.map_err(|panic| StepError::internal("an input could not be looked at").because(panic))?
    }

    /// The hash of a local file below the allowed roots; what did not change since it was last asked for is not read
    /// again.
    pub(crate) async fn hash_file(&self, name: String, path: PathBuf) -> Result<KnownFile, StepError> {
        let (hashes, limits) = (self.hashes.clone(), self.settings.clone());
        tokio::task::spawn_blocking(move || hashes.of(&name, &path, &limits.limits))
            .await
            .map_err(|panic| StepError::internal("an input could not be hashed").because(panic))?
    }
}

fn accept_text(text: String) -> Result<Input, StepError> {
    if text.trim().is_empty() {
        return Err(StepError::permanent(ErrorCode::MEDIA_EMPTY, "the text is empty; give one"));
    }
    if text.len() > LimitSettings::MOST_TEXT_BYTES {
        let message = format!("the text has {} bytes, more than 65,536; put it into a file", text.len());
        return Err(StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message));
    }
    Ok(Input {
        name: "text".into(),
        sha256: Some(Sha256::of(text.as_bytes())),
        bytes: Some(text.len() as u64),
        media_type: Some("text/plain".into()),
        source: Source::Text(text),
    })
}

/// A file of this machine as it is now.
#[derive(Debug, Clone)]
pub(crate) struct KnownFile {
    /// Absolute, as it was given: it may lead over links, and its name is the one that people know.
    pub(crate) path: PathBuf,
    pub(crate) sha256: Sha256,
    pub(crate) bytes: u64,
}

/// Tells one state of a file from the next.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed_ns: i128,
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        let changed_ns = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
        Self { device: meta.dev(), inode: meta.ino(), bytes: meta.len(), changed_ns }
    }
}

/// Hashes of files, remembered as long as the files do not change.
#[derive(Debug, Default)]
pub(crate) struct Hashes(Mutex<HashMap<Stamp, Sha256>>);

/// The memory of hashes is emptied when it holds so many.
const MOST_HASHES: usize = 4_096;

impl Hashes {
    fn of(&self, name: &str, path: &Path, limits: &LimitSettings) -> Result<KnownFile, StepError> {
        let refuse = |error: io::Error| refused(name, path, error);
        let real = allowed(name, path, limits)?;
        // A pipe without a writer would hold the open up for ever.
        let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(real).map_err(refuse)?;
        let meta = file.metadata().map_err(refuse)?;
        check(name, path, &meta, limits)?;
        let stamp = Stamp::of(&meta);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&stamp).copied();
        let sha256 = match known {
            Some(sha256) => sha256,
            None => hash(&mut file).map_err(refuse)?,
        };
        let mut hashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hashes.len() >= MOST_HASHES {
            hashes.clear();
        }
        hashes.insert(stamp, sha256);
        let path = std::path::absolute(path).map_err(refuse)?;
        Ok(KnownFile { path, sha256, bytes: meta.len() })
    }
}

/// The path without links, when it lies below an allowed root.
pub(crate) fn allowed(name: &str, path: &Path, limits: &LimitSettings) -> Result<PathBuf, StepError> {
    let real = real(path).map_err(|error| refused(name, path, error))?;
    if !lies_below(&real, &limits.file_roots) {
        let message = format!("{name}: {} lies outside the folders of limits.file_roots", path.display());
        return Err(StepError::permanent(ErrorCode::INPUT_FORBIDDEN, message));
    }
    Ok(real)
}

fn real(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path).and_then(|path| path.canonicalize())
}

fn lies_below(real: &Path, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| root.canonicalize().is_ok_and(|root| real.starts_with(root)))
}

fn below(path: &Path, roots: &[PathBuf]) -> io::Result<bool> {
    Ok(lies_below(&real(path)?, roots))
}

fn check(name: &str, path: &Path, meta: &Metadata, limits: &LimitSettings) -> Result<(), StepError> {
    let kind = meta.file_type();
    let no_file = |what: &str| {
        let message = format!("{name}: {} is {what}; give a file", path.display());
        Err(StepError::permanent(ErrorCode::INPUT_NOT_A_FILE, message))
    };
    if kind.is_dir() {
        return no_file("a folder");
    }
    if kind.is_fifo() || kind.is_socket() {
        return no_file("a pipe");
    }
    if !kind.is_file() {
        return no_file("a device");
    }
    if meta.len() == 0 {
        return Err(StepError::permanent(ErrorCode::MEDIA_EMPTY, format!("{name} is empty; give a file with content")));
    }
    if meta.len() > limits.input_bytes {
        let message = format!("{name} has {} bytes, more than limits.input_bytes = {}", meta.len(), limits.input_bytes);
        return Err(StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message));
    }
    Ok(())
}

pub(crate) fn refused(name: &str, path: &Path, error: io::Error) -> StepError {
    let path = path.display();
    let (code, message) = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            (ErrorCode::INPUT_NOT_FOUND, format!("{name}: there is no file {path}; check the path"))
        }
        io::ErrorKind::PermissionDenied => {
            (ErrorCode::INPUT_FORBIDDEN, format!("{name}: {path} may not be read; check its permissions"))
        }
        io::ErrorKind::IsADirectory => {
            (ErrorCode::INPUT_NOT_A_FILE, format!("{name}: {path} is a folder; give a file"))
        }
        _ if error.raw_os_error() == Some(libc::ELOOP) => {
            (ErrorCode::INPUT_NOT_FOUND, format!("{name}: the links at {path} lead in a circle; check the path"))
        }
        _ if error.raw_os_error() == Some(libc::ENAMETOOLONG) => {
            (ErrorCode::INPUT_NOT_FOUND, format!("{name}: no file has so long a name; check the path"))
        }
        // ENXIO: a socket, or a device that is not there.
        _ if error.raw_os_error() == Some(libc::ENXIO) => {
            (ErrorCode::INPUT_NOT_A_FILE, format!("{name}: {path} is a pipe or device; give a file"))
        }
        _ => {
            let message = format!("{name}: {path} cannot be read now");
            return StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, message).because(error);
        }
    };
    StepError::permanent(code, message).because(error)
}

/// The SHA-256 of what is left to read of a file.
pub(crate) fn hash(file: &mut File) -> io::Result<Sha256> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Sha256::new(hash.finalize().into())),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(root: &Path) -> LimitSettings {
        LimitSettings { file_roots: vec![root.to_owned()], input_bytes: 1_000, ..LimitSettings::default() }
    }

    fn code(path: &Path, limits: &LimitSettings) -> String {
        Hashes::default().of("x", path, limits).unwrap_err().code().to_string()
    }

    #[test]
    fn what_is_no_usable_file_has_a_code_each() {
        let folder = tempfile::tempdir().unwrap();
        let (at, limits) = (|name: &str| folder.path().join(name), limits(folder.path()));
        std::fs::write(at("empty"), b"").unwrap();
        std::fs::write(at("large"), [0; 1_001]).unwrap();
        std::fs::write(at("good"), b"abc").unwrap();
        let pipe = std::ffi::CString::new(at("pipe").to_str().unwrap()).unwrap();
        // SAFETY: the path is a terminated string that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        std::os::unix::fs::symlink(at("loop-2"), at("loop")).unwrap();
        std::os::unix::fs::symlink(at("loop"), at("loop-2")).unwrap();
        for (name, expected) in [
            ("missing", "input_not_found"),
            ("good/below", "input_not_found"),
            ("", "input_not_a_file"),
            ("pipe", "input_not_a_file"),
            ("socket", "input_not_a_file"),
            ("empty", "media_empty"),
            ("large", "media_too_large"),
            ("link", "input_forbidden"),
            ("../", "input_forbidden"),
            ("loop", "input_not_found"),
            (&"x".repeat(300), "input_not_found"),
        ] {
            assert_eq!(code(&at(name), &limits), expected, "{name:?}");
        }
        let everywhere = LimitSettings { file_roots: vec!["/".into()], ..LimitSettings::default() };
        assert_eq!(code(Path::new("/dev/null"), &everywhere), "input_not_a_file");
        assert_eq!(Hashes::default().of("x", &at("good"), &limits).unwrap().sha256, Sha256::of(b"abc"));
    }

    #[test]
    fn a_link_is_called_by_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let (at, limits) = (|name: &str| folder.path().join(name), limits(folder.path()));
        std::fs::write(at("0123abcd"), b"abc").unwrap();
        std::fs::create_dir(at("cafe")).unwrap();
        for (link, target) in [("x.png", "0123abcd"), ("folder.png", "cafe"), ("gone.png", "beef"), ("out.png", "..")] {
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
        }
        assert_eq!(Hashes::default().of("x.png", &at("x.png"), &limits).unwrap().path, at("x.png"));
        for (link, target) in [("folder.png", "cafe"), ("gone.png", "beef")] {
            let error = Hashes::default().of(link, &at(link), &limits).unwrap_err().to_string();
            assert!(error.contains(link) && !error.contains(target), "{error}");
        }
    }

    #[test]
    fn a_file_that_changed_is_hashed_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, limits, hashes) = (folder.path().join("a"), limits(folder.path()), Hashes::default());
        std::fs::write(&path, b"one").unwrap();
        assert_eq!(hashes.of("a", &path, &limits).unwrap().sha256, Sha256::of(b"one"));
        std::fs::write(folder.path().join("b"), b"two").unwrap();
        std::fs::rename(folder.path().join("b"), &path).unwrap();
        assert_eq!(hashes.of("a", &path, &limits).unwrap().sha256, Sha256::of(b"two"));
    }
}
