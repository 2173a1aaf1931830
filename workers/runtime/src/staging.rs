//! Makes what a step reads into local files: files that are local already are used where they lie.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use medley_proto::{ErrorCode, Input, Job, Name, Sha256, Source, Step, StepId, StepInput, StepResult};
use medley_step::{Key, LocalInput, StepError};

use crate::{
    Error, Medley, file_uri,
    keys::JobKeys,
    records,
    spool::{Lent, Spool},
};

/// Reads inputs of a scheme other than `file:` (promise 7 is its to keep).
#[async_trait]
pub trait Fetcher: Send + Sync + 'static {
    fn serves(&self, uri: &str) -> bool;

    /// Streams the input into a new file, at most `most_bytes`.
    async fn fetch(&self, uri: &str, into: &Path, most_bytes: u64) -> Result<(), StepError>;
}

/// A step's own folder, removed when it goes.
#[derive(Debug)]
pub(crate) struct StepFolder(PathBuf);

static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl StepFolder {
    pub(crate) async fn create(work_dir: &Path) -> Result<Self, StepError> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = steps_dir(work_dir).join(format!("{}-{number}", std::process::id()));
        match tokio::fs::remove_dir_all(&path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        tokio::fs::create_dir_all(path.join("in")).await?;
        Ok(Self(path))
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    fn input(&self, index: usize, name: &str) -> PathBuf {
        self.0.join("in").join(format!("{index}-{name}"))
    }
}

impl Drop for StepFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a step's folder was not removed");
        }
    }
}

fn steps_dir(work_dir: &Path) -> PathBuf {
    work_dir.join("steps")
}

/// Removes the folders of workers that are no more.
pub(crate) fn remove_left_behind(work_dir: &Path) {
    let Ok(folders) = std::fs::read_dir(steps_dir(work_dir)) else { return };
    for folder in folders.flatten() {
        let name = folder.file_name();
        let pid = name.to_str().and_then(|name| name.split_once('-')).map(|(pid, _)| pid.to_owned());
        let alive =
            pid.is_some_and(|pid| pid != std::process::id().to_string() && Path::new("/proc").join(pid).exists());
        if !alive && let Err(error) = std::fs::remove_dir_all(folder.path()) {
            tracing::warn!(folder = %folder.path().display(), %error, "a folder that was left behind stays");
        }
    }
}

/// A step's inputs as files; what was lent from the spool stays until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub(crate) inputs: Vec<LocalInput>,
    _lent: Vec<Lent>,
}

impl Medley {
    pub(crate) async fn stage(
        &self,
        job: &Job,
        step: &Step,
        folder: &StepFolder,
        spool: &Arc<Spool>,
    ) -> Result<Staged, StepError> {
        let keys = JobKeys::of(job);
        let mut staged = Staged::default();
        for (index, input) in step.inputs.iter().enumerate() {
            let local = match input {
                StepInput::Job(number) => {
                    let of_job = usize::try_from(*number).ok().and_then(|number| job.inputs.get(number));
                    let input = of_job.ok_or_else(|| StepError::internal(format!("the job has no input {number}")))?;
                    self.stage_input(&job.tenant, input, folder, index, spool, &mut staged).await?
                }
                StepInput::Artifact(artifact) => LocalInput {
                    name: artifact.name.clone(),
                    path: self.local(&keys.artifact(artifact)?, artifact.sha256, spool, &mut staged).await?,
                    sha256: artifact.sha256,
                    bytes: artifact.bytes,
                    media_type: Some(artifact.media_type.clone()),
                },
                StepInput::Output(of) => self.stage_output(&keys, of, folder, index).await?,
            };
            staged.inputs.push(readable(local, folder, index)?);
        }
        Ok(staged)
    }

    async fn stage_input(
        &self,
        tenant: &Name,
        input: &Input,
        folder: &StepFolder,
        index: usize,
        spool: &Arc<Spool>,
        staged: &mut Staged,
    ) -> Result<LocalInput, StepError> {
        let local = |path, sha256, bytes| LocalInput {
            name: input.name.clone(),
            path,
            sha256,
            bytes,
            media_type: input.media_type.clone(),
        };
        match &input.source {
            Source::Text(text) => {
                let path = folder.input(index, "text.txt");
                tokio::fs::write(&path, text).await?;
                Ok(local(path, Sha256::of(text.as_bytes()), text.len() as u64))
            }
            Source::Stored(below) => {
                let key = Key::new([tenant.as_str()])?.join(below)?;
                let sha256 = input.sha256.ok_or_else(|| StepError::internal("a stored input without a hash"))?;
                let path = self.local(&key, sha256, spool, staged).await?;
                let bytes = tokio::fs::metadata(&path).await?.len();
                Ok(local(path, sha256, bytes))
            }
            Source::Uri(uri) => match file_uri::path_of(uri) {
                Some(path) => {
                    let known = self.hash_file(input.name.clone(), path).await?;
                    if input.sha256.is_some_and(|sha256| sha256 != known.sha256) {
                        let message = format!("{} changed after the job was submitted; submit it again", input.name);
                        return Err(StepError::permanent(ErrorCode::INPUT_CHANGED, message));
                    }
                    Ok(local(known.path, known.sha256, known.bytes))
                }
                None => {
                    let (path, sha256) = self.fetch_uri(input, uri, spool, staged).await?;
                    let bytes = tokio::fs::metadata(&path).await?.len();
                    Ok(local(path, sha256, bytes))
                }
            },
        }
    }

    async fn fetch_uri(
        &self,
        input: &Input,
        uri: &str,
        spool: &Arc<Spool>,
        staged: &mut Staged,
    ) -> Result<(PathBuf, Sha256), StepError> {
        let fetcher = self.fetchers.iter().find(|fetcher| fetcher.serves(uri)).cloned().ok_or_else(|| {
            let message = format!("{uri}: this worker does not serve inputs of its scheme");
            StepError::permanent(ErrorCode::INPUT_SCHEME_UNSUPPORTED, message)
        })?;
        let (most, uri_owned) = (self.settings.limits.input_bytes, uri.to_owned());
        let fetch = |into: PathBuf| async move { fetcher.fetch(&uri_owned, &into, most).await };
        // What the address gives may change: the name in the spool is that of the address, the hash that of the bytes.
        let lent = spool.lend(Sha256::of(uri.as_bytes()), None, fetch).await?;
        let (path, sha256) = (lent.path(), lent.sha256());
        if input.sha256.is_some_and(|expected| expected != sha256) {
            let message = format!("{} changed after the job was submitted; submit it again", input.name);
            return Err(StepError::permanent(ErrorCode::INPUT_CHANGED, message));
        }
        staged._lent.push(lent);
        Ok((path, sha256))
    }

    /// The object as a local file: the store's own, or one of the spool.
    async fn local(
        &self,
        key: &Key,
        sha256: Sha256,
        spool: &Arc<Spool>,
        staged: &mut Staged,
    ) -> Result<PathBuf, StepError> {
        if let Some(path) = self.store.local_path(key) {
            return Ok(path);
        }
        let (store, key) = (self.store.clone(), key.clone());
        let fetch = |into: PathBuf| async move { Ok(store.fetch(&key, &into).await.map(|_| ())?) };
        let lent = spool.lend(sha256, Some(sha256), fetch).await?;
        let path = lent.path();
        staged._lent.push(lent);
        Ok(path)
    }

    async fn stage_output(
        &self,
        keys: &JobKeys,
        of: &StepId,
        folder: &StepFolder,
        index: usize,
    ) -> Result<LocalInput, StepError> {
        let result = records::read::<StepResult>(&*self.store, &keys.result(of)).await.map_err(StepError::from)?;
        let result = result.ok_or_else(|| StepError::internal(format!("step {of} has no result yet")))?;
        let bytes = serde_json::to_vec(&result.output)?;
        let path = folder.input(index, "output.json");
        tokio::fs::write(&path, &bytes).await?;
        Ok(LocalInput {
            name: format!("{of}"),
            path,
            sha256: Sha256::of(&bytes),
            bytes: bytes.len() as u64,
            media_type: Some("application/json".into()),
        })
    }
}

/// A path that can be told in JSON: one with odd bytes is reached through a link.
fn readable(mut input: LocalInput, folder: &StepFolder, index: usize) -> Result<LocalInput, Error> {
    if input.path.to_str().is_none() {
        let link = folder.input(index, "input");
        std::os::unix::fs::symlink(&input.path, &link)
            .map_err(|error| Error::local("a link to an input was not made", error))?;
        input.path = link;
    }
    Ok(input)
}
