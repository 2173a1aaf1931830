//! Reads inputs that do not lie in the store: local files and folders, and whatever a [`Fetcher`] serves.

use std::{path::PathBuf, sync::Arc};

use medley_net::Address;
use medley_proto::ErrorCode;
use medley_step::StepError;

use super::{
    Fetcher,
    local_files::{self, Hashes, KnownFile},
    remote_folder::RemoteFolder,
};
use crate::Settings;

/// What of the world outside the store this process may read. Cheap to clone; clones share their memory of hashes.
#[derive(Clone)]
pub(crate) struct InputReader {
    settings: Arc<Settings>,
    hashes: Arc<Hashes>,
    pub(crate) fetchers: Arc<[Arc<dyn Fetcher>]>,
}

impl InputReader {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, hashes: Arc::default(), fetchers: Arc::new([]) }
    }

    /// The hash of a local file below the allowed roots. A file that did not change since it was last asked for is not
    /// read again.
    pub(crate) async fn local_file(&self, name: String, path: PathBuf) -> Result<KnownFile, StepError> {
        let (hashes, settings) = (self.hashes.clone(), self.settings.clone());
        tokio::task::spawn_blocking(move || hashes.of(&name, &path, &settings.limits))
            .await
            .map_err(|panic| StepError::internal("an input could not be hashed").because(panic))?
    }

    /// A folder's path without links, when it is one and lies below an allowed root.
    pub(crate) async fn local_folder(&self, name: String, path: PathBuf) -> Result<PathBuf, StepError> {
        let settings = self.settings.clone();
        on_a_thread(move || {
            let real = local_files::allowed(&name, &path, &settings.limits)?;
            if real.is_dir() {
                return Ok(real);
            }
            let message = format!("{name}: {} is no folder any more; submit it again", path.display());
            Err(StepError::permanent(ErrorCode::INPUT_CHANGED, message))
        })
        .await
    }

    /// The fetcher that serves an address.
    pub(crate) fn fetcher(&self, address: &Address) -> Option<&Arc<dyn Fetcher>> {
        self.fetchers.iter().find(|fetcher| fetcher.serves(address))
    }

    /// Whether an address names a folder that lies elsewhere.
    pub(crate) fn is_remote_folder(&self, address: &Address) -> bool {
        address.reveal().ends_with('/') && self.remote_folder(address).is_ok()
    }

    pub(crate) fn remote_folder<'a>(&'a self, address: &'a Address) -> Result<RemoteFolder<'a>, StepError> {
        let lists = |fetcher: &&Arc<dyn Fetcher>| fetcher.serves(address) && fetcher.lists();
        let fetcher = self.fetchers.iter().find(lists).ok_or_else(|| {
            let message =
                format!("{address}: this worker reads no folders of its scheme; inputs.s3 allows those of buckets");
            StepError::permanent(ErrorCode::INPUT_SCHEME_UNSUPPORTED, message)
        })?;
        Ok(RemoteFolder { fetcher: &**fetcher, address, max_files: self.settings.limits.folder_files })
    }
}

/// Looks at a folder on a thread that may block.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|panic| StepError::internal("a folder could not be looked at").because(panic))?
}
