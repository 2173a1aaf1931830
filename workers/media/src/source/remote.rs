//! Images of a remote folder: the host lists it and fetches a batch at a time.

use std::path::PathBuf;

use medley_step::{Host, StepError, Wanted};

use super::RowError;
use super::{Accepts, Entry, Location, MAX_IMAGE_BYTES, OnImage, Skipped};

/// The remote folder, an input of the running step.
#[derive(Clone, Copy)]
pub struct Remote<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) input: usize,
}

impl std::fmt::Debug for Remote<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("input", &self.input).finish_non_exhaustive()
    }
}

impl Remote<'_> {
    pub(super) fn walk(&self, accepts: Accepts, on_image: &mut OnImage<'_>) -> Result<Skipped, StepError> {
        let mut skipped = Skipped::default();
        let mut after = None::<String>;
        loop {
            let page = self.host.list(self.input, after.as_deref())?;
            for file in page.files {
                // Hidden folders are skipped, as on a disk.
                let hidden = file.name.split('/').any(|segment| segment.starts_with('.'));
                if hidden || !accepts(&file.name) {
                    skipped.files += 1;
                    continue;
                }
                on_image(Entry {
                    path: file.name,
                    bytes: file.bytes,
                    stamp: file.stamp,
                    at: Location::Path,
                    error: None,
                })?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(skipped);
            }
        }
    }

    /// Fetches images, each to the path beside it.
    pub(super) fn fetch(&self, images: &[(&Entry, PathBuf)]) -> Result<Vec<Result<PathBuf, RowError>>, StepError> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<_> =
            images.iter().map(|(entry, into)| Wanted { name: entry.path.clone(), into: into.clone() }).collect();
        let errors = self.host.fetch(self.input, &wanted, MAX_IMAGE_BYTES)?;
        if errors.len() != images.len() {
            return Err(StepError::internal(format!("{} of {} images were answered for", errors.len(), images.len())));
        }
        let outcome = |(error, (_, into)): (Option<StepError>, &(&Entry, PathBuf))| match error {
            None => Ok(into.clone()),
            Some(error) => Err(RowError { code: error.code(), message: error.to_string() }),
        };
        Ok(errors.into_iter().zip(images).map(outcome).collect())
    }
}
