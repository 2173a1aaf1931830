//! The kind `library`: a folder, an archive or a list of images as one data set.
//!
//! A job is a tree of steps (docs/decisions/0045-a-library-is-shards-and-a-tree.md):
//!
//! 1. [`list`](LibraryStep::List) names the images and cuts the list into shards of 64 to 256 images.
//! 2. [`analyze`](LibraryStep::Analyze) analyzes one shard. Its answer is inline and cached, so that a later job analyzes
//!    only what changed.
//! 3. merges join 64 answers to one part, then 64 parts to a larger part, until one part is left.
//! 4. [`assemble`](LibraryStep::Assemble) finds duplicates and outliers over the whole, and writes the data set.
//! 5. With `--write webdataset`, further steps pack training archives, and the last one hands all artifacts on.
//!
//! # Example
//!
//! `medley run library photos/ --write webdataset -o dataset`, of 20,000 photos, about 130 to a shard:
//!
//! | stage | steps | inputs of a step | what it leaves |
//! |---|---|---|---|
//! | `list` | 1 | the folder | `list.jsonl`, 154 shards |
//! | `look-154` | 154, in groups of 64, 64 and 26 | the folder, `list.jsonl` | 130 rows, embeddings, thumbnails, inline |
//! | `merge-1-3` | 3, one for each group | the answers of 64, 64 and 26 steps | three parts of five files |
//! | `merge-2-1` | 1 | the 15 files of the three parts | one part: 20,000 rows in the order of the list |
//! | `gather` | 1 | the list's answer, the part | `captions.jsonl`, `captions.parquet`, `search.idx`, … and `pack.jsonl` |
//! | `pack-20` | 20 | the folder, `pack.jsonl` | `train-000000.tar` to `train-000019.tar`, 1,000 images in each |
//! | `done` | 1 | all artifacts for the user | the same artifacts |
//!
//! The number in a stage's name is how many steps it has (and before it, for merges, the level of the tree), because a
//! cached answer of an analysis cannot know how many shards the job at hand has. Stage names and the names in
//! [`LibraryStep`] and [`LibraryOutput`] are part of the wire format.
//!
//! The next day 40 photos are new, in two folders. The shards around them end where they ended before or at the next
//! boundary, so three or four shards are analyzed, and the others come from the cache.

mod analyze;
mod assemble;
mod list;
mod merge;
mod near_duplicates;
mod notes;
mod outliers;
mod params;
mod recipe;
mod rows;
pub mod search;
mod step;
mod webdataset;
mod worker;
mod write;

pub use params::{DataSet, LibraryParams};
pub use recipe::LibraryRecipe;
pub use rows::{LibraryRow, Outlier};
pub use step::{
    AnalyzeStep, ArchiveRange, AssembleStep, Assembled, DoneStep, LibraryOutput, LibraryStep, Listing, Part, Shard,
    ShardAnalysis,
};
pub use worker::LibraryWorker;
