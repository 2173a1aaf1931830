//! A text file beside each image, as kohya's trainers (sd-scripts, `--caption_extension .txt`) read captions.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Component, Path, PathBuf},
};

use tar::{Builder, Header};

use crate::Row;

pub(super) struct Sidecars(Builder<BufWriter<File>>);

impl Sidecars {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(Builder::new(BufWriter::new(File::create(path)?))))
    }

    pub(super) fn add(&mut self, row: &Row) -> io::Result<()> {
        let path = below(&row.path).with_extension("txt");
        append(&mut self.0, &path, row.caption.as_bytes())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.0.into_inner()?.flush()
    }
}

/// The path without what could lead out of the folder where an archive is unpacked.
fn below(path: &str) -> PathBuf {
    let parts = Path::new(path).components();
    parts.filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// Adds a file to an archive; the same bytes each time.
pub(crate) fn append(archive: &mut Builder<impl Write>, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    archive.append_data(&mut header, path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_unpacked_outside() {
        assert_eq!(below("a/b.jpg"), Path::new("a/b.jpg"));
        assert_eq!(below("/etc/../b.jpg"), Path::new("etc/b.jpg"));
    }
}
