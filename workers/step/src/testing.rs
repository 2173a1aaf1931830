//! Runs a worker's steps without a queue or a store, for the tests of kinds.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use medley_proto::{Name, Sha256, StepId};
use serde_json::{Map, Value};

use crate::{Host, LocalInput, StepContext, StepError, Worker};

/// A step's outcome as files on the disk.
#[derive(Debug)]
pub struct Ran<O> {
    pub output: O,
    /// Where each artifact lies, by name.
    pub artifacts: BTreeMap<String, PathBuf>,
    pub quality: Map<String, Value>,
}

/// Remembers progress; never asks to stop unless told to.
#[derive(Debug, Default)]
pub struct QuietHost {
    last: Mutex<Option<(f64, f64)>>,
}

impl QuietHost {
    /// The last progress that was told: done and total.
    pub fn last_progress(&self) -> Option<(f64, f64)> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for QuietHost {
    fn progress(&self, done: f64, total: f64, _unit: &str) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((done, total));
    }

    fn checkpoint(&self) -> Result<(), StepError> {
        Ok(())
    }
}

/// A file as a step's input.
///
/// # Errors
/// When the file cannot be read.
pub fn input(path: &Path) -> std::io::Result<LocalInput> {
    let bytes = fs::read(path)?;
    Ok(LocalInput {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        path: path.into(),
        sha256: Sha256::of(&bytes),
        bytes: bytes.len() as u64,
        media_type: None,
    })
}

/// Runs one step with `scratch` (an empty folder, which stays) as its folder, on two threads.
///
/// # Errors
/// Whatever the step returns.
pub fn run<W: Worker>(
    worker: &W,
    params: W::Params,
    inputs: Vec<LocalInput>,
    scratch: &Path,
) -> Result<Ran<W::Output>, StepError> {
    let host = QuietHost::default();
    let id = StepId::new(Name::from_static("test"), 0, 0);
    let cx = StepContext::new(id, inputs, scratch.into(), 2, &host);
    let output = worker.run(params, &cx)?;
    let report = cx.into_report();
    let artifacts = report.artifacts.into_iter().map(|artifact| (artifact.name, artifact.path)).collect();
    Ok(Ran { output, artifacts, quality: report.quality })
}
