//! Inputs that lie elsewhere: `https:` by [`HttpsFetcher`], `s3:` by [`S3Fetcher`].

mod addresses;
pub(crate) mod file_uri;
mod https;
mod s3;

pub use https::{HttpsFetcher, HttpsPolicy};
pub use s3::S3Fetcher;
