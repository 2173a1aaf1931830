//! A folder, an archive, a prefix of a bucket or a list of receipts as one job, and as one set of books
//! (docs/decisions/0121-books-are-shards-of-receipts.md).
//!
//! | stage | steps | inputs of a step | what it leaves |
//! |---|---|---|---|
//! | `run` | 1, of the kind `receipt` | the folder | `list.jsonl`, cut into shards of 16 receipts |
//! | `read-N` | one for each shard | the folder, `list.jsonl` | `rows.jsonl`: a [`row::BookRow`] for each receipt |
//! | `merge-L-N` | one for each 64 of these, and so on | their `rows.jsonl` | `rows.jsonl`, in the order of the list |
//! | `write` | 1 | the last `rows.jsonl` | tables, workbook and report |
//!
//! All but the first step are of the kind `receipts`. Rows are streamed; in memory are, of each receipt, what duplicates are told by.

mod duplicates;
mod list;
mod read;
mod report;
mod row;
mod step;
mod table;
mod totals;
mod workbook;
mod worker;
mod write;

pub(crate) use list::{is_many, list};
pub use step::{BookShard, BooksListing, BooksOutput, BooksStep, MergeStep, ReadShard, ReadStep, WriteStep};
pub use worker::BooksWorker;
