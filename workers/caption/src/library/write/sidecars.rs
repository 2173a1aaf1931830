//! A text file beside each image, as kohya's trainers (sd-scripts, `--caption_extension .txt`) read captions.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tar::{Builder, Header};

use medley_media::member_names;

use crate::Row;

pub(super) struct Sidecars(Builder<BufWriter<File>>);

impl Sidecars {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(Builder::new(BufWriter::new(File::create(path)?))))
    }

    pub(super) fn add(&mut self, row: &Row) -> io::Result<()> {
        let path = PathBuf::from(member_names::member(&row.path)).with_extension("txt");
        append_member(&mut self.0, &path, row.caption.as_bytes())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.0.into_inner()?.flush()
    }
}

/// Adds a file to an archive, without times and owners, so that the archive is the same each time.
pub(crate) fn append_member(archive: &mut Builder<impl Write>, path: &Path, bytes: &[u8]) -> io::Result<()> {
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
    fn odd_names_are_packed_and_nothing_is_unpacked_outside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sidecars.tar");
        let mut sidecars = Sidecars::create(&path).unwrap();
        let long = format!("{}/b.jpg", "x".repeat(300));
        for name in ["../../etc/a.jpg", "/b\0c.jpg", "d\n\u{1b}[2J.jpg", "..\\..\\e.jpg", "a.b.jpg", &long] {
            sidecars.add(&Row { path: name.into(), caption: "a caption".into(), ..Row::default() }).unwrap();
        }
        sidecars.finish().unwrap();
        let mut archive = tar::Archive::new(File::open(path).unwrap());
        let names: Vec<_> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
        let long = format!("{}/b.txt", "x".repeat(300));
        assert_eq!(names, ["etc/a.txt", "b_c.txt", "d__[2J.txt", "e.txt", "a.b.txt", &long]);
    }
}
