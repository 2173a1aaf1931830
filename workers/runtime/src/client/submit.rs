//! Accepts a job: checks the request, writes its envelope and publishes its first steps.

use std::collections::BTreeMap;

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{Class, ErrorCode, Input, Job, JobId, JobState, Lineage, Name, Source, VERSION};
use medley_step::{Planned, StepError};
use serde_json::Value;

use super::{
    Client,
    inputs::{Accepted, InputRequest, Upload},
};
use crate::{
    Error,
    breakpoint::breakpoint,
    engine::planner,
    layout::{
        addresses::{self, Hidden},
        documents::{self, OpenMarker},
        keys::JobKeys,
        shares,
    },
};

/// Where uploaded inputs lie, below their tenant.
const UPLOADS: &str = "inputs/";

/// What a user asks for, before it is accepted.
#[derive(Debug, Clone)]
pub struct Request {
    pub tenant: Name,
    pub kind: Name,
    pub inputs: Vec<InputRequest>,
    /// Of the kind's own type; what is left out gets its default.
    pub params: Value,
    pub class: Class,
    /// Unix time after which no step of the job starts any more.
    pub deadline_ms: Option<u64>,
    pub labels: BTreeMap<String, String>,
    /// The same key is the same job, however often it is asked for.
    pub idempotency_key: Option<String>,
}

impl Request {
    pub fn new(tenant: Name, kind: Name) -> Self {
        Self {
            tenant,
            kind,
            inputs: Vec::new(),
            params: Value::Object(serde_json::Map::new()),
            class: Class::Interactive,
            deadline_ms: None,
            labels: BTreeMap::new(),
            idempotency_key: None,
        }
    }
}

/// An accepted job.
#[derive(Debug, Clone)]
pub struct Submitted {
    pub job: Job,
    /// Final when the key's job had ended before.
    pub state: JobState,
    /// False when the key's job was there already.
    pub new: bool,
}

/// A request that was checked.
struct Asked {
    job: Job,
    uploads: Vec<Upload>,
    hidden: Hidden,
    planned: Planned,
}

impl Asked {
    fn new(job: Job, accepted: Vec<Accepted>, planned: Planned) -> Self {
        let (mut uploads, mut hidden) = (Vec::new(), Hidden::new());
        for (number, accepted) in (0_u32..).zip(accepted) {
            uploads.extend(accepted.upload);
            hidden.extend(accepted.hidden.map(|address| (number, address)));
        }
        Self { job, uploads, hidden, planned }
    }
}

impl Client {
    /// Accepts a job: checks it, stages its inputs, writes its envelope and publishes its first steps. When this
    /// returns, the job will end.
    ///
    /// Asked again with the same idempotency key it takes up a job that had not ended, and does nothing to one that had.
    ///
    /// # Errors
    /// With a code and a sentence when the request cannot be served; after an error of queue or store the same
    /// request may be made again.
    pub fn submit(&self, request: Request) -> BoxFuture<'_, Result<Submitted, Error>> {
        async move {
            let asked = self.check(request).await?;
            let keys = JobKeys::of(&asked.job);
            if asked.job.idempotency_key.is_some()
                && let Some(earlier) = documents::read::<Job>(&*self.backend.store, &keys.job()).await?
            {
                return self.take_up(asked, earlier).await;
            }
            let stands = match self.write(&keys, &asked).await {
                Ok(stands) => stands,
                Err(error) => {
                    // A job that was not accepted keeps no file in the store. Where nobody can tell whether it was, the same request
                    // made again finds the files there.
                    if let Ok(false) = documents::exists(&*self.backend.store, &keys.job()).await {
                        self.take_back(&keys, &asked, None).await;
                    }
                    return Err(error);
                }
            };
            if stands != asked.job || !addresses::are_those(&*self.backend.store, &keys, &stands, &asked.hidden).await?
            {
                // Somebody else asked under the same key at the same moment.
                if stands.created_ms != asked.job.created_ms {
                    self.backend.store.delete(&keys.index(asked.job.created_ms)).await?;
                }
                self.take_back(&keys, &asked, Some(&stands)).await;
                return self.take_up(asked, stands).await;
            }
            for upload in &asked.uploads {
                // The last job that used the same file may have been deleted before this one's marker stood beside it.
                self.put_upload(upload).await?;
            }
            let Asked { job, planned, .. } = asked;
            planner::publish(&self.backend, &job, planned, &Lineage::default()).await?;
            breakpoint("after_submit_publish");
            Ok(Submitted { job, state: JobState::Queued, new: true })
        }
        .boxed()
    }

    /// Makes a job of a request, and writes nothing.
    async fn check(&self, request: Request) -> Result<Asked, Error> {
        let Request { tenant, kind, inputs: given, params, class, deadline_ms, labels, idempotency_key } = request;
        let recipe = self.backend.registry.find_recipe(&kind)?;
        let mut accepted = Vec::with_capacity(given.len());
        for input in given {
            accepted.push(self.accept(&tenant, input, recipe.takes_folder()).await?);
        }
        let inputs: Vec<_> = accepted.iter().map(|accepted| accepted.input.clone()).collect();
        let params = recipe.check(&params, &inputs)?;
        let created_ms = self.backend.clock.now_ms();
        let id = match &idempotency_key {
            Some(key) => JobId::from_key(&tenant, key),
            None => JobId::fresh(created_ms, ulid::Ulid::generate().random()),
        };
        let job = Job {
            v: VERSION,
            id,
            tenant,
            kind,
            inputs,
            params,
            class,
            created_ms,
            deadline_ms,
            labels,
            idempotency_key,
        };
        let planned = {
            let job = job.clone();
            self.backend.ask_recipe(move |registry| registry.find_recipe(&job.kind)?.start(&job)).await?
        };
        if planned.steps.is_empty() {
            return Err(StepError::internal(format!("the recipe of '{}' starts with no step", job.kind)).into());
        }
        Ok(Asked::new(job, accepted, planned))
    }

    /// Everything that the workers need, the envelope last. Returns the envelope that stands.
    async fn write(&self, keys: &JobKeys, asked: &Asked) -> Result<Job, Error> {
        for input in &asked.job.inputs {
            // Also what somebody else put there for this job; another job's artifacts stay that job's.
            if let Source::Stored(below) = &input.source
                && below.starts_with(UPLOADS)
            {
                shares::share(&*self.backend.store, keys, &keys.of_tenant(below)?).await?;
            }
        }
        for upload in &asked.uploads {
            self.put_upload(upload).await?;
        }
        self.write_envelope(keys, asked).await
    }

    /// Gives up the uploads that the job which stands does not read.
    async fn take_back(&self, keys: &JobKeys, asked: &Asked, stands: Option<&Job>) {
        for upload in &asked.uploads {
            let reads = |input: &Input| matches!(&input.source, Source::Stored(below) if upload.is(below));
            if stands.is_some_and(|job| job.inputs.iter().any(reads)) {
                continue;
            }
            if let Err(error) = shares::unshare(&*self.backend.store, keys, &upload.key).await {
                tracing::debug!(%error, key = %upload.key, "an upload that no job needs stays until retention");
            }
        }
    }

    /// The key's job is there: either it ended, or its first steps are published once more, which is harmless.
    async fn take_up(&self, asked: Asked, earlier: Job) -> Result<Submitted, Error> {
        let keys = JobKeys::of(&earlier);
        let Asked { job: asked, uploads, hidden, planned } = asked;
        if !same_request(&asked, &earlier)
            || !addresses::are_those(&*self.backend.store, &keys, &earlier, &hidden).await?
        {
            let message = format!(
                "the idempotency key '{}' belongs to job {}, which asks for something else; use another key",
                asked.idempotency_key.as_deref().unwrap_or_default(),
                earlier.id
            );
            return Err(StepError::permanent(ErrorCode::IDEMPOTENCY_CONFLICT, message).into());
        }
        let state = self.state_of(&keys).await?;
        if !state.is_final() {
            for upload in &uploads {
                self.put_upload(upload).await?;
            }
            self.write_markers(&keys, &earlier).await?;
            planner::publish(&self.backend, &earlier, planned, &Lineage::default()).await?;
        }
        Ok(Submitted { job: earlier, state, new: false })
    }

    /// Returns the envelope that stands.
    async fn write_envelope(&self, keys: &JobKeys, asked: &Asked) -> Result<Job, Error> {
        self.write_markers(keys, &asked.job).await?;
        breakpoint("after_submit_open");
        addresses::write(&*self.backend.store, keys, &asked.hidden).await?;
        let stands = documents::write_once(&*self.backend.store, &keys.job(), asked.job.clone()).await?;
        breakpoint("after_submit_job");
        Ok(stands)
    }

    /// The markers come before the envelope: a marker without a job is swept away, a job without one would be lost.
    async fn write_markers(&self, keys: &JobKeys, job: &Job) -> Result<(), Error> {
        let store = &*self.backend.store;
        self.tenants.register(store, &job.tenant).await?;
        let marker = OpenMarker { created_ms: job.created_ms, sweeps: 0 };
        let (open, index, meta) = (keys.open(), keys.index(job.created_ms), documents::meta());
        let listed = store.put_if_absent(&index, bytes::Bytes::from_static(b"{}"), &meta);
        // Neither needs the other: a round trip to a store of objects less.
        let (listed, marked) = futures_util::join!(listed, documents::write_once(store, &open, marker));
        listed?;
        marked?;
        Ok(())
    }
}

fn same_request(asked: &Job, earlier: &Job) -> bool {
    asked.kind == earlier.kind && asked.params == earlier.params && asked.inputs == earlier.inputs
}
