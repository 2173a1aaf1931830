use std::{collections::BTreeMap, fs, io, path::Path};

use medley_proto::Sha256;
use serde::{Deserialize, Serialize};

use crate::{ModelError, files};

/// `models.lock`: the hashes of files whose publisher gives none, as they were at the first pull. From then on they are
/// insisted on; deleting the file is the way to accept a new version.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// By model and file.
    hashes: BTreeMap<String, BTreeMap<String, Sha256>>,
}

impl Recorded {
    pub(crate) fn read(root: &Path) -> Result<Self, ModelError> {
        let path = root.join("models.lock");
        match files::read_text(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| damaged(&path, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            // What it is, or that it is no text.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged(&path, error)),
            Err(error) => Err(ModelError::Cache { path, source: error }),
        }
    }

    pub(crate) fn get(&self, model: &str, file: &str) -> Option<Sha256> {
        self.hashes.get(model)?.get(file).copied()
    }

    /// Adds a hash and writes the file; the caller holds the lock of the lock file.
    pub(crate) fn record(root: &Path, model: &str, file: &str, hash: Sha256) -> Result<(), ModelError> {
        let cache = |source| ModelError::Cache { path: root.into(), source };
        let guard = fs::File::create(root.join(".lock")).map_err(cache)?;
        guard.lock().map_err(cache)?;
        let mut all = Self::read(root)?;
        all.hashes.entry(model.into()).or_default().insert(file.into(), hash);
        let text = toml::to_string(&all).map_err(|error| damaged(&root.join("models.lock"), error))?;
        let draft = root.join(".models.lock");
        fs::write(&draft, text).map_err(cache)?;
        fs::rename(draft, root.join("models.lock")).map_err(cache)
    }
}

fn damaged(path: &Path, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ModelError {
    ModelError::Lock { path: path.into(), source: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hash_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Recorded::read(dir.path()).unwrap().get("m", "f"), None);
        let hash = Sha256::of(b"x");
        Recorded::record(dir.path(), "m", "f", hash).unwrap();
        Recorded::record(dir.path(), "m", "g", Sha256::of(b"y")).unwrap();
        assert_eq!(Recorded::read(dir.path()).unwrap().get("m", "f"), Some(hash));
    }

    #[test]
    fn a_damaged_lock_file_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("models.lock");
        for damage in [b"not toml at all =".as_slice(), b"[hashes.m]\nf = \"no hash\"\n", b"\xff\xfe\0", b"hashes = 3"]
        {
            fs::write(&lock, damage).unwrap();
            let error = Recorded::read(dir.path()).unwrap_err();
            assert_eq!(error.code().as_str(), "model_corrupt", "{damage:?}");
            let said = error.to_string();
            assert!(said.contains("models.lock") && said.contains("remove it"), "{said}");
        }
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        assert!(matches!(Recorded::read(dir.path()), Err(ModelError::Lock { .. })));
    }
}
