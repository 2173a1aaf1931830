use std::{
    collections::{BTreeMap, HashMap},
    env, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use medley_proto::{ModelUse, Sha256};
use serde::{Deserialize, Serialize};

use crate::{
    ModelError, Session, SessionOptions,
    lock::Recorded,
    registry::{Model, ModelFile, Registry},
    session::Sessions,
};

/// The cache of verified model files. Cheap to open and to clone; clones share loaded sessions.
///
/// ```text
/// objects/<sha256>          each file once, read-only
/// models/<model>/<file>     a link to the object
/// models/<model>/.stamps    sizes and times at which the objects were hashed
/// models.lock               hashes recorded where the publisher gives none
/// ```
#[derive(Debug, Clone)]
pub struct Models {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    registry: &'static Registry,
    used: Mutex<BTreeMap<String, BTreeMap<String, Sha256>>>,
    checked: Mutex<HashMap<(String, String), Checked>>,
    sessions: Sessions,
}

#[derive(Debug, Clone)]
struct Checked {
    path: PathBuf,
    sha256: Sha256,
}

/// The state of an object when it was hashed. Size and time alone are compared at start: hashing gigabytes then would
/// take longer than many jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) sha256: Sha256,
    pub(crate) bytes: u64,
    pub(crate) mtime_ns: i128,
}

pub(crate) type Stamps = BTreeMap<String, Stamp>;

/// How a model's files stand in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Present,
    Missing,
    /// There, and not what the registry says.
    Corrupt,
}

impl Models {
    /// The cache at this folder, which need not exist yet.
    pub fn open(root: &Path) -> Self {
        Self::with_registry(root, Registry::built_in())
    }

    /// The cache at this folder, of the models of another registry.
    pub fn with_registry(root: &Path, registry: &'static Registry) -> Self {
        let inner = Inner {
            root: root.into(),
            registry,
            used: Mutex::default(),
            checked: Mutex::default(),
            sessions: Sessions::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Where the cache is unless someone says otherwise: `$MEDLEY_MODELS`, else `medley/models` in the XDG cache.
    pub fn default_dir() -> PathBuf {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        set("MEDLEY_MODELS").unwrap_or_else(|| {
            let cache = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
            let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache")));
            cache.unwrap_or_else(env::temp_dir).join("medley/models")
        })
    }

    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The registry whose models it holds.
    pub fn registry(&self) -> &'static Registry {
        self.inner.registry
    }

    /// The path of a model's file, whose content is the registry's.
    ///
    /// # Errors
    /// `model_missing` with the command that gets it; `model_corrupt`.
    pub fn file(&self, model: &str, file: &str) -> Result<PathBuf, ModelError> {
        let checked = self.check(model, file)?;
        let mut used = self.inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.entry(model.into()).or_default().insert(file.into(), checked.sha256);
        Ok(checked.path)
    }

    /// Whether the model's files are all in the cache: a quick look that hashes nothing when nothing changed.
    pub fn state(&self, model: &str) -> Result<State, ModelError> {
        let entry = self.inner.registry.model(model)?;
        for file in &entry.files {
            match self.check(model, &file.name) {
                Ok(_) => {}
                Err(ModelError::Corrupt { .. }) => return Ok(State::Corrupt),
                Err(ModelError::Missing(_)) => return Ok(State::Missing),
                Err(other) => return Err(other),
            }
        }
        Ok(State::Present)
    }

    /// Hashes every file of a model.
    ///
    /// # Errors
    /// `Missing`, or `Corrupt` for the first file that is not what it should be.
    pub fn verify(&self, model: &str) -> Result<(), ModelError> {
        let entry = self.inner.registry.model(model)?;
        let recorded = Recorded::read(self.root())?;
        for file in &entry.files {
            let path = self.link(model, &file.name);
            let found = stamp_of(&path).map_err(|error| self.io(model, error))?;
            accept(model, file, &recorded, found.sha256)?;
        }
        Ok(())
    }

    /// The models whose files were asked for so far, for manifests.
    pub fn used(&self) -> Vec<ModelUse> {
        let used = self.inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter()
            .filter_map(|(name, files)| Some(model_use(name, self.inner.registry.models.get(name)?, files)))
            .collect()
    }

    /// A model file as an inference session, shared by all who ask for the same file with the same options.
    ///
    /// # Errors
    /// As [`Models::file`]; when ONNX Runtime is missing or refuses the model.
    pub fn session(&self, model: &str, file: &str, options: SessionOptions) -> Result<Session, ModelError> {
        let path = self.file(model, file)?;
        self.inner.sessions.get(self, model, file, path, options)
    }

    /// A model file of the machine's owner, outside the registry, as an inference session.
    ///
    /// # Errors
    /// When ONNX Runtime is missing, or the file is, or it is refused.
    pub fn session_at(&self, path: &Path, options: SessionOptions) -> Result<Session, ModelError> {
        let file = path.display().to_string();
        self.inner.sessions.get(self, "of your own", &file, path.into(), options)
    }

    pub(crate) fn link(&self, model: &str, file: &str) -> PathBuf {
        self.model_dir(model).join(file)
    }

    pub(crate) fn model_dir(&self, model: &str) -> PathBuf {
        self.root().join("models").join(model)
    }

    pub(crate) fn forget(&self, model: &str) {
        let mut checked = self.inner.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.retain(|(name, _), _| name != model);
    }

    pub(crate) fn io(&self, model: &str, error: io::Error) -> ModelError {
        if error.kind() == io::ErrorKind::NotFound {
            return ModelError::Missing(model.into());
        }
        ModelError::Cache { path: self.root().into(), source: error }
    }

    fn check(&self, model: &str, file: &str) -> Result<Checked, ModelError> {
        let key = (model.to_owned(), file.to_owned());
        if let Some(checked) = self.inner.checked.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(checked.clone());
        }
        let entry = self.inner.registry.model(model)?.file(model, file)?;
        let path = self.link(model, file);
        let meta = fs::metadata(&path).map_err(|error| self.io(model, error))?;
        let stamps = self.read_stamps(model);
        let sha256 = match stamps.get(file) {
            Some(stamp) if stamp.bytes == meta.len() && stamp.mtime_ns == mtime_ns(&meta) => stamp.sha256,
            // A cache that was copied or touched: look at the content, once.
            _ => {
                let stamp = stamp_of(&path).map_err(|error| self.io(model, error))?;
                let sha256 = stamp.sha256;
                let mut stamps = stamps;
                stamps.insert(file.into(), stamp);
                // A cache that cannot be written to is hashed again by the next process, and works.
                let _ = self.write_stamps(model, &stamps);
                sha256
            }
        };
        accept(model, entry, &Recorded::read(self.root())?, sha256)?;
        let checked = Checked { path, sha256 };
        self.inner.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(key, checked.clone());
        Ok(checked)
    }

    fn read_stamps(&self, model: &str) -> Stamps {
        let text = fs::read(self.model_dir(model).join(".stamps")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(crate) fn write_stamps(&self, model: &str, stamps: &Stamps) -> io::Result<()> {
        let path = self.model_dir(model).join(".stamps");
        let draft = path.with_extension(format!("{}", std::process::id()));
        fs::write(&draft, serde_json::to_vec(stamps)?)?;
        fs::rename(draft, path)
    }
}

/// Whether the registry, or else the lock file, accepts this content.
fn accept(model: &str, file: &ModelFile, recorded: &Recorded, found: Sha256) -> Result<(), ModelError> {
    let recorded = recorded.get(model, &file.name);
    let ok = if file.sha256.is_empty() { recorded == Some(found) } else { file.sha256.contains(&found) };
    if ok {
        return Ok(());
    }
    let wanted = file.sha256.iter().copied().chain(recorded).map(|hash| hash.to_string()).collect::<Vec<_>>();
    Err(ModelError::Corrupt {
        model: model.into(),
        file: file.name.clone(),
        found: found.to_string(),
        wanted: wanted.join(" or "),
    })
}

fn model_use(name: &str, model: &Model, files: &BTreeMap<String, Sha256>) -> ModelUse {
    ModelUse {
        name: name.into(),
        version: model.version.clone(),
        files: files.clone(),
        licence_code: model.licence.code.clone(),
        licence_weights: model.licence.weights.clone(),
        licence_data: model.licence.data.clone(),
        commercial: model.licence.commercial,
    }
}

fn mtime_ns(meta: &fs::Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

/// Hashes a file.
pub(crate) fn stamp_of(path: &Path) -> io::Result<Stamp> {
    let meta = fs::metadata(path)?;
    let digest = digest_of::<sha2::Sha256>(path)?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(&digest);
    Ok(Stamp { sha256: Sha256::new(sha256), bytes: meta.len(), mtime_ns: mtime_ns(&meta) })
}

/// The digest of a file's content.
pub(crate) fn digest_of<D: sha2::Digest>(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let mut hash = D::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut block)? {
            0 => return Ok(hash.finalize().to_vec()),
            n => hash.update(&block[..n]),
        }
    }
}
