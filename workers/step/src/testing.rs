//! Runs a worker's steps without a queue or a store, for the tests of kinds.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use medley_proto::{Artifact, Job, Lineage, Name, Sha256, StepId, StepInput, StepResult};
use serde_json::{Map, Value};

use crate::{
    ErasedRecipe, Host, LocalInput, StepContext, StepDraft, StepError, Worker,
    graph::{GROUP_MAX, Group, Known, Next},
};

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

/// The `n`th of the `total` steps of a stage, without inputs.
///
/// # Panics
/// When the params cannot be written as JSON.
pub fn draft<W: Worker>(stage: &'static str, n: u32, total: u32, params: &W::Params) -> StepDraft {
    let group = n / GROUP_MAX;
    StepDraft {
        id: StepId::new(Name::from_static(stage), group, n % GROUP_MAX),
        kind: Name::from_static(W::KIND),
        group_size: (total - group * GROUP_MAX).min(GROUP_MAX),
        stage_size: None,
        params: serde_json::to_value(params).expect("params are JSON"),
        inputs: Vec::new(),
        cache_key: None,
        lineage: Lineage::default(),
    }
}

/// A whole job, run in memory and one step after the other.
#[derive(Debug, Default)]
pub struct JobRun {
    /// What each step left.
    pub results: BTreeMap<StepId, StepResult>,
    /// The job's last group.
    pub end: Option<Group>,
}

impl JobRun {
    /// Runs a job of a recipe. `compute` gives what a step leaves, and sees what was left before.
    ///
    /// # Errors
    /// Those of the recipe and of `compute`.
    pub fn of<E: From<StepError>>(
        recipe: &dyn ErasedRecipe,
        job: &Job,
        mut compute: impl FnMut(&StepDraft, &BTreeMap<StepId, StepResult>) -> Result<StepResult, E>,
    ) -> Result<Self, E> {
        let mut run = Self::default();
        let mut queue = VecDeque::from(recipe.start(job)?.steps);
        while let Some(step) = queue.pop_front() {
            let result = compute(&step, &run.results)?;
            let group = step.group();
            run.results.insert(step.id, result);
            queue.extend(run.follow(recipe, job, group)?);
        }
        Ok(run)
    }

    /// The artifacts of the last group.
    pub fn artifacts(&self) -> Vec<Artifact> {
        let steps = self.end.iter().flat_map(Group::steps);
        steps.filter_map(|id| self.results.get(&id)).flat_map(|result| result.artifacts.clone()).collect()
    }

    /// How many steps each stage had.
    pub fn stages(&self) -> BTreeMap<String, usize> {
        let mut stages = BTreeMap::new();
        for id in self.results.keys() {
            *stages.entry(id.stage.to_string()).or_default() += 1;
        }
        stages
    }

    fn follow(&mut self, recipe: &dyn ErasedRecipe, job: &Job, mut group: Group) -> Result<Vec<StepDraft>, StepError> {
        while group.steps().all(|id| self.results.contains_key(&id)) {
            let mut known: Known = group.steps().map(|id| self.read(id)).collect();
            let next = loop {
                match recipe.next(job, &group, &known)? {
                    Next::Read(ids) => known.extend(ids.into_iter().map(|id| self.read(id))),
                    next => break next,
                }
            };
            match next {
                Next::Publish(planned) => return Ok(planned.steps),
                Next::Mark(mark) => {
                    self.results.insert(mark.id.clone(), result(mark.id, Value::Null, Vec::new()));
                    group = mark.group;
                }
                Next::Last | Next::Read(_) => {
                    self.end = Some(group);
                    return Ok(Vec::new());
                }
            }
        }
        Ok(Vec::new())
    }

    fn read(&self, id: StepId) -> (StepId, Option<StepResult>) {
        let result = self.results.get(&id).cloned();
        (id, result)
    }
}

/// A step's result without a lineage.
pub fn result(id: StepId, output: Value, artifacts: Vec<Artifact>) -> StepResult {
    StepResult { v: medley_proto::VERSION, id, output, artifacts, quality: Map::new(), lineage: Lineage::default() }
}

/// The artifacts that an input means, as far as it means artifacts.
pub fn artifacts_of(input: &StepInput, results: &BTreeMap<StepId, StepResult>) -> Vec<Artifact> {
    match input {
        StepInput::Job(_) | StepInput::Output(_) => Vec::new(),
        StepInput::Artifact(artifact) => vec![artifact.clone()],
        StepInput::Left { step, name } => {
            let left = results.get(step).into_iter().flat_map(|result| &result.artifacts);
            left.filter(|artifact| artifact.name == *name).cloned().collect()
        }
        StepInput::All { stage, size } => {
            let ids = (0..*size).map(|n| StepId::new(stage.clone(), n / GROUP_MAX, n % GROUP_MAX));
            ids.filter_map(|id| results.get(&id)).flat_map(|result| result.artifacts.clone()).collect()
        }
    }
}
