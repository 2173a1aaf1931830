//! Reading files of a cache that may hold anything: never a pipe or a device, never more than was asked for.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// The largest text that the cache itself keeps (`models.lock`, `.stamps`): some thousand files.
const MAX_TEXT_BYTES: u64 = 4 << 20;

/// Opens a file for reading.
///
/// # Errors
/// `InvalidData` when it is no file; a pipe without a writer does not hold this up.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is {}", what(&meta))))
}

/// A file of text, of at most 4 MiB.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_TEXT_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {MAX_TEXT_BYTES} bytes")));
    }
    Ok(text)
}

/// What stands where a file is wanted.
pub(crate) fn what(meta: &fs::Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() || kind.is_socket() {
        "a pipe"
    } else {
        "a device"
    }
}
