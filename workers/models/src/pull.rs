use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use medley_proto::Sha256;

use crate::{
    ModelError, Models, Said, State,
    cache::{Stamps, stamp_of},
    fetch::{self, Mirror},
    lock::Recorded,
    python::{Python, last_lines},
    registry::{Model, ModelFile, Source},
};

/// What happens while models are pulled.
#[derive(Debug)]
#[non_exhaustive]
pub enum PullEvent<'a> {
    /// Everything is there already.
    Present,
    /// A package or URL is being fetched.
    Fetching { source: &'a str },
    /// A file is being made from what came.
    Converting { file: &'a str },
    /// The hash of a file whose publisher gives none was recorded in `models.lock`.
    Recorded { file: &'a str, sha256: Sha256 },
    /// The model is in the cache.
    Done { bytes: u64, took: Duration },
}

/// Listens to a pull.
pub trait Progress {
    fn event(&mut self, model: &str, event: PullEvent<'_>);
}

/// Says nothing.
impl Progress for () {
    fn event(&mut self, _model: &str, _event: PullEvent<'_>) {}
}

impl<F: FnMut(&str, PullEvent<'_>)> Progress for F {
    fn event(&mut self, model: &str, event: PullEvent<'_>) {
        self(model, event);
    }
}

impl Models {
    /// Brings models into the cache: from the mirror (`MEDLEY_MODEL_MIRROR`) or their publishers, converted and verified.
    /// `names` are entries, or `all`. Safe while other processes pull into or read the same cache; a
    /// model appears when it is complete.
    ///
    /// # Errors
    /// The first model that cannot be had; those before it stay.
    pub fn pull(&self, names: &[&str], progress: &mut dyn Progress) -> Result<(), ModelError> {
        self.pull_through(Mirror::from_env(), false, names, progress)
    }

    /// The same, and also takes models of which no hash is published: theirs is recorded the first time.
    ///
    /// # Errors
    /// As [`Models::pull`].
    pub fn pull_unpinned(&self, names: &[&str], progress: &mut dyn Progress) -> Result<(), ModelError> {
        self.pull_through(Mirror::from_env(), true, names, progress)
    }

    /// The same, from this mirror (a folder or the prefix of a URL) where it has the files.
    ///
    /// # Errors
    /// As [`Models::pull`].
    pub fn pull_from(&self, mirror: &str, names: &[&str], progress: &mut dyn Progress) -> Result<(), ModelError> {
        self.pull_through(Some(Mirror::at(mirror)), false, names, progress)
    }

    fn pull_through(
        &self,
        mirror: Option<Mirror>,
        unpinned: bool,
        names: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<(), ModelError> {
        let mut pull = Pull {
            models: self,
            python: Python::new(self.root(), &self.registry().python.requirements),
            mirror,
            unpinned,
            downloads: Downloads::default(),
            came: Vec::new(),
            progress,
        };
        let result = self.registry().resolve(names)?.into_iter().try_for_each(|name| pull.model(name));
        let came = std::mem::take(&mut pull.came);
        // The folders of the pull go first: a file that loses a link is a changed file to the stamps.
        drop(pull);
        came.iter().for_each(|name| self.restamp(name));
        result
    }
}

struct Pull<'a> {
    models: &'a Models,
    python: Python,
    mirror: Option<Mirror>,
    /// Whether the user takes what nobody publishes a hash of.
    unpinned: bool,
    downloads: Downloads,
    /// The models that are in the cache by this pull.
    came: Vec<String>,
    progress: &'a mut dyn Progress,
}

/// Packages that came during this pull; several models may be in one.
#[derive(Default)]
struct Downloads {
    dir: Option<Folder>,
    have: HashMap<String, PathBuf>,
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Pull<'_> {
    fn model(&mut self, name: &str) -> Result<(), ModelError> {
        if self.models.state(name)? == State::Present {
            self.progress.event(name, PullEvent::Present);
            return Ok(());
        }
        let _guard = self.lock(name)?;
        self.models.forget(name);
        if self.models.state(name)? == State::Present {
            self.progress.event(name, PullEvent::Present); // another process was quicker
            return Ok(());
        }
        let started = Instant::now();
        let model = self.models.registry().model(name)?;
        if model.is_unpinned() && !self.unpinned && !self.is_recorded(name, model)? {
            return Err(ModelError::Unpinned(name.into()));
        }
        let work = self.folder(&format!("work-{name}"))?;
        let have = match self.take_from_mirror(model, &work.0)? {
            Some(have) => have,
            None => self.take_from_publishers(name, model, &work.0)?,
        };
        let bytes = self.keep(name, model, &have)?;
        self.came.push(name.into());
        self.models.forget(name);
        self.progress.event(name, PullEvent::Done { bytes, took: started.elapsed() });
        Ok(())
    }

    /// Whether an earlier pull recorded all that this one has to be checked against.
    fn is_recorded(&self, name: &str, model: &Model) -> Result<bool, ModelError> {
        for file in &model.files {
            if self.models.wanted(name, file)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All files as they are in the end, if the mirror has them all.
    fn take_from_mirror(&self, model: &Model, work: &Path) -> Result<Option<HashMap<String, PathBuf>>, ModelError> {
        let Some(mirror) = &self.mirror else { return Ok(None) };
        let mut have = HashMap::new();
        for file in &model.files {
            let path = work.join(&file.name);
            let mut found = false;
            for &hash in &file.sha256 {
                found = found || mirror.fetch(hash, &path)?;
            }
            if !found {
                return Ok(None);
            }
            have.insert(file.name.clone(), path);
        }
        Ok(Some(have))
    }

    fn take_from_publishers(
        &mut self,
        name: &str,
        model: &Model,
        work: &Path,
    ) -> Result<HashMap<String, PathBuf>, ModelError> {
        let mut have = HashMap::new();
        for source in model.sources.iter().filter(|source| source.fits_here()) {
            let archive = self.source(name, source)?;
            if source.take.is_empty() {
                have.insert(source.file.clone(), archive);
                continue;
            }
            for take in &source.take {
                let path = work.join(format!("part-{}", take.name));
                let to = take.to.map_or("-1".into(), |to| to.to_string());
                let from = take.from.to_string();
                let args = [archive.as_os_str(), take.path.as_ref(), from.as_ref(), to.as_ref(), path.as_os_str()];
                let ran = self.python.plain_script("unpack.py", args)?;
                if !ran.status.success() {
                    let file = take.path.clone();
                    return Err(convert_error(name, &file, "unpack", &last_lines(&ran)));
                }
                have.insert(take.name.clone(), path);
            }
        }
        for file in &model.files {
            if let [script, args @ ..] = &file.make[..] {
                self.progress.event(name, PullEvent::Converting { file: &file.name });
                let path = work.join(&file.name);
                let mut command: Vec<PathBuf> =
                    args.iter().map(|arg| have.get(arg).cloned().unwrap_or_else(|| arg.into())).collect();
                command.push(path.clone());
                let ran = self.python.converter(&format!("{script}.py"), command)?;
                if !ran.status.success() || !path.is_file() {
                    return Err(convert_error(name, &file.name, script, &last_lines(&ran)));
                }
                have.insert(file.name.clone(), path);
            }
        }
        Ok(have)
    }

    fn source(&mut self, model: &str, source: &Source) -> Result<PathBuf, ModelError> {
        if let Some(path) = self.downloads.have.get(source.label()) {
            return Ok(path.clone());
        }
        if self.downloads.dir.is_none() {
            self.downloads.dir = Some(self.folder("downloads")?);
        }
        // A folder for each: files of two models may have one name, and what is in the cache may be a link to its file.
        let dir = self.downloads.dir.as_ref().map(|dir| dir.0.join(self.downloads.have.len().to_string()));
        let dir = dir.unwrap_or_default();
        fs::create_dir_all(&dir).map_err(|error| self.cache(error))?;
        self.progress.event(model, PullEvent::Fetching { source: source.label() });
        let path = fetch::fetch(model, source, &dir, self.mirror.as_ref(), &self.python)?;
        self.downloads.have.insert(source.label().into(), path.clone());
        Ok(path)
    }

    /// Checks what was made and puts it into the cache; the last act makes the model visible.
    fn keep(&mut self, name: &str, model: &Model, have: &HashMap<String, PathBuf>) -> Result<u64, ModelError> {
        let mut stamps = Stamps::new();
        let mut bytes = 0;
        for file in &model.files {
            let path = have
                .get(&file.name)
                .ok_or_else(|| convert_error(name, &file.name, "the registry", "no source gives it on this machine"))?;
            let stamp = stamp_of(path).map_err(|error| self.cache(error))?;
            self.accept(name, file, stamp.sha256)?;
            let object = self.models.root().join("objects").join(stamp.sha256.to_string());
            self.put(path, &object).map_err(|error| self.cache(error))?;
            let stamp = stamp_of(&object).map_err(|error| self.cache(error))?;
            bytes += stamp.bytes;
            stamps.insert(file.name.clone(), stamp);
        }
        let dir = self.models.model_dir(name);
        let link = |(file, stamp): (&String, &crate::cache::Stamp)| -> io::Result<()> {
            let (draft, link) = (dir.join(format!(".{file}")), dir.join(file));
            let _ = fs::remove_file(&draft);
            std::os::unix::fs::symlink(format!("../../objects/{}", stamp.sha256), &draft)?;
            clear_folder(&link)?;
            fs::rename(draft, link)
        };
        fs::create_dir_all(&dir).map_err(|error| self.cache(error))?;
        stamps.iter().try_for_each(link).map_err(|error| self.cache(error))?;
        self.models.write_stamps(name, &stamps).map_err(|error| self.cache(error))?;
        Ok(bytes)
    }

    fn accept(&mut self, model: &str, file: &ModelFile, found: Sha256) -> Result<(), ModelError> {
        let mut wanted = self.models.wanted(model, file)?;
        if wanted.is_empty() {
            Recorded::record(self.models.root(), model, &file.name, found)?;
            self.progress.event(model, PullEvent::Recorded { file: &file.name, sha256: found });
            wanted.push(found);
        }
        if wanted.contains(&found) {
            return Ok(());
        }
        let wanted = wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let source_name = file.name.clone();
        Err(ModelError::Hash { model: model.into(), source_name, kind: "SHA-256", found: found.to_string(), wanted })
    }

    fn put(&self, from: &Path, object: &Path) -> io::Result<()> {
        if object.is_file()
            && stamp_of(object)?.sha256.to_string() == object.file_name().unwrap_or_default().to_string_lossy()
        {
            return Ok(());
        }
        fs::create_dir_all(object.parent().unwrap_or(object))?;
        fs::set_permissions(from, fs::Permissions::from_mode(0o444))?;
        fs::File::open(from)?.sync_all()?;
        // The same file may be an object of two models and still be wanted here: link where possible, else copy.
        let draft = object.with_extension(std::process::id().to_string());
        let _ = fs::remove_file(&draft);
        fs::hard_link(from, &draft).or_else(|_| fs::copy(from, &draft).map(drop))?;
        clear_folder(object)?;
        fs::rename(draft, object)
    }

    fn folder(&self, name: &str) -> Result<Folder, ModelError> {
        let path = self.models.root().join(".tmp").join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).map_err(|error| self.cache(error))?;
        Ok(Folder(path))
    }

    /// One process at a time fetches a model.
    fn lock(&self, model: &str) -> Result<fs::File, ModelError> {
        let lock = || -> io::Result<fs::File> {
            let dir = self.models.root().join(".locks");
            fs::create_dir_all(&dir)?;
            let file = fs::File::create(dir.join(model))?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|error| self.cache(error))
    }

    fn cache(&self, source: io::Error) -> ModelError {
        ModelError::Cache { path: self.models.root().into(), source }
    }
}

/// Renaming replaces a file, a link or a pipe; a folder that stands in the way goes first.
fn clear_folder(place: &Path) -> io::Result<()> {
    match fs::symlink_metadata(place) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(place),
        _ => Ok(()),
    }
}

fn convert_error(model: &str, file: &str, converter: &str, reason: &str) -> ModelError {
    let [model, file, converter, reason] = [model, file, converter, reason].map(str::to_owned);
    ModelError::Convert { model, file, converter, source: Said(reason) }
}
