//! Inputs that do not lie in the store: local files and folders, `https:` by [`HttpsFetcher`], `s3:` by [`S3Fetcher`].

mod addresses;
mod fetcher;
pub(crate) mod file_uri;
mod https;
pub(crate) mod local_files;
mod reader;
mod remote_folder;
#[cfg(feature = "s3")]
mod s3;

pub use fetcher::Fetcher;
pub use https::{HttpsFetcher, HttpsPolicy};
#[cfg(feature = "s3")]
pub use s3::S3Fetcher;

pub(crate) use reader::{InputReader, on_a_thread};
