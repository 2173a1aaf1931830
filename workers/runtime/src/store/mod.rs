//! Where objects lie: a folder on one machine, S3 for a fleet. Both pass `tests/conformance_store.rs`.

mod file;

pub use file::FileStore;

/// The most objects that one page of a listing holds.
pub const PAGE_LIMIT: usize = 1000;
