//! Where objects lie: a folder on one machine, S3 for a fleet. Both pass `tests/conformance_store.rs`.

mod contract;
mod file;
#[cfg(feature = "s3")]
mod s3;

pub use contract::{Key, ObjectInfo, ObjectMeta, Page, Store, StoreError};
pub use file::FileStore;
#[cfg(feature = "s3")]
pub use s3::{S3Config, S3Store};

/// The most objects that one page of a listing holds.
pub const PAGE_LIMIT: usize = 1000;
