use medley_proto::Input;
use medley_step::{
    StepError,
    graph::{Done, Draft, Drafts, Fragment, Maybe, One, Recipe, Scope},
};

use super::{
    LibraryParams,
    step::{AnalyzeStep, AssembleStep, Assembled, DoneStep, Part, Shard},
    webdataset::PACK_LIST,
    worker::MergeStep,
};

/// A library as a job: list, analyze ×N, merge in a tree, assemble, and pack ×M when archives were asked for. The module's
/// documentation has an example.
#[derive(Debug)]
pub struct LibraryRecipe;

impl Recipe for LibraryRecipe {
    const KIND: &'static str = "library";
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
}

impl Fragment for LibraryRecipe {
    type Params = LibraryParams;
    type Ends = (Maybe<One<()>>, One<Assembled>);

    fn graph(g: &mut Scope<'_, LibraryParams>) -> Self::Ends {
        // An analysis may come from the cache of another job, so it cannot say how many shards this job has.
        g.sized_names();
        let list = g.one("list", (), |cx, ()| Ok(Draft::of(cx.params.clone()).inputs(cx.inputs())));
        let analyses = g.scatter("look", list, |cx, list| {
            let lines = list.file("list.jsonl")?;
            let draft = |shard: &Shard| {
                let params = cx.params.of_shard(shard.thumbnails);
                let depends_on = serde_json::to_vec(&params)?;
                let (version, state) = (list.analyzer_version, shard.state);
                let draft = Draft::of(AnalyzeStep { params, shard: shard.clone() });
                let draft = draft.inputs(cx.inputs()).input(lines.clone());
                Ok(draft.cached(&[version.as_bytes(), state.as_bytes(), &depends_on]))
            };
            let drafts = list.shards.iter().map(draft).collect::<Result<Drafts<_>, StepError>>()?;
            Ok(drafts.work(list.images as f64, "images"))
        });
        let part = g.reduce(
            "merge",
            analyses,
            |_, analyses| Ok(Draft::of(MergeStep::Analyses).inputs(analyses.iter().map(Done::output))),
            |_, parts| Ok(Draft::of(MergeStep::Parts(joined(&parts)?)).inputs(parts.iter().flat_map(Done::files))),
        );
        let assembled = g.one("gather", (list, part), |cx, (list, part)| {
            let assemble = AssembleStep { params: cx.params.clone(), of: *part };
            Ok(Draft::of(assemble).input(list.output()).inputs(part.files()))
        });
        let archives = g.scatter_if(
            "pack",
            assembled,
            |_, assembled| !assembled.archives.is_empty(),
            |cx, assembled| {
                let images = assembled.file(PACK_LIST)?;
                let drafts = assembled.archives.iter().cloned();
                Ok(drafts.map(|range| Draft::of(range).inputs(cx.inputs()).input(images.clone())).collect())
            },
        );
        let packed = g.gather("packed", archives.needed());
        let done = g.one("done", (assembled, packed), |_, (assembled, packed)| {
            let for_the_user = assembled.files_except(&[PACK_LIST]).chain(packed.files());
            Ok(Draft::of(DoneStep {}).inputs(for_the_user))
        });
        (Maybe(done), assembled)
    }
}

/// The parts of a group's merges, joined.
fn joined(parts: &[Done<Part>]) -> Result<Part, StepError> {
    parts.iter().try_fold(Part::default(), |all, part| all.and(**part))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use medley_proto::{Artifact, Class, ErrorCode, Job, JobId, Name, Sha256, Source, VERSION};
    use medley_step::{
        Registry,
        testing::{self, JobRun},
    };

    use super::*;
    use crate::library::step::{ArchiveRange, LibraryOutput, LibraryStep, Listing, ShardAnalysis};

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

    /// Runs a job in thought: its steps, and the names of what it left.
    fn walk(shards: u32, archives: u32) -> (BTreeMap<String, usize>, Vec<String>) {
        let registry = Registry::default().recipe::<LibraryRecipe>();
        let recipe = registry.find_recipe(&Name::from_static("library")).unwrap();
        let run = JobRun::of(recipe, &job(), |step, results| {
            let output = match serde_json::from_value(step.params.clone()).unwrap() {
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
                LibraryStep::Analyze(_) => LibraryOutput::Analyze(ShardAnalysis::default()),
                LibraryStep::MergeAnalyses | LibraryStep::MergeParts { .. } => {
                    assert!(step.inputs.len() <= 64);
                    LibraryOutput::Merge(Part::default())
                }
                LibraryStep::Assemble(_) => {
                    let range = |n| ArchiveRange { offset: n, bytes: 1, first: 0 };
                    LibraryOutput::Assemble(Assembled {
                        images: shards.into(),
                        archives: (0..archives.into()).map(range).collect(),
                    })
                }
                LibraryStep::Pack(_) => LibraryOutput::Pack { images: 1 },
                LibraryStep::Done(_) => LibraryOutput::Done,
            };
            let names = match &output {
                LibraryOutput::List(_) => vec!["list.jsonl".into()],
                LibraryOutput::Assemble(_) => vec!["captions.jsonl".into(), PACK_LIST.into()],
                LibraryOutput::Done => {
                    let inputs = step.inputs.iter().flat_map(|input| testing::artifacts_of(input, results));
                    inputs.map(|artifact| artifact.name).collect()
                }
                _ => vec![step.id.to_string()],
            };
            let artifact =
                |name: String| Artifact { name, sha256: Sha256::of(b"a"), bytes: 1, media_type: "x/y".into() };
            let output = serde_json::to_value(output)?;
            Ok::<_, StepError>(testing::result(step.id.clone(), output, names.into_iter().map(artifact).collect()))
        });
        let run = run.unwrap();
        let left = run.artifacts().into_iter().map(|artifact| artifact.name).collect();
        (run.stages(), left)
    }

    #[test]
    fn the_tree_closes_at_every_width() {
        for shards in [1, 2, 63, 64, 65, 128, 4_095, 4_096, 4_097, 9_000] {
            let (counts, _) = walk(shards, 0);
            assert_eq!(counts[&format!("look-{shards}")], shards as usize);
            assert_eq!(counts["gather"], 1, "{shards}");
            let merges: usize = counts.iter().filter(|(name, _)| name.starts_with("merge")).map(|(_, n)| n).sum();
            let first = shards.div_ceil(64);
            let second = if first > 1 { first.div_ceil(64) } else { 0 };
            let third = if second > 1 { second.div_ceil(64) } else { 0 };
            assert_eq!(merges, (first + second + third) as usize, "{shards}");
        }
    }

    #[test]
    fn the_user_gets_the_data_set_and_every_archive() {
        assert_eq!(walk(3, 0).1, ["captions.jsonl", "pack.jsonl"]);
        for archives in [1, 64, 65, 200] {
            let (counts, left) = walk(3, archives);
            assert_eq!((counts[&format!("pack-{archives}")], counts["done"]), (archives as usize, 1));
            let packs = (0..archives).map(|n| format!("pack-{archives}/{}/{}", n / 64, n % 64));
            assert_eq!(left, std::iter::once("captions.jsonl".into()).chain(packs).collect::<Vec<_>>());
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
