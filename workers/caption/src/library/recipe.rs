use medley_proto::{Artifact, Input, Name, StepId, StepInput};
use medley_step::{GroupDone, JobView, Planned, Recipe, StepDraft, StepError};

use super::{
    LibraryOutput, LibraryParams, LibraryStep, LibraryWorker,
    step::{ArchiveRange, Listing, Part, Shard},
    webdataset::PACK_LIST,
};

/// A library as a job: list, analyze ×N, merge in a tree, assemble, and pack ×M when archives were asked for. The module's
/// documentation has an example.
#[derive(Debug)]
pub struct LibraryRecipe;

impl Recipe for LibraryRecipe {
    const KIND: &'static str = "library";
    type Params = LibraryParams;
    const ABOUT: &'static str =
        "Caption a whole folder, archive, list or S3 prefix of images and make it a searchable data set";
    const EXAMPLES: &'static str = "medley run library photos/ -o dataset
medley run library photos.zip --write webdataset,coco --drop-duplicates --min-side-px 512 -o dataset
medley submit library s3://photos/2026/ --write webdataset
medley run library photos/ chosen.txt --write kohya --trigger 'sks dog' -o dataset";
    const INPUTS: std::ops::RangeInclusive<usize> = 1..=2;
    const INPUT_ROLES: &'static [&'static str] =
        &["the folder, archive, list or S3 prefix of images", "a list of those to take (if not all)"];
    const TAKES_FOLDER: bool = true;

    fn check(params: &LibraryParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, LibraryParams>) -> Result<Planned, StepError> {
        let list = LibraryStep::List(job.params.clone());
        Ok(Planned::one(StepDraft::only::<LibraryWorker>("list", &list)?.inputs(of_job(job))))
    }

    fn next(job: &JobView<'_, LibraryParams>, done: &GroupDone) -> Result<Planned, StepError> {
        match done.output::<LibraryOutput>(0)? {
            LibraryOutput::List(listing) => analyses(job, done, listing),
            LibraryOutput::Analyze(_) => {
                let shards = of_stage(&done.stage)?;
                let answers = done.results.iter().map(|result| StepInput::Output(result.id.clone()));
                merge(1, done.group, shards.steps, &LibraryStep::MergeAnalyses, answers)
            }
            LibraryOutput::Merge(_) => {
                let (merges, of) = (of_stage(&done.stage)?, merged(done)?);
                if merges.steps > 1 {
                    let step = LibraryStep::MergeParts { of };
                    return merge(merges.level + 1, done.group, merges.steps, &step, artifacts(done));
                }
                let listing = StepInput::Output(StepId::new(Name::from_static("list"), 0, 0));
                let assemble = LibraryStep::Assemble { params: job.params.clone(), of };
                let inputs = std::iter::once(listing).chain(artifacts(done));
                Ok(Planned::one(StepDraft::only::<LibraryWorker>("gather", &assemble)?.inputs(inputs)))
            }
            LibraryOutput::Assemble { archives, .. } if archives.is_empty() => Ok(Planned::last()),
            LibraryOutput::Assemble { archives, .. } => packing(job, done, archives),
            LibraryOutput::Pack { assembled, .. } => {
                let assembled = assembled.into_iter().map(StepInput::Artifact);
                let inputs = assembled.chain(artifacts(done));
                Ok(Planned::one(StepDraft::only::<LibraryWorker>("done", &LibraryStep::Done)?.inputs(inputs)))
            }
            LibraryOutput::Done => Ok(Planned::last()),
        }
    }
}

/// The job's own inputs.
fn of_job(job: &JobView<'_, LibraryParams>) -> impl Iterator<Item = StepInput> {
    (0..job.job.inputs.len()).map(|n| StepInput::Job(u32::try_from(n).unwrap_or(u32::MAX)))
}

fn artifacts(done: &GroupDone) -> impl Iterator<Item = StepInput> {
    done.results.iter().flat_map(|result| &result.artifacts).cloned().map(StepInput::Artifact)
}

/// The parts of a group's merges, joined.
fn merged(done: &GroupDone) -> Result<Part, StepError> {
    let mut all = Part::default();
    for n in 0..done.results.len() {
        let LibraryOutput::Merge(one) = done.output(n)? else {
            return Err(StepError::internal(format!("step {n} of {} is no merge", done.stage)));
        };
        all = all.and(one)?;
    }
    Ok(all)
}

/// The numbers in a stage's name. The analysis of a shard may come from the cache of another job, so it cannot say how many
/// shards this job has; the stage's name does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stage {
    level: u32,
    /// How many steps the stage has, in all groups.
    steps: u32,
}

fn of_stage(name: &Name) -> Result<Stage, StepError> {
    let mut parts = name.as_str().split('-');
    let first = parts.next().unwrap_or_default();
    let numbers: Option<Vec<u32>> = parts.map(|part| part.parse().ok()).collect();
    match (first, numbers.as_deref()) {
        ("look" | "pack", Some(&[steps])) => Ok(Stage { level: 0, steps }),
        ("merge", Some(&[level, steps])) => Ok(Stage { level, steps }),
        _ => Err(StepError::internal(format!("no library has a stage '{name}'"))),
    }
}

/// The `n`th of `total` steps of a stage with a name made at run time.
fn nth(stage: String, n: u32, total: u32, step: &LibraryStep) -> Result<StepDraft, StepError> {
    let mut draft = StepDraft::nth::<LibraryWorker>("look", n, total, step)?;
    draft.id.stage = Name::try_from(stage).map_err(|error| StepError::internal(error.to_string()))?;
    Ok(draft)
}

fn analyses(job: &JobView<'_, LibraryParams>, done: &GroupDone, listing: Listing) -> Result<Planned, StepError> {
    let list = artifacts(done).next().ok_or_else(|| StepError::internal("the first step left no list"))?;
    let total = u32::try_from(listing.shards.len()).unwrap_or(u32::MAX);
    let version = listing.analyzer_version;
    let draft = |(n, shard): (u32, Shard)| {
        let params = job.params.of_shard(shard.thumbnails);
        let depends_on = serde_json::to_vec(&params)?;
        let state = shard.state;
        let draft = nth(format!("look-{total}"), n, total, &LibraryStep::Analyze { params, shard })?;
        let inputs = of_job(job).chain([list.clone()]);
        Ok(draft.inputs(inputs).cached(&[version.as_bytes(), state.as_bytes(), &depends_on]))
    };
    let steps = (0..).zip(listing.shards).map(draft).collect::<Result<_, StepError>>()?;
    Ok(Planned::many(steps).work(listing.images as f64, "images"))
}

/// The merge of one group of a stage that has `steps_below` steps.
fn merge(
    level: u32,
    group: u32,
    steps_below: u32,
    step: &LibraryStep,
    inputs: impl IntoIterator<Item = StepInput>,
) -> Result<Planned, StepError> {
    let groups = steps_below.div_ceil(GroupDone::MAX);
    Ok(Planned::one(nth(format!("merge-{level}-{groups}"), group, groups, step)?.inputs(inputs)))
}

fn packing(
    job: &JobView<'_, LibraryParams>,
    done: &GroupDone,
    archives: Vec<ArchiveRange>,
) -> Result<Planned, StepError> {
    let (list, kept): (Vec<Artifact>, Vec<Artifact>) =
        done.results.iter().flat_map(|result| &result.artifacts).cloned().partition(|one| one.name == PACK_LIST);
    let total = u32::try_from(archives.len()).unwrap_or(u32::MAX);
    let draft = |(n, range): (u32, ArchiveRange)| {
        let assembled = if n == 0 { kept.clone() } else { Vec::new() };
        let step = LibraryStep::Pack(ArchiveRange { assembled, ..range });
        let inputs = of_job(job).chain(list.iter().cloned().map(StepInput::Artifact));
        Ok(nth(format!("pack-{total}"), n, total, &step)?.inputs(inputs))
    };
    Ok(Planned::many((0..).zip(archives).map(draft).collect::<Result<_, StepError>>()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use medley_proto::{Class, ErrorCode, Job, JobId, Lineage, Sha256, Source, StepResult, VERSION};

    use super::*;
    use crate::library::step::ShardAnalysis;

    fn job() -> Job {
        let source = Source::Uri("file:///photos".into());
        Job {
            v: VERSION,
            id: JobId::fresh(1, 1),
            tenant: Name::from_static("t"),
            kind: Name::from_static("library"),
            inputs: vec![Input { name: "photos".into(), source, sha256: None, bytes: None, media_type: None }],
            params: serde_json::json!({}),
            class: Class::Batch,
            created_ms: 0,
            deadline_ms: None,
            labels: BTreeMap::new(),
            idempotency_key: None,
        }
    }

    /// Simulates a job and counts the steps of each stage. Every step must be planned once, by complete groups.
    fn walk(shards: u32) -> BTreeMap<String, u32> {
        let job = job();
        let view = || JobView { job: &job, params: LibraryParams::default() };
        let mut open = LibraryRecipe::start(&view()).unwrap().steps;
        let mut groups: BTreeMap<(Name, u32), (u32, Vec<StepResult>)> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        while let Some(step) = open.pop() {
            *counts.entry(step.id.stage.to_string()).or_default() += 1;
            let artifact = Artifact { name: "a".into(), sha256: Sha256::of(b"a"), bytes: 1, media_type: "x/y".into() };
            let output = match serde_json::from_value(step.params).unwrap() {
                LibraryStep::List(_) => {
                    let shard = |n: u32| Shard {
                        offset: u64::from(n),
                        bytes: 1,
                        images: 1,
                        thumbnails: false,
                        state: Sha256::of(&n.to_be_bytes()),
                    };
                    LibraryOutput::List(Listing {
                        images: shards.into(),
                        files_passed_over: 0,
                        folders_passed_over: 0,
                        analyzer_version: Sha256::of(b"version"),
                        shards: (0..shards).map(shard).collect(),
                    })
                }
                LibraryStep::Analyze { .. } => LibraryOutput::Analyze(ShardAnalysis::default()),
                LibraryStep::MergeAnalyses | LibraryStep::MergeParts { .. } => {
                    assert!(step.inputs.len() <= 64);
                    LibraryOutput::Merge(Part::default())
                }
                LibraryStep::Assemble { .. } => LibraryOutput::Assemble { images: shards.into(), archives: Vec::new() },
                other => panic!("{other:?}"),
            };
            let entry = groups.entry((step.id.stage.clone(), step.id.group)).or_insert((step.group_size, Vec::new()));
            let key = (step.id.stage.clone(), step.id.group);
            entry.1.push(StepResult {
                v: VERSION,
                id: step.id,
                output: serde_json::to_value(output).unwrap(),
                artifacts: vec![artifact],
                quality: serde_json::Map::new(),
                lineage: Lineage::default(),
            });
            if entry.1.len() == entry.0 as usize {
                let (_, mut results) = groups.remove(&key).unwrap();
                results.sort_by_key(|result| result.id.n);
                let done = GroupDone { stage: key.0, group: key.1, results };
                open.extend(LibraryRecipe::next(&view(), &done).unwrap().steps);
            }
        }
        assert!(groups.is_empty(), "{groups:?} never became complete");
        counts
    }

    #[test]
    fn the_tree_closes_at_every_width() {
        for shards in [1, 2, 63, 64, 65, 128, 4_095, 4_096, 4_097, 9_000] {
            let counts = walk(shards);
            assert_eq!(counts[&format!("look-{shards}")], shards);
            assert_eq!(counts["gather"], 1, "{shards}");
            let merges: u32 = counts.iter().filter(|(name, _)| name.starts_with("merge")).map(|(_, n)| n).sum();
            let first = shards.div_ceil(64);
            let second = if first > 1 { first.div_ceil(64) } else { 0 };
            let third = if second > 1 { second.div_ceil(64) } else { 0 };
            assert_eq!(merges, first + second + third, "{shards}");
        }
    }

    #[test]
    fn what_is_no_param_is_refused() {
        let params: LibraryParams = serde_json::from_value(serde_json::json!({ "colour": "red" })).unwrap();
        let error = params.check().unwrap_err();
        assert_eq!(error.code(), ErrorCode::PARAMS_INVALID);
        assert!(error.to_string().contains("`colour`"), "{error}");
        let params: LibraryParams =
            serde_json::from_value(serde_json::json!({ "text": false, "min_side_px": 3, "write": ["coco"] })).unwrap();
        params.check().unwrap();
        assert!(!params.analysis.text && params.writes(crate::library::DataSet::Coco));
    }
}
