//! Folders that lie elsewhere, such as a prefix of a bucket: the worker lists them and brings their files for the step
//! that runs, whose own process reaches no network.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use medley_proto::{ErrorCode, Input, Job, Sha256, Source, Step, StepInput};
use medley_step::{RemotePage, StepError, Wanted};
use sha2::Digest;

use crate::{
    Error, Medley,
    compute::{Answer, Ask, Desk},
    staging::Fetcher,
};

/// How many files of one step are on their way at once.
const AT_ONCE: usize = 8;

impl Medley {
    /// Makes a folder that lies elsewhere a job's input. Names, sizes and states of its files stand in for its hash:
    /// another state is another request.
    pub(crate) async fn accept_remote(&self, uri: String) -> Result<Input, Error> {
        let fetcher = self.lister(&uri)?;
        let mut hash = sha2::Sha256::new();
        let (mut after, mut files) = (None::<String>, 0_u64);
        loop {
            let page = fetcher.list(&uri, after.as_deref()).await?;
            files += page.files.len() as u64;
            for file in &page.files {
                hash.update(serde_json::to_vec(file).map_err(StepError::from)?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if files == 0 {
            let message = format!("{uri}: nothing lies there; check bucket and prefix");
            return Err(StepError::permanent(ErrorCode::INPUT_NOT_FOUND, message).into());
        }
        let name = uri.trim_end_matches('/').rsplit('/').next().unwrap_or(&uri).to_owned();
        let (source, sha256) = (Source::Uri(uri), Some(Sha256::new(hash.finalize().into())));
        Ok(Input { name, source, sha256, bytes: None, media_type: Some(Input::FOLDER.into()) })
    }

    /// Whether an input's address names a folder that lies elsewhere.
    pub(crate) fn is_remote_folder(&self, uri: &str) -> bool {
        uri.ends_with('/') && self.lister(uri).is_ok()
    }

    fn lister(&self, uri: &str) -> Result<&Arc<dyn Fetcher>, StepError> {
        self.fetchers.iter().find(|fetcher| fetcher.serves(uri) && fetcher.lists()).ok_or_else(|| {
            let message =
                format!("{uri}: this worker reads no folders of its scheme; inputs.s3 allows those of buckets");
            StepError::permanent(ErrorCode::INPUT_SCHEME_UNSUPPORTED, message)
        })
    }
}

/// Answers one step.
pub(crate) struct FolderDesk<'a> {
    pub(crate) medley: &'a Medley,
    pub(crate) job: &'a Job,
    pub(crate) step: &'a Step,
    pub(crate) scratch: &'a Path,
}

impl FolderDesk<'_> {
    /// The address of an input of the step that is such a folder; it ends with `/`.
    fn uri(&self, input: usize) -> Result<&str, StepError> {
        let of_job = match self.step.inputs.get(input) {
            Some(StepInput::Job(number)) => usize::try_from(*number).ok().and_then(|n| self.job.inputs.get(n)),
            _ => None,
        };
        match of_job {
            Some(Input { source: Source::Uri(uri), media_type, .. })
                if media_type.as_deref() == Some(Input::FOLDER) =>
            {
                Ok(uri)
            }
            _ => Err(StepError::internal(format!("input {input} of step {} lies nowhere else", self.step.id))),
        }
    }

    async fn fetch(&self, uri: &str, files: &[Wanted], most_bytes: u64) -> Result<Vec<Option<StepError>>, StepError> {
        let fetcher = self.medley.lister(uri)?;
        let most = most_bytes.min(self.medley.settings.limits.input_bytes);
        let one = |file: &Wanted| {
            let (uri, into, scratch) = (format!("{uri}{}", file.name), file.into.clone(), self.scratch);
            async move {
                if into.parent() != Some(scratch) {
                    return Err(StepError::internal(format!("{} lies outside the step's folder", into.display())));
                }
                match fetcher.fetch(&uri, &into, most).await {
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
                let uri = self.uri(input)?;
                let page: RemotePage = self.medley.lister(uri)?.list(uri, after.as_deref()).await?;
                Ok(Answer::Listed(page))
            }
            Ask::Fetch { input, files, most_bytes } => {
                let errors = self.fetch(self.uri(input)?, &files, most_bytes).await?;
                Ok(Answer::Fetched(errors.into_iter().map(|error| error.map(Into::into)).collect()))
            }
        }
    }
}
