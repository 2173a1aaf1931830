//! Folders below the work folder that belong to one process, and what becomes of them when it dies.

use std::path::{Path, PathBuf};

use super::identity::{Fate, Identity};

/// Where this process keeps its `what`.
pub(crate) fn own_folder(work_dir: &Path, what: &str) -> PathBuf {
    work_dir.join(Identity::own().to_string()).join(what)
}

/// Removes the folders of processes that are no more.
pub(crate) fn sweep(work_dir: &Path) {
    let Ok(folders) = std::fs::read_dir(work_dir) else { return };
    for folder in folders.flatten() {
        let identity = folder.file_name().to_str().and_then(|name| name.parse::<Identity>().ok());
        if identity.is_some_and(|identity| identity.fate() == Fate::Dead)
            && let Err(error) = std::fs::remove_dir_all(folder.path())
        {
            tracing::warn!(folder = %folder.path().display(), %error, "a folder that was left behind stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_of_the_dead_go() {
        let work = tempfile::tempdir().unwrap();
        let own = own_folder(work.path(), "steps");
        let mut parts: Vec<String> = Identity::own().to_string().split('.').map(Into::into).collect();
        parts[0] = "another-boot".into();
        let dead = work.path().join(parts.join("."));
        let foreign = work.path().join("something-else");
        for folder in [&own, &dead, &foreign] {
            std::fs::create_dir_all(folder).unwrap();
        }
        sweep(work.path());
        assert!(own.exists() && foreign.exists() && !dead.exists());
    }
}
