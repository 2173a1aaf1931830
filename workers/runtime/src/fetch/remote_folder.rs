//! A folder that lies elsewhere, such as a prefix of a bucket.

use std::path::Path;

use medley_net::Address;
use medley_proto::ErrorCode;
use medley_step::{RemotePage, StepError};

use super::Fetcher;

/// Lists a folder that lies elsewhere and fetches files of it.
pub(crate) struct RemoteFolder<'a> {
    pub(super) fetcher: &'a dyn Fetcher,
    pub(super) address: &'a Address,
    pub(super) max_files: u64,
}

impl RemoteFolder<'_> {
    /// The page of files behind `after`, in the order of their names' bytes.
    pub(crate) async fn page(&self, after: Option<&str>) -> Result<RemotePage, StepError> {
        let page = self.fetcher.list(self.address, after).await?;
        // A listing goes on behind where the page before ended: a server that does not advance would be asked forever.
        match &page.next {
            Some(next) if next.as_str() <= after.unwrap_or_default() => {
                let message = format!("{}: the server lists it in circles; give a folder below it", self.address);
                Err(StepError::permanent(ErrorCode::INPUT_NOT_FOUND, message))
            }
            _ => Ok(page),
        }
    }

    /// Refuses a folder that holds more files than the owner of the worker allows.
    pub(crate) fn check_count(&self, files: u64) -> Result<(), StepError> {
        if files <= self.max_files {
            return Ok(());
        }
        let (address, most) = (self.address, self.max_files);
        let message = format!("{address} holds more files than limits.folder_files = {most}; give a folder below it");
        Err(StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message))
    }

    /// Fetches one file of the folder, at most `max_bytes` of it.
    pub(crate) async fn fetch(&self, name: &str, into: &Path, max_bytes: u64) -> Result<(), StepError> {
        let address = Address::new(format!("{}{name}", self.address.reveal()));
        self.fetcher.fetch(&address, into, max_bytes).await
    }
}
