use medley_proto::Input;
use medley_step::{
    StepError, WHOLE_JOB,
    graph::{Done, Draft, Drafts, Fragment, Maybe, One, Recipe, Scope, Task},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    books::{BookShard, BooksListing, MergeStep, ReadShard, ReadStep, WriteStep},
    params::ReceiptParams,
    worker::ReceiptWorker,
};

/// One receipt as one step; or the books of many: that step lists them, then read ×N, merge in a tree, write.
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
    type Ends = (One<Option<BooksListing>>, Maybe<One<ReadShard>>);

    fn graph(g: &mut Scope<'_, ReceiptParams>) -> Self::Ends {
        g.sized_names();
        let read = g.one(WHOLE_JOB, (), |cx, ()| Ok(Draft::of(Open(cx.params.clone())).inputs(cx.inputs())));
        let shards = g.scatter_if(
            "read",
            read,
            |_, read| read.is_some(),
            |cx, read| {
                let lines = read.file("list.jsonl")?;
                let listing = (*read).clone().unwrap_or_default();
                let shard = |shard: BookShard| {
                    let step = ReadStep { params: cx.params.clone(), shard };
                    Draft::of(step).inputs(cx.inputs()).input(lines.clone())
                };
                let drafts: Drafts<_> = listing.shards.into_iter().map(shard).collect();
                Ok(drafts.work(listing.receipts as f64, "receipts"))
            },
        );
        let rows = g.reduce("merge", shards.needed(), |_, shards| Ok(merge(&shards)), |_, merges| Ok(merge(&merges)));
        let books = g.one("write", (read, rows), |_, (read, rows)| {
            let BooksListing { files_passed_over, folders_passed_over, .. } = (*read).clone().unwrap_or_default();
            Ok(Draft::of(WriteStep { files_passed_over, folders_passed_over }).inputs(rows.files()))
        });
        (read, Maybe(books))
    }
}

/// The first step: reads the receipt, or lists the many that the input is.
struct Open(ReceiptParams);

impl Task for Open {
    type Worker = ReceiptWorker;
    type Answer = Option<BooksListing>;

    fn into_params(self) -> ReceiptParams {
        self.0
    }

    fn read(output: &Value) -> Result<Self::Answer, StepError> {
        #[derive(Deserialize)]
        struct Opened {
            #[serde(default)]
            listing: Option<BooksListing>,
        }
        Ok(Opened::deserialize(output)?.listing)
    }
}

fn merge(parts: &[Done<ReadShard>]) -> Draft<MergeStep> {
    let of = parts.iter().map(|part| **part).sum();
    Draft::of(MergeStep { of }).inputs(parts.iter().flat_map(Done::files))
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
    use crate::books::{BooksOutput, BooksStep};

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

    /// Runs a job in thought, whose input is so many shards or one receipt: how many steps each of its stages has.
    fn stages(job: &Job, shards: Option<u32>) -> BTreeMap<String, usize> {
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
                Err(_) => {
                    let shard = |n: u32| BookShard { offset: n.into(), bytes: 1, receipts: 1 };
                    let listing = shards.map(|shards| BooksListing {
                        receipts: shards.into(),
                        shards: (0..shards).map(shard).collect(),
                        ..BooksListing::default()
                    });
                    (serde_json::json!({ "lines": 0, "listing": listing }), file("list.jsonl"))
                }
                Ok(BooksStep::Read(_)) => (serde_json::to_value(BooksOutput::Read(one))?, file("rows.jsonl")),
                Ok(BooksStep::Merge(merge)) => {
                    assert!(step.inputs.len() <= 64);
                    (serde_json::to_value(BooksOutput::Merge(merge.of))?, file("rows.jsonl"))
                }
                Ok(BooksStep::Write(_)) => {
                    let all = ReadShard { receipts: shards.unwrap_or_default().into(), unreadable: 0 };
                    (serde_json::to_value(BooksOutput::Write(all))?, file("receipts.csv"))
                }
            };
            Ok::<_, StepError>(testing::result(step.id.clone(), output, artifacts))
        });
        run.unwrap().stages()
    }

    #[test]
    fn one_receipt_is_one_step_and_many_are_books() {
        assert_eq!(stages(&job("photo.jpg", None), None), BTreeMap::from([("run".to_owned(), 1)]));
        for shards in [1, 64, 65, 200] {
            let stages = stages(&job("scans", Some(Input::FOLDER)), Some(shards));
            assert_eq!((stages["run"], stages[&format!("read-{shards}")]), (1, shards as usize), "{stages:?}");
            assert_eq!(stages["write"], 1, "{stages:?}");
        }
    }
}
