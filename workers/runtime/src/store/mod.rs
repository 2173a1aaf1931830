//! Where objects lie: a folder on one machine. Every store passes `tests/conformance_store.rs`.

mod file;

pub use file::FileStore;

/// The most objects that one page of a listing holds.
pub const PAGE_LIMIT: usize = 1000;
