use std::path::Path;

use async_trait::async_trait;
use medley_net::Address;
use medley_step::{RemotePage, StepError};

/// Reads inputs of a scheme other than `file:` (promise 7 is its to keep).
#[async_trait]
pub trait Fetcher: Send + Sync + 'static {
    fn serves(&self, address: &Address) -> bool;

    /// Streams the input into a new file, at most `max_bytes`.
    async fn fetch(&self, address: &Address, into: &Path, max_bytes: u64) -> Result<(), StepError>;

    /// Whether addresses that end with `/` are folders here.
    fn lists(&self) -> bool {
        false
    }

    /// A page of the files below such an address, in the order of their names' bytes.
    async fn list(&self, address: &Address, _after: Option<&str>) -> Result<RemotePage, StepError> {
        Err(StepError::internal(format!("{address} cannot be listed")))
    }
}
