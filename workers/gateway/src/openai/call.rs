//! The job underneath a call. The same tenant, bytes and params within a day are the same job, so that a client which gave
//! up and sends everything again gets the answer that is being made for it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{Stream, StreamExt};
use medley_proto::{Artifact, Event, JobId, JobState, Manifest, Name, Outcome, Sha256};
use medley_runtime::{Error, InputRequest, JobStatus, Request};
use medley_step::StepError;
use serde_json::{Value, json};

use super::error::{self, ApiError};
use crate::{access::Caller, state::App};

/// A job answers the same call for at least so long, and for twice as long at most.
const REUSE_MS: u64 = 86_400_000;
/// How often the same call may fail within that time by no fault of its own.
const MAX_FAILURES: u32 = 1_000;
/// A job that waits for longer without a sign of life has its first steps published again: whoever accepted it may have
/// died in between.
const STUCK_MS: u64 = 30_000;

/// What a call asks of a kind.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) kind: Name,
    pub(super) params: Value,
    pub(super) input: InputRequest,
    /// Of the input's bytes.
    pub(super) sha256: Sha256,
    /// The name that the client gave the model, for whoever lists jobs.
    pub(super) model: String,
}

impl Asked {
    /// The same for the same bytes and params, and for this version of Medley alone.
    fn digest(&self) -> Sha256 {
        let asked =
            json!({ "kind": self.kind, "params": self.params, "input": self.sha256, "by": env!("CARGO_PKG_VERSION") });
        Sha256::of(asked.to_string().as_bytes())
    }
}

/// A call that has its job.
#[derive(Debug, Clone)]
pub(super) struct Call {
    app: Arc<App>,
    caller: Caller,
    pub(super) job: JobId,
}

/// What stands under the key of a call.
enum Standing {
    /// The job to attach to.
    Answers,
    /// Nobody submitted it, or it was deleted.
    Nothing,
    /// It ended in a way that another try may mend.
    Failed,
}

impl Call {
    /// Finds the job of a call, or submits it.
    ///
    /// # Errors
    /// When the job is refused, or queue or store are away.
    pub(super) async fn begin(app: &Arc<App>, caller: &Caller, asked: Asked) -> Result<Self, ApiError> {
        let digest = asked.digest();
        let day = now_ms() / REUSE_MS;
        for (day, is_today) in [(day.saturating_sub(1), false), (day, true)] {
            for failures in 0..MAX_FAILURES {
                let key = format!("openai {digest} {day} {failures}");
                let job = JobId::from_key(&caller.tenant, &key);
                let call = Self { app: app.clone(), caller: caller.clone(), job };
                match call.standing(&asked, &key).await? {
                    Standing::Answers => return Ok(call),
                    Standing::Failed => {}
                    Standing::Nothing if is_today => {
                        call.submit(&asked, key).await?;
                        return Ok(call);
                    }
                    Standing::Nothing => break,
                }
            }
        }
        let error = StepError::internal(format!("the same call failed {MAX_FAILURES} times today"));
        Err(Error::from(error).into())
    }

    async fn standing(&self, asked: &Asked, key: &str) -> Result<Standing, ApiError> {
        let status = match self.app.client.status(&self.caller.tenant, self.job).await {
            Ok(status) => status,
            Err(Error::NoSuchJob(_)) => return Ok(Standing::Nothing),
            Err(error) => return Err(error.into()),
        };
        let waits_ms = now_ms().saturating_sub(status.job.created_ms);
        if status.state == JobState::Queued && waits_ms > STUCK_MS {
            self.submit(asked, key.to_owned()).await?;
        }
        Ok(if answers(&status) { Standing::Answers } else { Standing::Failed })
    }

    /// Submits the job, or takes it up when somebody else has just done so.
    async fn submit(&self, asked: &Asked, key: String) -> Result<(), ApiError> {
        let mut request = Request::new(self.caller.tenant.clone(), asked.kind.clone());
        request.inputs.push(asked.input.clone());
        request.params.clone_from(&asked.params);
        request.labels = BTreeMap::from([("openai_model".to_owned(), asked.model.clone())]);
        request.idempotency_key = Some(key);
        match self.app.submit(&self.caller, request).await {
            Ok(_) => Ok(()),
            // The same bytes under another file name.
            Err(problem) if problem.code == "idempotency_conflict" => Ok(()),
            Err(problem) => Err(problem.into()),
        }
    }

    /// The job's events until it ends.
    ///
    /// # Errors
    /// When the store is away.
    pub(super) async fn events(&self) -> Result<impl Stream<Item = Event> + Send + use<>, ApiError> {
        Ok(self.app.client.watch(&self.caller.tenant, self.job).await?)
    }

    /// Waits until the job has succeeded.
    ///
    /// # Errors
    /// How it failed; or that the gateway stops.
    pub(super) async fn ended(&self) -> Result<Manifest, ApiError> {
        let mut events = self.events().await?;
        loop {
            tokio::select! {
                event = events.next() => if event.is_none() { return self.manifest().await },
                () = self.app.draining.cancelled() => return Err(ApiError::stopping()),
            }
        }
    }

    /// The record of the job, which has ended.
    ///
    /// # Errors
    /// How it failed.
    pub(super) async fn manifest(&self) -> Result<Manifest, ApiError> {
        let manifest = self.app.client.manifest(&self.caller.tenant, self.job).await?;
        match (manifest.outcome, &manifest.error) {
            (Outcome::Succeeded, _) => Ok(manifest),
            (Outcome::Failed | Outcome::Cancelled, Some(failure)) => Err(ApiError::of_failure(failure)),
            (Outcome::Failed | Outcome::Cancelled, None) => Err(ApiError::cancelled(self.job)),
        }
    }

    pub(super) fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(super) fn tenant(&self) -> &Name {
        &self.caller.tenant
    }

    /// A whole artifact of at most `max_bytes`.
    ///
    /// # Errors
    /// When it is not there or has more.
    pub(super) async fn read(&self, manifest: &Manifest, name: &str, max_bytes: u64) -> Result<bytes::Bytes, ApiError> {
        let artifact = find(manifest, name)?;
        let key = self.app.client.artifact_key(&self.caller.tenant, self.job, artifact)?;
        let bytes = self.app.client.store().get(&key, max_bytes).await?;
        bytes.ok_or_else(|| ApiError::gone(self.job, name))
    }
}

/// # Errors
/// When the job has no artifact of this name.
pub(super) fn find<'a>(manifest: &'a Manifest, name: &str) -> Result<&'a Artifact, ApiError> {
    let found = manifest.artifacts.iter().find(|artifact| artifact.name == name);
    found.ok_or_else(|| ApiError::gone(manifest.job, name))
}

/// Whether the call is answered by this job: one that goes on, that succeeded, or that fails again however often it is made.
fn answers(status: &JobStatus) -> bool {
    match status.state {
        JobState::Queued | JobState::Running | JobState::Succeeded => true,
        JobState::Cancelling | JobState::Cancelled => false,
        JobState::Failed => {
            let failure = status.manifest.as_ref().and_then(|manifest| manifest.error.as_ref());
            failure.is_some_and(|failure| error::is_of_the_request(failure.code.as_str()))
        }
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
