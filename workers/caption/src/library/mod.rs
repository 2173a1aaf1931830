//! The kind `library`: a folder, archive or list of images as one data set.
//!
//! The steps of a job: `list` names the images and shares them out; `look-<n>` (n shares) looks at a share;
//! `merge-<level>-<n>` joins what 64 of the level below left; `gather` finds duplicates and outliers and writes the data
//! set; `pack-<n>` writes training archives and `done` hands everything on, when archives were asked for
//! (docs/decisions/0045-a-library-is-shards-and-a-tree.md).

mod gather;
mod list;
mod look;
mod merge;
mod names;
mod near;
mod notes;
mod outliers;
mod pack;
mod params;
mod recipe;
mod rows;
pub mod search;
mod source;
mod step;
mod worker;
mod write;

pub use params::{DataSet, LibraryParams};
pub use recipe::LibraryRecipe;
pub use rows::{LibraryRow, Outlier};
pub use step::{LibraryOutput, LibraryStep, Listing, Looked, Merged, Pack, Share};
pub use worker::Library;
