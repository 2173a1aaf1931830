//! Answers a running step that asks for files of a folder that lies elsewhere, such as a prefix of a bucket. The worker lists
//! the folder and fetches its files; the step's own process has no access to the network.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use medley_net::Address;
use medley_proto::{Input, Job, Source, Step, StepInput};
use medley_step::{StepError, Wanted};

use crate::{
    Backend,
    compute::{Answer, Ask, StepServices},
};

/// How many files of one step are fetched at once.
const FETCHES: usize = 8;

/// Answers one step about the folders among its inputs.
pub(crate) struct RemoteFolders<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) job: &'a Job,
    pub(crate) step: &'a Step,
    pub(crate) scratch: &'a Path,
    /// How many files were listed for the step.
    pub(crate) listed: AtomicU64,
}

impl RemoteFolders<'_> {
    /// The address of an input of the step that is such a folder; it ends with `/`.
    fn address(&self, input: usize) -> Result<Address, StepError> {
        let of_job = match self.step.inputs.get(input) {
            Some(StepInput::Job(number)) => usize::try_from(*number).ok().and_then(|n| self.job.inputs.get(n)),
            _ => None,
        };
        match of_job {
            Some(Input { source: Source::Uri(uri), media_type, .. })
                if media_type.as_deref() == Some(Input::FOLDER) =>
            {
                Ok(Address::new(uri.clone()))
            }
            _ => Err(StepError::internal(format!("input {input} of step {} lies nowhere else", self.step.id))),
        }
    }

    async fn fetch(
        &self,
        folder: &Address,
        files: &[Wanted],
        max_bytes: u64,
    ) -> Result<Vec<Option<StepError>>, StepError> {
        let folder = self.backend.inputs.remote_folder(folder)?;
        let most = max_bytes.min(self.backend.settings.limits.input_bytes);
        let one = |file: &Wanted| {
            let (folder, name, into, scratch) = (&folder, file.name.clone(), file.into.clone(), self.scratch);
            async move {
                if into.parent() != Some(scratch) {
                    return Err(StepError::internal(format!("{} lies outside the step's folder", into.display())));
                }
                match folder.fetch(&name, &into, most).await {
                    Ok(()) => Ok(None),
                    Err(error @ StepError::Permanent { .. }) => Ok(Some(error)),
                    Err(error) => Err(error),
                }
            }
        };
        stream::iter(files.iter().map(one)).buffered(FETCHES).try_collect().await
    }
}

#[async_trait]
impl StepServices for RemoteFolders<'_> {
    async fn answer(&self, ask: Ask) -> Result<Answer, StepError> {
        match ask {
            Ask::List { input, after } => {
                let address = self.address(input)?;
                let folder = self.backend.inputs.remote_folder(&address)?;
                let page = folder.page(after.as_deref()).await?;
                let count = page.files.len() as u64;
                folder.check_count(self.listed.fetch_add(count, Ordering::Relaxed).saturating_add(count))?;
                Ok(Answer::Listed(page))
            }
            Ask::Fetch { input, files, max_bytes } => {
                let errors = self.fetch(&self.address(input)?, &files, max_bytes).await?;
                Ok(Answer::Fetched(errors.into_iter().map(|error| error.map(Into::into)).collect()))
            }
        }
    }
}
