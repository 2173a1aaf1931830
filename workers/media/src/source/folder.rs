//! Walks a folder in the order of its names. In memory are the names of one folder for each level.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use medley_proto::ErrorCode;
use medley_step::StepError;

use super::{Accepts, Entry, Location, OnImage, Skipped, paths};

/// Deeper folders are skipped.
const MAX_LEVELS: usize = 64;

pub(super) fn walk(root: &Path, accepts: Accepts, on_image: &mut OnImage<'_>) -> Result<Skipped, StepError> {
    let mut skipped = Skipped::default();
    let mut walk = Walk { root, accepts, on_image, skipped: &mut skipped };
    walk.folder(root, 0)?;
    Ok(skipped)
}

struct Walk<'a, 'f> {
    root: &'a Path,
    accepts: Accepts,
    on_image: &'a mut OnImage<'f>,
    skipped: &'a mut Skipped,
}

impl Walk<'_, '_> {
    fn folder(&mut self, folder: &Path, level: usize) -> Result<(), StepError> {
        let listed = fs::read_dir(folder).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
        });
        let mut names = match listed {
            Ok(names) => names,
            Err(error) if level == 0 => return Err(error.into()),
            Err(_) => {
                self.skipped.folders += 1;
                return Ok(());
            }
        };
        // The folder of a job's outputs is not part of the library.
        if level > 0 && names.iter().any(|name| name == ".medley") {
            self.skipped.folders += 1;
            return Ok(());
        }
        names.sort_unstable();
        for name in names {
            let path = folder.join(&name);
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            if meta.is_dir() {
                if name.as_encoded_bytes().starts_with(b".") || level >= MAX_LEVELS {
                    self.skipped.folders += 1;
                } else {
                    self.folder(&path, level + 1)?;
                }
            } else {
                self.file(&path, &meta)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, meta: &fs::Metadata) -> Result<(), StepError> {
        let (shown, at) = paths::shown(path.strip_prefix(self.root).unwrap_or(path));
        if !(self.accepts)(&shown) {
            if fs::metadata(path).is_ok_and(|meta| meta.is_dir()) {
                self.skipped.folders += 1;
            } else {
                self.skipped.files += 1;
            }
            return Ok(());
        }
        (self.on_image)(entry(self.root, shown, at, meta))
    }
}

/// The entry of a file, from its metadata alone.
pub(super) fn entry(root: &Path, shown: String, at: Location, meta: &fs::Metadata) -> Entry {
    let is_link = meta.is_symlink();
    let followed = match paths::inside(root, &shown, &at) {
        Ok(path) if is_link => fs::metadata(path).ok(),
        Ok(_) => Some(meta.clone()),
        Err(error) => return Entry { bytes: 0, stamp: error.code.to_string(), at, path: shown, error: Some(error) },
    };
    match followed {
        Some(meta) if meta.is_file() => Entry { bytes: meta.len(), stamp: stamp(&meta), path: shown, at, error: None },
        _ => Entry::unreadable(shown, ErrorCode::INPUT_NOT_A_FILE, "is a pipe or a device; give files"),
    }
}

/// Writing to a file changes its `ctime`, which no program can set.
fn stamp(meta: &fs::Metadata) -> String {
    format!("{}.{:09}/{}.{:09}", meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec())
}
