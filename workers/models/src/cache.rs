use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use medley_environment::Environment;
use medley_proto::{ModelUse, Sha256};
use serde::{Deserialize, Serialize};

use crate::{
    ModelError, Session, SessionOptions,
    files::{self, what},
    lock::Recorded,
    registry::{Model, ModelFile, Registry},
    session::{Lengths, Sessions},
};

/// The cache of verified model files. Cheap to open and to clone; clones share loaded sessions.
///
/// ```text
/// objects/<sha256>          each file once, read-only
/// models/<model>/<file>     a link to the object
/// models/<model>/.stamps    how the objects looked when they were hashed
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

/// How an object looked when it was hashed. At start only this is compared: hashing gigabytes then would take longer than
/// many jobs. Size and time of modification can be kept while the content changes; the time of change cannot be set by
/// whoever writes the file, and another file has another inode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) sha256: Sha256,
    pub(crate) bytes: u64,
    pub(crate) mtime_ns: i128,
    // Stamps of earlier versions lack the rest: their files are hashed once more.
    #[serde(default)]
    pub(crate) ctime_ns: i128,
    #[serde(default)]
    pub(crate) inode: u64,
}

impl Stamp {
    fn of(sha256: Sha256, meta: &fs::Metadata) -> Self {
        let ns = |seconds, ns| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Self {
            sha256,
            bytes: meta.len(),
            mtime_ns: ns(meta.mtime(), meta.mtime_nsec()),
            ctime_ns: ns(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
        }
    }
}

pub(crate) type Stamps = BTreeMap<String, Stamp>;

/// How a model's files stand in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Present,
    Missing,
    /// There, and not what the registry or `models.lock` says, or nobody can tell because the latter is damaged.
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
        Environment::get().models_dir()
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
                Err(ModelError::Corrupt { .. } | ModelError::NotAFile { .. } | ModelError::Lock { .. }) => {
                    return Ok(State::Corrupt);
                }
                Err(ModelError::Missing(_)) => return Ok(State::Missing),
                Err(other) => return Err(other),
            }
        }
        Ok(State::Present)
    }

    /// Hashes every file of a model, however it looks from outside.
    ///
    /// # Errors
    /// `Missing`, or `Corrupt` for the first file that is not what it should be.
    pub fn verify(&self, model: &str) -> Result<(), ModelError> {
        let entry = self.inner.registry.model(model)?;
        self.forget(model);
        let mut stamps = self.read_stamps(model);
        let mut verdict = Ok(());
        for file in &entry.files {
            let path = self.link(model, &file.name);
            self.look(model, &file.name, &path)?;
            let found = stamp_of(&path).map_err(|error| self.io(model, error))?;
            verdict = verdict.and(self.accept(model, file, found.sha256));
            stamps.insert(file.name.clone(), found);
        }
        // What was found stands for later looks from outside, the damage too.
        let _ = self.write_stamps(model, &stamps);
        verdict
    }

    /// Notes that linking and unlinking changed the times of files that were hashed a moment ago.
    pub(crate) fn restamp(&self, model: &str) {
        let mut stamps = self.read_stamps(model);
        for (file, stamp) in &mut stamps {
            let Ok(meta) = fs::metadata(self.link(model, file)) else { continue };
            let now = Stamp::of(stamp.sha256, &meta);
            if (now.bytes, now.mtime_ns, now.inode) == (stamp.bytes, stamp.mtime_ns, stamp.inode) {
                *stamp = now;
            }
        }
        // Unwritten, the files are hashed once more when they are used.
        let _ = self.write_stamps(model, &stamps);
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
        self.inner.sessions.get(self, model, file, path, (options, Lengths::Few))
    }

    /// A model file whose inputs have another length at each run. The memory that a run needs is not planned ahead: the plans
    /// of all lengths would be kept, and they take more than they save.
    ///
    /// # Errors
    /// As [`Models::session`].
    pub fn session_of_any_length(
        &self,
        model: &str,
        file: &str,
        options: SessionOptions,
    ) -> Result<Session, ModelError> {
        let path = self.file(model, file)?;
        self.inner.sessions.get(self, model, file, path, (options, Lengths::Any))
    }

    /// A model file of the machine's owner, outside the registry, as an inference session.
    ///
    /// # Errors
    /// When ONNX Runtime is missing, or the file is, or it is refused.
    pub fn session_at(&self, path: &Path, options: SessionOptions) -> Result<Session, ModelError> {
        let file = path.display().to_string();
        if let Ok(meta) = fs::metadata(path)
            && !meta.is_file()
        {
            return Err(ModelError::NoModelFile { path: path.into(), what: what(&meta) });
        }
        self.inner.sessions.get(self, "of your own", &file, path.into(), (options, Lengths::Few))
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
        let meta = self.look(model, file, &path)?;
        let stamps = self.read_stamps(model);
        let sha256 = match stamps.get(file) {
            Some(stamp) if *stamp == Stamp::of(stamp.sha256, &meta) => stamp.sha256,
            // A cache that was copied or touched, or a file that was changed: look at the content, once.
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
        self.accept(model, entry, sha256)?;
        let checked = Checked { path, sha256 };
        self.inner.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(key, checked.clone());
        Ok(checked)
    }

    /// The file as it looks from outside; a pipe or a device is none, and reading it might never end.
    fn look(&self, model: &str, file: &str, path: &Path) -> Result<fs::Metadata, ModelError> {
        let no_file = |what| ModelError::NotAFile { model: model.into(), file: file.into(), what };
        match fs::metadata(path) {
            Ok(meta) if meta.is_file() => Ok(meta),
            Ok(meta) => Err(no_file(what(&meta))),
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => Err(no_file("a link that leads nowhere")),
            Err(error) => Err(self.io(model, error)),
        }
    }

    /// Whether the registry, or else the lock file, accepts this content.
    fn accept(&self, model: &str, file: &ModelFile, found: Sha256) -> Result<(), ModelError> {
        let wanted = self.wanted(model, file)?;
        if wanted.contains(&found) {
            return Ok(());
        }
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        Err(ModelError::Corrupt {
            model: model.into(),
            file: file.name.clone(),
            found: found.to_string(),
            wanted: wanted.join(" or "),
        })
    }

    /// The hashes that a file may have; none when nobody published or recorded one. `models.lock` is read only for files
    /// without a published hash, so that damage to it stops no other model.
    pub(crate) fn wanted(&self, model: &str, file: &ModelFile) -> Result<Vec<Sha256>, ModelError> {
        if !file.sha256.is_empty() {
            return Ok(file.sha256.clone());
        }
        Ok(Recorded::read(self.root())?.get(model, &file.name).into_iter().collect())
    }

    fn read_stamps(&self, model: &str) -> Stamps {
        let text = files::read_text(&self.model_dir(model).join(".stamps")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn write_stamps(&self, model: &str, stamps: &Stamps) -> io::Result<()> {
        let path = self.model_dir(model).join(".stamps");
        let draft = path.with_extension(format!("{}", std::process::id()));
        fs::write(&draft, serde_json::to_vec(stamps)?)?;
        fs::rename(draft, path)
    }
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

/// Hashes a file.
pub(crate) fn stamp_of(path: &Path) -> io::Result<Stamp> {
    let file = files::open(path)?;
    let meta = file.metadata()?;
    let digest = digest_of::<sha2::Sha256>(file)?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(&digest);
    Ok(Stamp::of(Sha256::new(sha256), &meta))
}

/// The digest of a file's content.
pub(crate) fn digest_of<D: sha2::Digest>(mut file: fs::File) -> io::Result<Vec<u8>> {
    let mut hash = D::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut block)? {
            0 => return Ok(hash.finalize().to_vec()),
            n => hash.update(&block[..n]),
        }
    }
}
