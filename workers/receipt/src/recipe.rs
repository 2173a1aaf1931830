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
