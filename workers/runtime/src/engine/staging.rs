//! Makes what a step reads into local files: files that are local already are used where they lie.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use medley_proto::{Artifact, ErrorCode, Input, Job, Sha256, Source, Step, StepId, StepInput, StepResult};
use medley_step::{LocalInput, StepError, graph::GROUP_MAX};

use super::{
    groups,
    spool::{Spool, SpoolLease},
};
use crate::{
    Backend, Error,
    fetch::file_uri,
    layout::{
        addresses,
        documents::{self, FetchedInput},
        keys::{JobKeys, tenant},
        orphans,
    },
    store::{Key, StoreError},
};

/// A step's own folder, removed when it goes.
#[derive(Debug)]
pub(crate) struct StepFolder(PathBuf);

/// The step folders of a process lie in one of its own.
const STEPS: &str = "steps";

static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl StepFolder {
    pub(crate) async fn create(work_dir: &Path) -> Result<Self, StepError> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = orphans::own_folder(work_dir, STEPS).join(number.to_string());
        tokio::fs::create_dir_all(path.join("in")).await?;
        Ok(Self(path))
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    fn input(&self, index: usize, name: &str) -> PathBuf {
        self.0.join("in").join(format!("{index}-{name}"))
    }

    /// A path to the file that ends as its user calls it: decoders name what they read by its path, and some go by the
    /// ending.
    fn called(&self, index: usize, name: &str, file: &Path) -> Result<PathBuf, Error> {
        let (folder, name) = (self.0.join("in").join(index.to_string()), tenant::segment(name));
        let link = folder.join(name);
        // A link's relative target would be looked for beside the link.
        std::fs::create_dir(&folder)
            .and_then(|()| std::path::absolute(file))
            .and_then(|file| std::os::unix::fs::symlink(file, &link))
            .map_err(|error| Error::local("a link to an input was not made", error))?;
        Ok(link)
    }
}

impl Drop for StepFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a step's folder was not removed");
        }
    }
}

/// A step's inputs as files; what is leased from the spool stays until this is dropped.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) inputs: Vec<LocalInput>,
    _leases: Vec<SpoolLease>,
}

pub(crate) async fn stage(
    backend: &Backend,
    job: &Job,
    step: &Step,
    folder: &StepFolder,
    spool: &Arc<Spool>,
) -> Result<Staged, StepError> {
    let mut stager = Stager { backend, job, keys: JobKeys::of(job), folder, spool, leases: Vec::new() };
    let mut inputs = Vec::with_capacity(step.inputs.len());
    for input in &step.inputs {
        for input in stager.each(input).await? {
            let index = inputs.len();
            let mut local = stager.stage(index, &input).await?;
            if spool.holds(&local.path) || local.path.to_str().is_none() {
                // A spooled file is named by a hash, and JSON cannot hold a path that is not UTF-8.
                local.path = folder.called(index, &local.name, &local.path)?;
            }
            inputs.push(local);
        }
    }
    Ok(Staged { inputs, _leases: stager.leases })
}

/// Stages the inputs of one step, one after the other.
struct Stager<'a> {
    backend: &'a Backend,
    job: &'a Job,
    keys: JobKeys,
    folder: &'a StepFolder,
    spool: &'a Arc<Spool>,
    leases: Vec<SpoolLease>,
}

impl Stager<'_> {
    /// The inputs that are one file each: a whole stage is taken apart.
    async fn each<'i>(&self, input: &'i StepInput) -> Result<Vec<Cow<'i, StepInput>>, StepError> {
        let StepInput::All { stage, size } = input else { return Ok(vec![Cow::Borrowed(input)]) };
        let ids = (0..*size).map(|n| StepId::new(stage.clone(), n / GROUP_MAX, n % GROUP_MAX));
        let mut files = Vec::new();
        for (id, result) in groups::results_at(&*self.backend.store, &self.keys, ids).await? {
            let result = result.ok_or_else(|| StepError::internal(format!("step {id} has no result yet")))?;
            files.extend(result.artifacts.into_iter().map(|artifact| Cow::Owned(StepInput::Artifact(artifact))));
        }
        Ok(files)
    }

    async fn stage(&mut self, index: usize, input: &StepInput) -> Result<LocalInput, StepError> {
        match input {
            StepInput::Job(number) => self.job_input(index, *number).await,
            StepInput::Artifact(artifact) => self.artifact(artifact).await,
            StepInput::Output(of) => self.output(index, of).await,
            StepInput::Left { step, name } => {
                let left = self.result(step).await?.artifacts;
                let artifact = left.iter().find(|artifact| artifact.name == *name);
                self.artifact(artifact.ok_or_else(|| StepError::internal(format!("step {step} left no {name}")))?).await
            }
            StepInput::All { stage, .. } => Err(StepError::internal(format!("stage {stage} is no single file"))),
        }
    }

    async fn artifact(&mut self, artifact: &Artifact) -> Result<LocalInput, StepError> {
        Ok(LocalInput {
            name: artifact.name.clone(),
            path: self.object(&artifact.name, &self.keys.artifact(artifact)?, artifact.sha256).await?,
            sha256: artifact.sha256,
            bytes: artifact.bytes,
            media_type: Some(artifact.media_type.clone()),
        })
    }

    async fn job_input(&mut self, index: usize, number: u32) -> Result<LocalInput, StepError> {
        let of_job = usize::try_from(number).ok().and_then(|number| self.job.inputs.get(number));
        let input = of_job.ok_or_else(|| StepError::internal(format!("the job has no input {number}")))?;
        let local = |path, sha256, bytes| LocalInput {
            name: input.name.clone(),
            path,
            sha256,
            bytes,
            media_type: input.media_type.clone(),
        };
        match &input.source {
            Source::Text(text) => {
                let path = self.folder.input(index, "text.txt");
                tokio::fs::write(&path, text).await?;
                Ok(local(path, Sha256::of(text.as_bytes()), text.len() as u64))
            }
            Source::Stored(below) => {
                let key = self.keys.of_tenant(below)?;
                let sha256 = input.sha256.ok_or_else(|| StepError::internal("a stored input without a hash"))?;
                let path = self.object(&input.name, &key, sha256).await?;
                let bytes = tokio::fs::metadata(&path).await?.len();
                Ok(local(path, sha256, bytes))
            }
            Source::Uri(uri) => {
                let Some(path) = file_uri::path_of(uri) else {
                    if input.is_folder() {
                        // Its files are elsewhere: the step asks for those that it needs.
                        return Ok(local(PathBuf::new(), input.sha256.unwrap_or_else(|| Sha256::of(b"")), 0));
                    }
                    let (path, fetched) = self.fetch(number, input).await?;
                    return Ok(local(path, fetched.sha256, fetched.bytes));
                };
                if input.is_folder() {
                    let path = self.backend.inputs.local_folder(input.name.clone(), path).await?;
                    // What is in it is not looked at: each step says what it found of the files that it read.
                    return Ok(local(path, input.sha256.unwrap_or_else(|| Sha256::of(b"")), 0));
                }
                let known = self.backend.inputs.local_file(input.name.clone(), path).await?;
                if input.sha256.is_some_and(|sha256| sha256 != known.sha256) {
                    let message = format!("{} changed after the job was submitted; submit it again", input.name);
                    return Err(StepError::permanent(ErrorCode::INPUT_CHANGED, message));
                }
                Ok(local(known.path, known.sha256, known.bytes))
            }
        }
    }

    async fn fetch(&mut self, number: u32, input: &Input) -> Result<(PathBuf, FetchedInput), StepError> {
        let address = addresses::read(&*self.backend.store, &self.keys, number, input).await?;
        let fetcher = self.backend.inputs.fetcher(&address).cloned().ok_or_else(|| {
            let message = format!("{address}: this worker does not serve inputs of its scheme");
            StepError::permanent(ErrorCode::INPUT_SCHEME_UNSUPPORTED, message)
        })?;
        let most = self.backend.settings.limits.input_bytes;
        let asked = address.clone();
        let fetch = |into: PathBuf| async move { fetcher.fetch(&asked, &into, most).await };
        let at = self.keys.fetched(number);
        // What the address gives may change: the spool's name is the job's, the hash that of the bytes.
        let lease = self.spool.lease(Sha256::of(at.as_str().as_bytes()), None, fetch).await?;
        let path = lease.path();
        let fetched = FetchedInput { sha256: lease.sha256(), bytes: tokio::fs::metadata(&path).await?.len() };
        let first = documents::write_once(&*self.backend.store, &at, fetched).await?;
        if first.sha256 != fetched.sha256 {
            let message = format!("{address} changed while the job ran; submit it again");
            return Err(StepError::permanent(ErrorCode::INPUT_CHANGED, message));
        }
        self.leases.push(lease);
        Ok((path, fetched))
    }

    /// The object as a local file: the store's own, or one of the spool. `name` is what people know it by.
    async fn object(&mut self, name: &str, key: &Key, sha256: Sha256) -> Result<PathBuf, StepError> {
        if let Some(path) = self.backend.store.local_path(key) {
            return Ok(path);
        }
        let (store, key) = (self.backend.store.clone(), key.clone());
        let fetch = |into: PathBuf| async move {
            match store.fetch(&key, &into).await {
                Ok(_) => Ok(()),
                Err(error @ StoreError::NotFound(_)) => {
                    let message = format!("{name} is not in the store any more; submit its job again");
                    Err(StepError::permanent(ErrorCode::INPUT_CHANGED, message).because(error))
                }
                Err(error) => Err(error.into()),
            }
        };
        let lease = self.spool.lease(sha256, Some(sha256), fetch).await?;
        let path = lease.path();
        self.leases.push(lease);
        Ok(path)
    }

    async fn result(&self, of: &StepId) -> Result<StepResult, StepError> {
        let result = documents::read::<StepResult>(&*self.backend.store, &self.keys.result(of)).await?;
        result.ok_or_else(|| StepError::internal(format!("step {of} has no result yet")))
    }

    async fn output(&self, index: usize, of: &StepId) -> Result<LocalInput, StepError> {
        let bytes = serde_json::to_vec(&self.result(of).await?.output)?;
        let path = self.folder.input(index, "output.json");
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
