//! Revisions of a job's artifacts: corrections by people. Artifacts stay immutable; a revision names those that replace
//! others from it on (docs/decisions/0082-revisions-are-write-once.md).

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Artifact, ErrorCode, JobId, Name, Sha256, VERSION};
use medley_step::StepError;
use serde::{Deserialize, Serialize};

use super::Client;
use crate::{
    Error,
    layout::{documents, keys::JobKeys},
    store::{Key, ObjectMeta, PAGE_LIMIT},
};

/// The most revisions of one job.
const MAX_REVISIONS: usize = 1_000;

/// A correction of a job's artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub v: u16,
    /// The job's own artifacts are revision 0.
    pub number: u32,
    /// Tells two that were written at the same moment apart.
    pub id: String,
    /// Unix time.
    pub at_ms: u64,
    /// Who made it, as the gateway knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What was changed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The artifacts that it replaces or adds.
    pub artifacts: Vec<Artifact>,
}

/// A file of a revision.
#[derive(Debug, Clone)]
pub struct NewFile {
    pub name: String,
    pub media_type: String,
    pub bytes: Bytes,
}

/// A revision to be made.
#[derive(Debug, Clone, Default)]
pub struct NewRevision {
    /// The newest revision that its writer saw.
    pub base: u32,
    pub by: Option<String>,
    pub note: Option<String>,
    pub files: Vec<NewFile>,
}

impl Client {
    /// The revisions of a job, the oldest first; those without files of their own are none.
    ///
    /// # Errors
    /// Those of the store.
    pub fn revisions<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<Vec<Revision>, Error>> {
        async move {
            let (store, keys) = (&*self.backend.store, JobKeys::new(of, job));
            let page = store.list(&keys.revisions(), None, PAGE_LIMIT).await?;
            let mut revisions = Vec::with_capacity(page.objects.len());
            for object in page.objects {
                revisions.extend(documents::read::<Revision>(store, &object.key).await?);
            }
            Ok(revisions)
        }
        .boxed()
    }

    /// The number of the newest revision; 0 when there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub fn newest_revision<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<u32, Error>> {
        async move {
            let keys = JobKeys::new(of, job);
            let page = self.backend.store.list(&keys.revisions(), None, PAGE_LIMIT).await?;
            Ok(page.objects.last().map_or(0, |object| number_of(&object.key)))
        }
        .boxed()
    }

    /// A finished job's artifacts as they are at a revision, or at the newest.
    ///
    /// # Errors
    /// [`Error::NotFinished`], [`Error::NoSuchJob`], or one of the store.
    pub fn artifacts_at<'a>(
        &'a self,
        of: &'a Name,
        job: JobId,
        revision: Option<u32>,
    ) -> BoxFuture<'a, Result<Vec<Artifact>, Error>> {
        async move {
            let own = self.manifest(of, job).await?.artifacts;
            let mut all: BTreeMap<String, Artifact> = BTreeMap::new();
            let order: Vec<String> = own.iter().map(|artifact| artifact.name.clone()).collect();
            all.extend(own.into_iter().map(|artifact| (artifact.name.clone(), artifact)));
            for made in self.revisions(of, job).await? {
                if revision.is_some_and(|wanted| made.number > wanted) {
                    break;
                }
                all.extend(made.artifacts.into_iter().map(|artifact| (artifact.name.clone(), artifact)));
            }
            // In the manifest's order, what revisions added behind.
            let mut listed: Vec<Artifact> = order.iter().filter_map(|name| all.remove(name)).collect();
            listed.extend(all.into_values());
            Ok(listed)
        }
        .boxed()
    }

    /// Makes a revision on top of the newest.
    ///
    /// # Errors
    /// [`Error::StaleRevision`] when its base is not the newest, [`Error::NotFinished`], [`Error::NoSuchJob`],
    /// `params_invalid` for files that cannot be kept, or one of the store.
    pub fn revise<'a>(&'a self, of: &'a Name, job: JobId, new: NewRevision) -> BoxFuture<'a, Result<Revision, Error>> {
        async move {
            self.manifest(of, job).await?;
            check(&new)?;
            let newest = self.newest_revision(of, job).await?;
            if new.base != newest {
                return Err(Error::StaleRevision { job, newest });
            }
            let (store, keys) = (&*self.backend.store, JobKeys::new(of, job));
            let mut artifacts = Vec::with_capacity(new.files.len());
            for file in new.files {
                artifacts.push(self.keep_file(&keys, file).await?);
            }
            let (number, id) = (newest + 1, ulid::Ulid::generate().to_string());
            let (at_ms, by, note) = (self.backend.clock.now_ms(), new.by, new.note);
            let revision = Revision { v: VERSION, number, id, at_ms, by, note, artifacts };
            let stands = documents::write_once(store, &keys.revision(number), revision.clone()).await?;
            // Somebody else was first: what was written for this one goes with the job.
            if stands == revision { Ok(stands) } else { Err(Error::StaleRevision { job, newest: number }) }
        }
        .boxed()
    }

    async fn keep_file(&self, keys: &JobKeys, file: NewFile) -> Result<Artifact, Error> {
        let NewFile { name, media_type, bytes } = file;
        let sha256 = Sha256::of(&bytes);
        let artifact = Artifact { name, sha256, bytes: bytes.len() as u64, media_type };
        let meta = ObjectMeta { media_type: Some(artifact.media_type.clone()), sha256: Some(sha256) };
        self.backend.store.put(&keys.artifact(&artifact)?, bytes, &meta).await?;
        Ok(artifact)
    }
}

fn check(new: &NewRevision) -> Result<(), StepError> {
    let refuse = |why: String| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, why));
    if new.files.is_empty() {
        return refuse("a revision needs a file; send the artifact as it should be".into());
    }
    if new.base as usize >= MAX_REVISIONS {
        return refuse(format!("a job has at most {MAX_REVISIONS} revisions; start from a new job"));
    }
    match new.files.iter().find(|file| file.name == "manifest.json" || Key::parse(&file.name).is_err()) {
        Some(file) => refuse(format!("{:?} cannot be the name of an artifact; choose another", file.name)),
        None => Ok(()),
    }
}

fn number_of(key: &Key) -> u32 {
    key.as_str().rsplit('/').nth(1).and_then(|number| number.parse().ok()).unwrap_or_default()
}
