//! What a gateway reads of a job: results of its steps while it runs, and where its artifacts lie.

use std::collections::BTreeMap;

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Artifact, Failure, Input, JobId, Name, Source, StepId, StepResult};

use super::Client;
use crate::{
    Error,
    layout::{documents, keys::JobKeys},
    store::Key,
};

/// The most steps that are told of, and of their records: one page of a listing.
const MAX_RECORDS: usize = 1_000;
/// The most failed attempts whose records are read.
const MAX_FAILURES: usize = 50;

/// What the store has of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    pub id: StepId,
    /// Unix time at which its result was written.
    pub done_ms: Option<u64>,
    /// Unix time at which it was given up.
    pub given_up_ms: Option<u64>,
    /// Its attempts that failed, the first ones of a job.
    pub failures: Vec<Failure>,
}

impl Client {
    /// The steps of a job that have left something: a result, or the record of a failure. Of the first thousand such records.
    ///
    /// # Errors
    /// Those of the store.
    pub fn steps<'a>(&'a self, of: &'a Name, job: JobId) -> BoxFuture<'a, Result<Vec<StepRecord>, Error>> {
        async move {
            let (store, keys) = (&*self.backend.store, JobKeys::new(of, job));
            let page = store.list(&keys.steps(), None, MAX_RECORDS).await?;
            let (mut steps, mut read) = (BTreeMap::<(Name, u32, u32), StepRecord>::new(), 0);
            for object in page.objects {
                let below = object.key.as_str().strip_prefix(keys.steps().as_str()).unwrap_or_default();
                let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
                let [stage, group, n, file @ ..] = &parts[..] else { continue };
                let Ok(id) = format!("{stage}/{group}/{n}").parse::<StepId>() else { continue };
                let step = steps.entry((id.stage.clone(), id.group, id.n)).or_insert_with(|| StepRecord {
                    id,
                    done_ms: None,
                    given_up_ms: None,
                    failures: Vec::new(),
                });
                match file {
                    ["result.json"] => step.done_ms = Some(object.modified_ms),
                    ["error.json"] => step.given_up_ms = Some(object.modified_ms),
                    ["attempts", _] if read < MAX_FAILURES => {
                        read += 1;
                        step.failures.extend(documents::read::<Failure>(store, &object.key).await?);
                    }
                    _ => {}
                }
            }
            Ok(steps.into_values().collect())
        }
        .boxed()
    }

    /// Where a job's input lies in the store; none when it is elsewhere, or a text.
    ///
    /// # Errors
    /// When what the job says is no key.
    pub fn input_key(&self, of: &Name, input: &Input) -> Result<Option<Key>, Error> {
        match &input.source {
            Source::Stored(below) => Ok(Some(Key::new([of.as_str()].into_iter().chain(below.split('/')))?)),
            Source::Uri(_) | Source::Text(_) => Ok(None),
        }
    }

    /// The result of a step, when it has one; also while its job runs.
    ///
    /// # Errors
    /// Those of the store.
    pub fn step_result<'a>(
        &'a self,
        of: &'a Name,
        job: JobId,
        step: &'a StepId,
    ) -> BoxFuture<'a, Result<Option<StepResult>, Error>> {
        async move { documents::read(&*self.backend.store, &JobKeys::new(of, job).result(step)).await }.boxed()
    }

    /// Where an artifact of a job lies in the store.
    ///
    /// # Errors
    /// When its name cannot be part of a key.
    pub fn artifact_key(&self, of: &Name, job: JobId, artifact: &Artifact) -> Result<Key, Error> {
        Ok(JobKeys::new(of, job).artifact(artifact)?)
    }
}
