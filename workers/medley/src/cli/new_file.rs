//! Files that commands write themselves.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use medley_proto::ErrorCode;

use super::Failed;

/// A file that comes into its place when it is whole, and goes when it does not get so far. A link at its place is replaced
/// and not followed; a pipe, device or folder is refused.
#[derive(Debug)]
pub(super) struct NewFile {
    part: PathBuf,
    place: PathBuf,
}

impl NewFile {
    pub(super) fn create(place: &Path) -> Result<(Self, File), Failed> {
        if fs::symlink_metadata(place).is_ok_and(|meta| !meta.is_file() && !meta.is_symlink()) {
            let message = format!("{} is no file that could be replaced; choose another name", place.display());
            return Err(Failed::job(ErrorCode::INPUT_NOT_A_FILE, message));
        }
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let part = place.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let file =
            OpenOptions::new().write(true).create_new(true).open(&part).map_err(|error| unwritable(place, &error))?;
        Ok((Self { part, place: place.to_owned() }, file))
    }

    pub(super) fn keep(self) -> Result<(), Failed> {
        fs::rename(&self.part, &self.place).map_err(|error| unwritable(&self.place, &error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.part);
    }
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failed {
    Failed::usage(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_comes_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), b"dear").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("x.npy")).unwrap();
        let (new, mut file) = NewFile::create(&at("x.npy")).unwrap();
        file.write_all(b"half").unwrap();
        drop(new);
        assert_eq!(fs::read(at("x.npy")).unwrap(), b"dear");
        let (new, mut file) = NewFile::create(&at("x.npy")).unwrap();
        file.write_all(b"whole").unwrap();
        new.keep().unwrap();
        assert_eq!(
            (fs::read(at("x.npy")).unwrap(), fs::read(at("victim")).unwrap()),
            (b"whole".into(), b"dear".into())
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing unfinished stays");
        assert!(NewFile::create(Path::new("/dev/null")).is_err() && NewFile::create(folder.path()).is_err());
    }
}
