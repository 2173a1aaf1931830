//! Drives a job of this crate step by step in this process: no queue, no store. For tests and for `scripts/bench`.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use medley_proto::{Artifact, Class, Input, Job, JobId, Lineage, Name, Sha256, Source, StepId, StepInput, StepResult};
use medley_step::{
    BuildContext, Host, LocalInput, Registry, StepContext, StepDraft, StepError, Worker,
    testing::{JobRun, QuietHost},
};
use medley_transcribe::{PodcastRecipe, TranscribeConfig, TranscribeRecipe, TranscribeStep, TranscribeWorker};
use serde_json::{Map, Value};

pub(crate) struct Driver {
    worker: TranscribeWorker,
    registry: Registry,
    threads: usize,
}

/// What a job left.
#[derive(Default)]
pub(crate) struct Finished {
    /// Seconds that each stage took.
    pub(crate) stages_s: BTreeMap<String, f64>,
    /// The number of steps of each stage.
    pub(crate) steps: BTreeMap<String, usize>,
    pub(crate) quality: Map<String, Value>,
    /// The artifacts of the last group, by name.
    pub(crate) artifacts: BTreeMap<String, PathBuf>,
}

impl Driver {
    pub(crate) fn new(models_dir: PathBuf, config: TranscribeConfig, threads: usize) -> Self {
        let worker = TranscribeWorker::build(config, &BuildContext { models_dir, slots: 1, threads }).expect("cheap");
        let registry = Registry::default().recipe::<TranscribeRecipe>().recipe::<PodcastRecipe>();
        Self { worker, registry, threads }
    }

    /// Runs a job of `kind` on a file; steps and artifacts go below `out`.
    pub(crate) fn job(
        &self,
        kind: &'static str,
        file: &Path,
        params: Value,
        out: &Path,
    ) -> Result<Finished, Box<dyn Error>> {
        let input = local(file.to_path_buf());
        let recipe = self.registry.find_recipe(&Name::from_static(kind))?;
        let mut job = envelope(kind, &input.name, params);
        job.params = recipe.check(&job.params, &job.inputs)?;
        let mut finished = Finished::default();
        let run = JobRun::of(recipe, &job, |step, _| {
            let started = Instant::now();
            let result = self.step(step, &input, out, &QuietHost::default())?;
            *finished.stages_s.entry(step.id.stage.to_string()).or_default() += started.elapsed().as_secs_f64();
            Ok::<_, StepError>(result)
        })?;
        finished.steps = run.stages();
        finished.artifacts =
            run.artifacts().iter().map(|a| (a.name.clone(), stored(out, &a.sha256, &a.name))).collect();
        if let Some(last) = run.end.as_ref().and_then(|end| run.results.get(&end.step(0))) {
            finished.quality.clone_from(&last.quality);
        }
        Ok(finished)
    }

    /// Runs one step.
    pub(crate) fn step(
        &self,
        step: &StepDraft,
        input: &LocalInput,
        out: &Path,
        host: &dyn Host,
    ) -> Result<StepResult, StepError> {
        let folder = |id: &StepId| out.join(id.to_string().replace('/', "-"));
        let inputs = step.inputs.iter().map(|one| match one {
            StepInput::Job(_) => input.clone(),
            StepInput::Output(id) => local(folder(id).join("result.json")),
            StepInput::Left { .. } | StepInput::All { .. } => {
                unreachable!("no step of a transcription reads what an earlier one left")
            }
            StepInput::Artifact(artifact) => local(stored(out, &artifact.sha256, &artifact.name)),
        });
        let scratch = folder(&step.id);
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch)?;
        let cx = StepContext::new(step.id.clone(), inputs.collect(), scratch.clone(), self.threads, host);
        let params: TranscribeStep = serde_json::from_value(step.params.clone())?;
        let output = serde_json::to_value(self.worker.run(params, &cx)?)?;
        fs::write(scratch.join("result.json"), serde_json::to_vec(&output)?)?;
        let report = cx.into_report();
        let mut artifacts = Vec::new();
        for artifact in report.artifacts {
            let bytes = fs::read(&artifact.path)?;
            let sha256 = Sha256::of(&bytes);
            let path = stored(out, &sha256, &artifact.name);
            fs::create_dir_all(path.parent().expect("below out"))?;
            fs::write(path, &bytes)?;
            let bytes = bytes.len() as u64;
            artifacts.push(Artifact { name: artifact.name, sha256, bytes, media_type: artifact.media_type });
        }
        let (quality, lineage) = (report.quality, Lineage::default());
        Ok(StepResult { v: 1, id: step.id.clone(), output, artifacts, quality, lineage })
    }
}

fn stored(out: &Path, sha256: &Sha256, name: &str) -> PathBuf {
    out.join("artifacts").join(sha256.to_string()).join(name)
}

pub(crate) fn local(path: PathBuf) -> LocalInput {
    LocalInput {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes: fs::metadata(&path).map_or(0, |meta| meta.len()),
        sha256: Sha256::of(path.as_os_str().as_encoded_bytes()),
        path,
        media_type: None,
    }
}

pub(crate) fn envelope(kind: &'static str, name: &str, params: Value) -> Job {
    let input =
        Input { name: name.into(), source: Source::Text(String::new()), sha256: None, bytes: None, media_type: None };
    Job {
        v: 1,
        id: JobId::fresh(0, 0),
        tenant: Name::from_static("local"),
        kind: Name::from_static(kind),
        inputs: vec![input],
        params,
        class: Class::Batch,
        created_ms: 0,
        deadline_ms: None,
        labels: BTreeMap::new(),
        idempotency_key: None,
    }
}
