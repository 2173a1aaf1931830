use std::{
    cell::RefCell,
    fmt, fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use medley_proto::{ErrorCode, Input, Sha256, StepId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::StepError;

/// What stands behind a [`StepContext`]: the compute child's pipe to its parent, or a test.
pub trait Host: Send + Sync {
    /// Told now and then; may be dropped.
    fn progress(&self, done: f64, total: f64, unit: &str);
    /// An error when the step should stop: cancelled, interrupted, past its deadline.
    fn checkpoint(&self) -> Result<(), StepError>;

    /// A page of the files of an input that [lies elsewhere](LocalInput::is_remote), in the order of their names' bytes.
    fn list(&self, input: usize, _after: Option<&str>) -> Result<RemotePage, StepError> {
        Err(StepError::internal(format!("input {input} cannot be listed here")))
    }

    /// Brings files of such an input, each to a path below the step's scratch folder, at most `max_bytes` of each. What
    /// cannot be had of one file does not keep the others away; an error of the whole is one that may pass.
    fn fetch(&self, input: usize, _files: &[Wanted], _most_bytes: u64) -> Result<Vec<Option<StepError>>, StepError> {
        Err(StepError::internal(format!("nothing of input {input} can be fetched here")))
    }
}

/// A file of a folder that lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFile {
    /// Below the folder, with `/` between folders.
    pub name: String,
    pub bytes: u64,
    /// Tells one state of the file from the next.
    pub stamp: String,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RemotePage {
    pub files: Vec<RemoteFile>,
    /// Pass as `after` for the next page; none at the end.
    pub next: Option<String>,
}

/// A file to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// As [`RemoteFile::name`].
    pub name: String,
    /// A new file.
    pub into: PathBuf,
}

/// An input as the step sees it: a local file, complete, not to be written to; or, where the recipe takes folders, a
/// folder ([`LocalInput::is_folder`]), here or elsewhere ([`LocalInput::is_remote`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalInput {
    /// The name a user knows the input by; for messages and for the stems of file names.
    pub name: String,
    /// Empty for a folder that lies elsewhere.
    pub path: PathBuf,
    pub sha256: Sha256,
    pub bytes: u64,
    pub media_type: Option<String>,
}

impl LocalInput {
    /// Whether it is a folder of this machine: `path` has no links in it, and whoever reads below it follows none out
    /// of it.
    pub fn is_folder(&self) -> bool {
        self.media_type.as_deref() == Some(Input::FOLDER) && !self.is_remote()
    }

    /// Whether it is a folder that lies elsewhere, such as a prefix of a bucket: [`Host::list`] and [`Host::fetch`] get at
    /// its files.
    pub fn is_remote(&self) -> bool {
        self.media_type.as_deref() == Some(Input::FOLDER) && self.path.as_os_str().is_empty()
    }
}

/// An artifact as the step leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub name: String,
    pub media_type: String,
    /// A file below the step's scratch folder, or one of its inputs' paths (an artifact handed on).
    pub path: PathBuf,
}

/// What the context gathered while the step ran.
#[derive(Debug, Default)]
pub struct StepReport {
    pub artifacts: Vec<Published>,
    pub quality: Map<String, Value>,
}

/// The name of [`StepContext::notes`] in the scratch folder.
pub const NOTES: &str = ".notes";

/// A running step's world. Not shared between threads: a step that computes on several hands them what they need and
/// keeps the context on the thread it was called on.
pub struct StepContext<'a> {
    id: StepId,
    inputs: Vec<LocalInput>,
    scratch: PathBuf,
    threads: usize,
    host: &'a dyn Host,
    report: RefCell<StepReport>,
}

impl fmt::Debug for StepContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext").field("id", &self.id).field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl<'a> StepContext<'a> {
    /// `scratch` is an empty folder that the caller removes afterwards; `threads` is how many CPU threads the step may
    /// keep busy.
    pub fn new(id: StepId, inputs: Vec<LocalInput>, scratch: PathBuf, threads: usize, host: &'a dyn Host) -> Self {
        Self { id, inputs, scratch, threads: threads.max(1), host, report: RefCell::default() }
    }

    pub fn id(&self) -> &StepId {
        &self.id
    }

    pub fn inputs(&self) -> &[LocalInput] {
        &self.inputs
    }

    /// The input of this index; a recipe that forgot it is a defect of ours.
    pub fn input(&self, index: usize) -> Result<&LocalInput, StepError> {
        self.inputs.get(index).ok_or_else(|| StepError::internal(format!("step {} has no input {index}", self.id)))
    }

    /// Reads an input that is an earlier step's output or another JSON document.
    pub fn input_json<T: serde::de::DeserializeOwned>(&self, index: usize) -> Result<T, StepError> {
        let file = fs::File::open(&self.input(index)?.path)?;
        Ok(serde_json::from_reader(io::BufReader::new(file))?)
    }

    /// How many CPU threads the step may keep busy.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// A folder of the step's own, gone when the step is over.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// A file of JSON lines below the scratch folder that outlives the step's process; not there at first.
    ///
    /// When the process dies and this step is to blame, the runtime adds a line `{"died":"<error code>"}` and begins the step
    /// anew at once, as long as the file grew since it was begun last. A step that works on many things so finds out
    /// which of them it cannot do: it notes down what it begins with before it begins, and what is done.
    pub fn notes(&self) -> PathBuf {
        self.scratch.join(NOTES)
    }

    /// Tells how far the step is, in a unit that people know.
    pub fn progress(&self, done: f64, total: f64, unit: &str) {
        self.host.progress(done, total, unit);
    }

    /// Returns an error when the step should stop now.
    pub fn checkpoint(&self) -> Result<(), StepError> {
        self.host.checkpoint()
    }

    /// The same question for the step's own threads; an error returned to them is the step's to return.
    pub fn host(&self) -> &'a dyn Host {
        self.host
    }

    /// Starts an artifact. It counts once [`ArtifactFile::keep`] was called.
    pub fn create(&self, name: &str, media_type: &str) -> Result<ArtifactFile<'_, 'a>, StepError> {
        let path = self.place(name)?;
        let file = BufWriter::new(fs::File::create(&path)?);
        Ok(ArtifactFile {
            context: self,
            file,
            published: Published { name: name.into(), media_type: media_type.into(), path },
        })
    }

    /// Leaves bytes that are in memory as an artifact.
    pub fn publish(&self, name: &str, media_type: &str, bytes: &[u8]) -> Result<(), StepError> {
        let mut file = self.create(name, media_type)?;
        file.write_all(bytes)?;
        file.keep()
    }

    /// Where a program that wants a path may write the artifact `name`; hand it in with [`Self::publish_file`].
    pub fn place(&self, name: &str) -> Result<PathBuf, StepError> {
        let segment = !name.is_empty()
            && name.len() <= 255
            && !name.contains(['/', '\\', '\0'])
            && ![".", "..", NOTES].contains(&name);
        if segment {
            Ok(self.scratch.join(name))
        } else {
            Err(StepError::internal(format!("{name:?} is no artifact name")))
        }
    }

    /// Leaves a file of the scratch folder as an artifact.
    pub fn publish_file(&self, name: &str, media_type: &str, path: &Path) -> Result<(), StepError> {
        if !path.starts_with(&self.scratch) {
            return Err(StepError::internal(format!("artifact {name} lies outside the step's folder")));
        }
        self.push(Published { name: name.into(), media_type: media_type.into(), path: path.into() });
        Ok(())
    }

    /// Hands an input on as an artifact of this step, without copying it.
    pub fn hand_on(&self, index: usize, name: &str) -> Result<(), StepError> {
        let input = self.input(index)?;
        let media_type = input.media_type.clone().unwrap_or_else(|| "application/octet-stream".into());
        self.push(Published { name: name.into(), media_type, path: input.path.clone() });
        Ok(())
    }

    /// Says how good the result is: lands in the manifest's `quality`.
    pub fn quality(&self, key: &str, value: impl Into<Value>) {
        self.report.borrow_mut().quality.insert(key.into(), value.into());
    }

    /// What was gathered; the context is used up.
    pub fn into_report(self) -> StepReport {
        self.report.into_inner()
    }

    fn push(&self, published: Published) {
        let artifacts = &mut self.report.borrow_mut().artifacts;
        artifacts.retain(|earlier| earlier.name != published.name);
        artifacts.push(published);
    }
}

/// An artifact being written.
pub struct ArtifactFile<'c, 'a> {
    context: &'c StepContext<'a>,
    file: BufWriter<fs::File>,
    published: Published,
}

impl fmt::Debug for ArtifactFile<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArtifactFile").field("published", &self.published).finish_non_exhaustive()
    }
}

impl ArtifactFile<'_, '_> {
    /// The artifact is complete.
    pub fn keep(mut self) -> Result<(), StepError> {
        self.file.flush()?;
        self.context.push(self.published);
        Ok(())
    }
}

impl Write for ArtifactFile<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl StepError {
    /// An input that cannot be used: the sentence names it.
    pub fn bad_input(code: ErrorCode, input: &LocalInput, what: &str) -> Self {
        Self::permanent(code, format!("{}: {what}", input.name))
    }
}
