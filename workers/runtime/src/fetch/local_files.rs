//! Files of this machine: which of them a job may read, and their hashes.

use std::{
    collections::HashMap,
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use medley_proto::{ErrorCode, Sha256};
use medley_step::StepError;
use sha2::Digest;

use crate::LimitSettings;

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
const MAX_HASHES: usize = 4_096;

impl Hashes {
    pub(super) fn of(&self, name: &str, path: &Path, limits: &LimitSettings) -> Result<KnownFile, StepError> {
        let refuse = |error: io::Error| refused(name, path, error);
        let real = allowed(name, path, limits)?;
        // Opening a pipe without a writer would block forever.
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
        if hashes.len() >= MAX_HASHES {
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

pub(crate) fn lies_below_any(path: &Path, roots: &[PathBuf]) -> io::Result<bool> {
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
