//! Keys as paths. A key may be an object and the beginning of others at once (`a` and `a/b`), a file cannot be a folder:
//! folders end in `%`, which no key contains. Files keep their names, so that what reads them sees their extension.

use std::path::{Path, PathBuf};

use crate::store::Key;

/// The longest file name of the usual file systems.
const NAME_MAX: usize = 255;

#[derive(Debug)]
pub(super) struct Paths {
    root: PathBuf,
}

impl Paths {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The file that holds an object.
    pub(super) fn of(&self, key: &Key) -> PathBuf {
        match key.as_str().rsplit_once('/') {
            None => self.root.join(key.as_str()),
            Some((above, name)) => self.folder(above).join(name),
        }
    }

    /// The folder that holds the objects below a key.
    pub(super) fn folder(&self, key: &str) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(key.split('/').map(folder_name));
        path
    }
}

/// A segment so long that nothing can be added to it stays as it is, and cannot be an object as well.
fn folder_name(segment: &str) -> String {
    if segment.len() < NAME_MAX { format!("{segment}%") } else { segment.to_owned() }
}

/// The segment that a folder stands for; none for folders that are not of keys.
pub(super) fn segment_of_folder(name: &str) -> Option<&str> {
    match name.strip_suffix('%') {
        Some(segment) if !segment.is_empty() => Some(segment),
        None if name.len() == NAME_MAX => Some(name),
        _ => None,
    }
}
