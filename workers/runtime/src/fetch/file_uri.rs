//! `file:` URIs of local paths (RFC 8089), any bytes of a path percent-encoded.

use std::{
    ffi::OsString,
    fmt::Write,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

pub(crate) fn of(path: &Path) -> String {
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(*byte)),
            other => write!(uri, "%{other:02X}").expect("a string takes all that is written"),
        }
    }
    uri
}

/// The path of a `file:` URI of this machine; none for anything else.
pub(crate) fn path_of(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file:")?;
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => path,
    };
    if !path.starts_with('/') {
        return None;
    }
    percent_decoded(path).map(|bytes| OsString::from_vec(bytes).into())
}

/// The bytes that a part of a URI stands for; none when a `%` is not followed by two digits.
pub(crate) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let hex = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_path_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let path = PathBuf::from(OsString::from_vec([b"/".as_slice(), &bytes].concat()));
            prop_assert_eq!(path_of(&of(&path)), Some(path));
        }
    }

    #[test]
    fn only_local_files_have_a_path() {
        assert_eq!(path_of("file:/a%20b"), Some("/a b".into()));
        assert_eq!(path_of("file://localhost/a"), Some("/a".into()));
        for other in ["file://host/a", "file:a", "https://x/y", "file:///a%2", "file:///a%zz", "s3://b/k"] {
            assert_eq!(path_of(other), None, "{other}");
        }
    }
}
