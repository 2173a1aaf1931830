//! Inputs that do not lie in the store: local files and folders, `https:` by [`HttpsFetcher`], `s3:` by [`S3Fetcher`]. What
//! guards the first also guards what is sent to others' servers, by [`HttpsSender`].

mod addresses;
mod fetcher;
pub(crate) mod file_uri;
mod guard;
mod https;
pub(crate) mod local_files;
mod reader;
mod remote_folder;
#[cfg(feature = "s3")]
mod s3;
mod sender;

pub use fetcher::Fetcher;
pub use guard::Network;
pub use https::{HttpsFetcher, HttpsPolicy};
#[cfg(feature = "s3")]
pub use s3::S3Fetcher;
pub use sender::{HttpsSender, SendError, SendPolicy, Sent};

pub(crate) use reader::{InputReader, on_a_thread};
