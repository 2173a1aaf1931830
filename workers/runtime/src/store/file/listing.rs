use std::{
    fs::{self, FileType, Metadata},
    io,
    path::Path,
    time::UNIX_EPOCH,
};

use super::{
    broken, is_absent,
    paths::{Paths, segment_of_folder},
};
use crate::store::{Key, ObjectInfo, PAGE_LIMIT, Page, StoreError};

pub(super) fn info(key: Key, meta: &Metadata) -> ObjectInfo {
    let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    ObjectInfo { key, bytes: meta.len(), modified_ms: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX) }
}

/// The objects below `prefix` in the order of their keys' bytes.
pub(super) fn page(paths: &Paths, prefix: &Key, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
    let limit = limit.clamp(1, PAGE_LIMIT);
    let mut walk = Walk { after: after.unwrap_or(""), wanted: limit + 1, found: Vec::new() };
    let folder = paths.folder(prefix.as_str());
    walk.folder(&folder, &format!("{prefix}/")).map_err(|error| broken(&folder, error))?;
    let mut objects = walk.found;
    let more = objects.len() > limit;
    objects.truncate(limit);
    let next = objects.last().filter(|_| more).map(|last| last.key.as_str().to_owned());
    Ok(Page { objects, next })
}

struct Walk<'a> {
    after: &'a str,
    wanted: usize,
    found: Vec<ObjectInfo>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for (name, path) in children(folder)? {
            let key = format!("{prefix}{name}");
            if self.found.len() >= self.wanted {
                return Ok(());
            }
            if key.ends_with('/') {
                // Every key below starts with `key`, so they are all before or all after what does not.
                if self.after < key.as_str() || self.after.starts_with(&key) {
                    self.folder(&path, &key)?;
                }
            } else if self.after < key.as_str() {
                self.file(&path, &key)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, key: &str) -> io::Result<()> {
        let Ok(key) = Key::parse(key) else { return Ok(()) };
        match fs::symlink_metadata(path) {
            Ok(meta) => self.found.push(info(key, &meta)),
            // Deleted since the folder was read.
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// What a folder holds, as the keys go on: files by name, folders by name and `/`.
fn children(folder: &Path) -> io::Result<Vec<(String, std::path::PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        other => other?,
    };
    let mut children = Vec::new();
    for entry in entries {
        let entry = entry?;
        let kind = match entry.file_type() {
            Err(error) if is_absent(&error) => continue,
            other => other?,
        };
        if let Some(name) = entry.file_name().to_str().and_then(|name| continuation(name, kind)) {
            children.push((name, entry.path()));
        }
    }
    children.sort_unstable();
    Ok(children)
}

fn continuation(name: &str, kind: FileType) -> Option<String> {
    if kind.is_dir() {
        segment_of_folder(name).map(|segment| format!("{segment}/"))
    } else {
        (kind.is_file() && !name.contains('%')).then(|| name.to_owned())
    }
}
