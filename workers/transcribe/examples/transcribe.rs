//! Transcribes a file step by step in this process and prints what it took, for `scripts/bench`: no queue, no store.
//!
//! `transcribe FILE OUT_DIR [PARAMS_JSON] [REPEATS]`

use std::{collections::BTreeMap, error::Error, fs, path::{Path, PathBuf}, time::Instant};

use medley_models::Models;
use medley_proto::{Artifact, Class, Input, Job, JobId, Name, Sha256, Source, StepInput, StepResult};
use medley_step::{BuildContext, GroupDone, JobView, LocalInput, Recipe, StepContext, Worker, testing::QuietHost};
use medley_transcribe::{Transcribe, TranscribeConfig, TranscribeJob, TranscribeStep};

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().collect();
    let [_, file, out, more @ ..] = args.as_slice() else {
        return Err("usage: transcribe FILE OUT_DIR [PARAMS_JSON] [REPEATS]".into());
    };
    let params: serde_json::Value = serde_json::from_str(more.first().map_or("{}", String::as_str))?;
    let repeats: usize = more.get(1).map_or(Ok(1), |n| n.parse())?;
    let threads = std::env::var("THREADS").map_or(Ok(2), |n| n.parse())?;
    let config = TranscribeConfig { plain_encoder: std::env::var_os("PLAIN_ENCODER").is_some() };
    let cx = BuildContext { models_dir: Models::default_dir(), slots: 1, threads };
    let worker = Transcribe::build(config, &cx)?;
    let mut walls = Vec::new();
    let mut stages = BTreeMap::new();
    let mut quality = serde_json::Map::new();
    for _ in 0..repeats {
        let started = Instant::now();
        let driver = Driver { worker: &worker, out: Path::new(out), threads };
        (stages, quality) = driver.job(Path::new(file), &params)?;
        walls.push(started.elapsed().as_secs_f64());
    }
    println!("{}", serde_json::json!({ "walls_s": walls, "stages_s": stages, "peak_mb": peak_mb()?, "quality": quality }));
    Ok(())
}

struct Driver<'a> {
    worker: &'a Transcribe,
    out: &'a Path,
    threads: usize,
}

type Told = (BTreeMap<String, f64>, serde_json::Map<String, serde_json::Value>);

impl Driver<'_> {
    fn job(&self, file: &Path, params: &serde_json::Value) -> Result<Told, Failed> {
        let input = LocalInput {
            name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: file.into(),
            sha256: Sha256::of(b"not looked at"),
            bytes: fs::metadata(file)?.len(),
            media_type: None,
        };
        let job = Job {
            v: 1,
            id: JobId::fresh(0, 0),
            tenant: Name::from_static("bench"),
            kind: Name::from_static(TranscribeJob::KIND),
            inputs: vec![Input {
                name: input.name.clone(),
                source: Source::Text(String::new()),
                sha256: None,
                bytes: None,
                media_type: None,
            }],
            params: params.clone(),
            class: Class::Batch,
            created_ms: 0,
            deadline_ms: None,
            labels: BTreeMap::new(),
            idempotency_key: None,
        };
        let view = JobView { job: &job, params: serde_json::from_value(params.clone())? };
        TranscribeJob::check(&view.params, &job.inputs)?;
        let (mut stages, mut quality) = (BTreeMap::<String, f64>::new(), serde_json::Map::new());
        let mut planned = TranscribeJob::start(&view)?;
        let mut waiting: BTreeMap<(String, u32), Vec<StepResult>> = BTreeMap::new();
        while !planned.steps.is_empty() {
            let mut follow = medley_step::Planned::default();
            for step in planned.steps {
                let started = Instant::now();
                let (result, said) = self.step(&step, &input)?;
                *stages.entry(step.id.stage.to_string()).or_default() += started.elapsed().as_secs_f64();
                quality = said;
                let group = waiting.entry((step.id.stage.to_string(), step.id.group)).or_default();
                group.push(result);
                if group.len() == step.group_size as usize {
                    let done = GroupDone { stage: step.id.stage, group: step.id.group, results: std::mem::take(group) };
                    follow.steps.extend(TranscribeJob::next(&view, &done)?.steps);
                }
            }
            planned = follow;
        }
        Ok((stages, quality))
    }

    fn step(
        &self,
        step: &medley_step::StepDraft,
        input: &LocalInput,
    ) -> Result<(StepResult, serde_json::Map<String, serde_json::Value>), Failed> {
        let folder = |id: &medley_proto::StepId| self.out.join(id.to_string().replace('/', "-"));
        let inputs = step.inputs.iter().map(|one| match one {
            StepInput::Job(_) => input.clone(),
            StepInput::Output(id) => local(folder(id).join("result.json")),
            StepInput::Artifact(artifact) => local(self.out.join(artifact.sha256.to_string())),
        });
        let scratch = folder(&step.id);
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch)?;
        let host = QuietHost::default();
        let cx = StepContext::new(step.id.clone(), inputs.collect(), scratch.clone(), self.threads, &host);
        let params: TranscribeStep = serde_json::from_value(step.params.clone())?;
        let output = serde_json::to_value(self.worker.run(params, &cx)?)?;
        fs::write(scratch.join("result.json"), serde_json::to_vec(&output)?)?;
        let report = cx.into_report();
        let mut artifacts = Vec::new();
        for artifact in report.artifacts {
            let sha256 = Sha256::of(&fs::read(&artifact.path)?);
            fs::copy(&artifact.path, self.out.join(sha256.to_string()))?;
            fs::copy(&artifact.path, self.out.join(&artifact.name))?;
            artifacts.push(Artifact { name: artifact.name, sha256, bytes: 0, media_type: artifact.media_type });
        }
        let result = StepResult {
            v: 1,
            id: step.id.clone(),
            output,
            artifacts,
            quality: report.quality.clone(),
            lineage: medley_proto::Lineage::default(),
        };
        Ok((result, report.quality))
    }
}

fn local(path: PathBuf) -> LocalInput {
    LocalInput { name: path.display().to_string(), path, sha256: Sha256::of(b""), bytes: 0, media_type: None }
}

/// The most memory that this process ever held.
fn peak_mb() -> Result<f64, Failed> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<f64>()? / 1024.0)
}
