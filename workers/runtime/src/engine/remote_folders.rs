//! Folders that lie elsewhere, such as a prefix of a bucket: the worker lists them and brings their files for the step
//! that runs, whose own process reaches no network.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use medley_net::Address;
use medley_proto::{ErrorCode, Input, Job, Sha256, Source, Step, StepInput};
use medley_step::{RemotePage, StepError, Wanted};
use sha2::Digest;

use crate::{
    Error, Medley,
    compute::{Answer, Ask, Desk},
    engine::staging::Fetcher,
};

/// How many files of one step are on their way at once.
const AT_ONCE: usize = 8;

impl Medley {
    /// Makes a folder that lies elsewhere a job's input. Names, sizes and states of its files stand in for its hash:
    /// another state is another request.
    pub(crate) async fn accept_remote(&self, address: &Address) -> Result<Input, Error> {
        let fetcher = self.lister(address)?;
        let most = self.settings.limits.folder_files;
        let mut hash = sha2::Sha256::new();
        let (mut after, mut files) = (None::<String>, 0_u64);
        loop {
            let page = fetcher.list(address, after.as_deref()).await?;
            files += page.files.len() as u64;
            if files > most {
                return Err(too_many(address, most).into());
            }
            for file in &page.files {
                hash.update(serde_json::to_vec(file).map_err(StepError::from)?);
            }
            goes_on(address, after.as_deref(), &page)?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if files == 0 {
            let message = format!("{address}: nothing lies there; check bucket and prefix");
            return Err(StepError::permanent(ErrorCode::INPUT_NOT_FOUND, message).into());
        }
        let (name, source) = (address.name(), Source::Uri(address.to_string()));
        let sha256 = Some(Sha256::new(hash.finalize().into()));
        Ok(Input { name, source, sha256, bytes: None, media_type: Some(Input::FOLDER.into()) })
    }

    /// Whether an input's address names a folder that lies elsewhere.
    pub(crate) fn is_remote_folder(&self, address: &Address) -> bool {
        address.reveal().ends_with('/') && self.lister(address).is_ok()
    }

    fn lister(&self, address: &Address) -> Result<&Arc<dyn Fetcher>, StepError> {
        self.fetchers.iter().find(|fetcher| fetcher.serves(address) && fetcher.lists()).ok_or_else(|| {
            let message =
                format!("{address}: this worker reads no folders of its scheme; inputs.s3 allows those of buckets");
            StepError::permanent(ErrorCode::INPUT_SCHEME_UNSUPPORTED, message)
        })
    }
}

/// A listing goes on behind where the page before ended: a server that does not come further would be asked for ever.
fn goes_on(address: &Address, after: Option<&str>, page: &RemotePage) -> Result<(), StepError> {
    match &page.next {
        Some(next) if next.as_str() <= after.unwrap_or_default() => {
            let message = format!("{address}: the server lists it in circles; give a folder below it");
            Err(StepError::permanent(ErrorCode::INPUT_NOT_FOUND, message))
        }
        _ => Ok(()),
    }
}

fn too_many(address: &Address, most: u64) -> StepError {
    let message = format!("{address} holds more files than limits.folder_files = {most}; give a folder below it");
    StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message)
}

/// Answers one step.
pub(crate) struct FolderDesk<'a> {
    pub(crate) medley: &'a Medley,
    pub(crate) job: &'a Job,
    pub(crate) step: &'a Step,
    pub(crate) scratch: &'a Path,
    /// How many files the step was told of.
    pub(crate) listed: AtomicU64,
}

impl FolderDesk<'_> {
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
        most_bytes: u64,
    ) -> Result<Vec<Option<StepError>>, StepError> {
        let fetcher = self.medley.lister(folder)?;
        let most = most_bytes.min(self.medley.settings.limits.input_bytes);
        let one = |file: &Wanted| {
            let address = Address::new(format!("{}{}", folder.reveal(), file.name));
            let (into, scratch) = (file.into.clone(), self.scratch);
            async move {
                if into.parent() != Some(scratch) {
                    return Err(StepError::internal(format!("{} lies outside the step's folder", into.display())));
                }
                match fetcher.fetch(&address, &into, most).await {
                    Ok(()) => Ok(None),
                    Err(error @ StepError::Permanent { .. }) => Ok(Some(error)),
                    Err(error) => Err(error),
                }
            }
        };
        stream::iter(files.iter().map(one)).buffered(AT_ONCE).try_collect().await
    }
}

#[async_trait]
impl Desk for FolderDesk<'_> {
    async fn answer(&self, ask: Ask) -> Result<Answer, StepError> {
        match ask {
            Ask::List { input, after } => {
                let address = self.address(input)?;
                let page: RemotePage = self.medley.lister(&address)?.list(&address, after.as_deref()).await?;
                goes_on(&address, after.as_deref(), &page)?;
                let (count, most) = (page.files.len() as u64, self.medley.settings.limits.folder_files);
                if self.listed.fetch_add(count, Ordering::Relaxed).saturating_add(count) > most {
                    return Err(too_many(&address, most));
                }
                Ok(Answer::Listed(page))
            }
            Ask::Fetch { input, files, most_bytes } => {
                let errors = self.fetch(&self.address(input)?, &files, most_bytes).await?;
                Ok(Answer::Fetched(errors.into_iter().map(|error| error.map(Into::into)).collect()))
            }
        }
    }
}
