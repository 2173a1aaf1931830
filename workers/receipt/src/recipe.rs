use medley_proto::Input;
use medley_step::{
    StepError, WHOLE_JOB,
    graph::{Done, Draft, Drafts, Fragment, Maybe, One, PlanContext, Recipe, Scope, Whole},
};

use crate::{
    books::{ListStep, MergeStep, ReadShard, ReadStep, WriteStep},
    params::ReceiptParams,
    worker::ReceiptWorker,
};

/// One receipt as one step, or the books of many: list, read ×N, merge in a tree, write.
#[derive(Debug)]
pub struct ReceiptRecipe;

impl Recipe for ReceiptRecipe {
    const KIND: &'static str = "receipt";
    const ABOUT: &'static str =
        "Read a receipt or invoice (photo, scan, PDF), or a folder of them, into checked fields";
    const EXAMPLES: &'static str = "medley run receipt photo.jpg -o out\nmedley run receipt invoice.pdf --taxonomy textract -o out\nmedley run receipt scans/ -o books";
    const TAKES_FOLDER: bool = true;
    const TAKES_SINGLE: bool = true;

    fn check(params: &ReceiptParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }
}

impl Fragment for ReceiptRecipe {
    type Params = ReceiptParams;
    type Ends = (Maybe<One<()>>, Maybe<One<ReadShard>>);

    fn graph(g: &mut Scope<'_, ReceiptParams>) -> Self::Ends {
        g.sized_names();
        let one = g.one_if(
            WHOLE_JOB,
            (),
            |cx, ()| !is_many(cx),
            |cx, ()| Ok(Draft::of(Whole::<ReceiptWorker>(cx.params.clone())).inputs(cx.inputs())),
        );
        let list = g.one_if(
            "list",
            (),
            |cx, ()| is_many(cx),
            |cx, ()| Ok(Draft::of(ListStep { params: cx.params.clone() }).inputs(cx.inputs())),
        );
        let shards = g.scatter("read", list.needed(), |cx, list| {
            let lines = list.file("list.jsonl")?;
            let read = |shard: &crate::BookShard| {
                Draft::of(ReadStep { params: cx.params.clone(), shard: shard.clone() })
                    .inputs(cx.inputs())
                    .input(lines.clone())
            };
            let drafts: Drafts<_> = list.shards.iter().map(read).collect();
            Ok(drafts.work(list.receipts as f64, "receipts"))
        });
        let rows = g.reduce("merge", shards, |_, shards| Ok(merge(&shards)), |_, merges| Ok(merge(&merges)));
        let books = g.one("write", (list.needed(), rows), |_, (list, rows)| {
            let (files_passed_over, folders_passed_over) = (list.files_passed_over, list.folders_passed_over);
            Ok(Draft::of(WriteStep { files_passed_over, folders_passed_over }).inputs(rows.files()))
        });
        (one, Maybe(books))
    }
}

fn merge(parts: &[Done<ReadShard>]) -> Draft<MergeStep> {
    let of = parts.iter().map(|part| **part).sum();
    Draft::of(MergeStep { of }).inputs(parts.iter().flat_map(Done::files))
}

/// Whether the input is many receipts: a folder here or elsewhere, an archive or a list, by its name.
fn is_many(cx: &PlanContext<ReceiptParams>) -> bool {
    let Ok(input) = cx.given(0) else { return false };
    let name = input.uri.as_deref().unwrap_or(&input.name);
    let ends = |ending: &str| name.to_ascii_lowercase().ends_with(ending);
    input.is_folder || ends("/") || ends(".zip") || ends(".tar") || ends(".txt")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use medley_proto::{Artifact, Class, Job, JobId, Name, Sha256, Source, VERSION};
    use medley_step::{
        Registry,
        testing::{self, JobRun},
    };

    use super::*;
    use crate::books::{BookShard, BooksListing, BooksOutput, BooksStep};

    fn job(name: &str, media_type: Option<&str>) -> Job {
        let source = Source::Uri(format!("file:///{name}"));
        let media_type = media_type.map(str::to_owned);
        Job {
            v: VERSION,
            id: JobId::fresh(1, 1),
            tenant: Name::from_static("t"),
            kind: Name::from_static("receipt"),
            inputs: vec![Input { name: name.into(), source, sha256: None, bytes: None, media_type }],
            params: serde_json::json!({}),
            class: Class::Batch,
            created_ms: 0,
            deadline_ms: None,
            labels: BTreeMap::new(),
            idempotency_key: None,
        }
    }

    /// Runs a job in thought: how many steps each of its stages has.
    fn stages(job: &Job, shards: u32) -> BTreeMap<String, usize> {
        let registry = Registry::default().recipe::<ReceiptRecipe>();
        let recipe = registry.find_recipe(&Name::from_static("receipt")).unwrap();
        let run = JobRun::of(recipe, job, |step, _| {
            let file = |name: &str| {
                let artifact =
                    Artifact { name: name.into(), sha256: Sha256::of(b"a"), bytes: 1, media_type: "x/y".into() };
                vec![artifact]
            };
            let one = ReadShard { receipts: 1, unreadable: 0 };
            let (output, artifacts) = match serde_json::from_value(step.params.clone()) {
                Err(_) => (serde_json::json!({}), file("receipt.json")),
                Ok(BooksStep::List(_)) => {
                    let shard = |n: u32| BookShard { offset: n.into(), bytes: 1, receipts: 1 };
                    let listing = BooksListing {
                        receipts: shards.into(),
                        files_passed_over: 0,
                        folders_passed_over: 0,
                        shards: (0..shards).map(shard).collect(),
                    };
                    (serde_json::to_value(BooksOutput::List(listing))?, file("list.jsonl"))
                }
                Ok(BooksStep::Read(_)) => (serde_json::to_value(BooksOutput::Read(one))?, file("rows.jsonl")),
                Ok(BooksStep::Merge(merge)) => {
                    assert!(step.inputs.len() <= 64);
                    (serde_json::to_value(BooksOutput::Merge(merge.of))?, file("rows.jsonl"))
                }
                Ok(BooksStep::Write(_)) => {
                    let all = ReadShard { receipts: shards.into(), unreadable: 0 };
                    (serde_json::to_value(BooksOutput::Write(all))?, file("receipts.csv"))
                }
            };
            Ok::<_, StepError>(testing::result(step.id.clone(), output, artifacts))
        });
        run.unwrap().stages()
    }

    #[test]
    fn one_file_is_one_step_and_a_folder_is_books() {
        assert_eq!(stages(&job("photo.jpg", None), 1), BTreeMap::from([("run".to_owned(), 1)]));
        for (name, media_type) in [("scans", Some(Input::FOLDER)), ("scans.zip", None), ("scans.TAR", None)] {
            let stages = stages(&job(name, media_type), 3);
            assert_eq!((stages["list"], stages["read-3"], stages["write"]), (1, 3, 1), "{name}: {stages:?}");
        }
        for shards in [1, 64, 65, 200] {
            let stages = stages(&job("scans", Some(Input::FOLDER)), shards);
            assert_eq!((stages[&format!("read-{shards}")], stages["write"]), (shards as usize, 1), "{stages:?}");
        }
    }
}
