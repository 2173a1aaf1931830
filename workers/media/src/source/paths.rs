//! Paths that do not lead out of their folder.

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use medley_proto::ErrorCode;

use super::RowError;
use super::{Location, refused};

/// Resolves an image's path, links included, and refuses one that leads out of `root`, which is resolved already.
pub(super) fn inside(root: &Path, shown: &str, at: &Location) -> Result<PathBuf, RowError> {
    let below = match at {
        Location::RawPath(hex) => unhex(hex).map(|bytes| OsString::from_vec(bytes).into()),
        _ => Some(PathBuf::from(shown)),
    };
    let below = below.ok_or_else(|| refused(shown, ErrorCode::INTERNAL, "is listed wrongly; please report it"))?;
    match root.join(below).canonicalize() {
        Ok(path) if !path.starts_with(root) => {
            Err(refused(shown, ErrorCode::INPUT_FORBIDDEN, "leads out of the library's folder; copy it into it"))
        }
        Ok(path) if path.is_dir() => Err(refused(shown, ErrorCode::INPUT_NOT_A_FILE, "is a folder; list files")),
        Ok(path) => Ok(path),
        Err(error) => Err(unreadable(shown, &error)),
    }
}

pub(super) fn unreadable(shown: &str, error: &io::Error) -> RowError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            refused(shown, ErrorCode::INPUT_NOT_FOUND, "there is no such file; check the path")
        }
        io::ErrorKind::PermissionDenied => {
            refused(shown, ErrorCode::INPUT_FORBIDDEN, "may not be read; check its permissions")
        }
        _ => refused(shown, ErrorCode::INPUT_NOT_FOUND, &format!("cannot be read ({error})")),
    }
}

/// A path as text, and its location, which has the raw bytes when the text cannot name the file.
pub(super) fn shown(below: &Path) -> (String, Location) {
    match below.to_str() {
        Some(path) => (path.to_owned(), Location::Path),
        None => (below.to_string_lossy().into_owned(), Location::RawPath(hex(below.as_os_str().as_bytes()))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_no_text_are_found_again() {
        let odd = PathBuf::from(OsString::from_vec(b"a\xff/b\xfe.jpg".to_vec()));
        let (text, at) = shown(&odd);
        assert_eq!(text, "a\u{fffd}/b\u{fffd}.jpg");
        let Location::RawPath(raw) = &at else { panic!("{at:?}") };
        assert_eq!(unhex(raw), Some(b"a\xff/b\xfe.jpg".to_vec()));
        assert_eq!(shown(Path::new("a/b.jpg")), ("a/b.jpg".into(), Location::Path));
    }
}
