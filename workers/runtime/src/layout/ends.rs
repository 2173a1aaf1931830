//! Ends of jobs that somebody wants to hear of (docs/decisions/0091-ends-of-jobs-are-an-outbox.md): a note for each, written
//! before the job stops being open and removed by whoever has passed it on. Nothing is noted of tenants to whom nobody listens.

use std::collections::BTreeMap;

use bytes::Bytes;
use medley_proto::{ErrorCode, JobId, Manifest, Name, Outcome, VERSION};
use serde::{Deserialize, Serialize};

use super::{documents, keys::tenant};
use crate::{Error, store::Store};

/// How a job ended: what a listener hears, also when the job was deleted since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEnd {
    pub v: u16,
    pub job: JobId,
    pub kind: Name,
    pub outcome: Outcome,
    /// Unix time. A job whose dead letters were replayed ends again, at another time.
    pub finished_ms: u64,
    /// Why, when it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl From<&Manifest> for JobEnd {
    fn from(manifest: &Manifest) -> Self {
        Self {
            v: VERSION,
            job: manifest.job,
            kind: manifest.kind.clone(),
            outcome: manifest.outcome,
            finished_ms: manifest.timings.finished_ms,
            code: manifest.error.as_ref().map(|error| error.code.clone()),
            labels: manifest.labels.clone(),
        }
    }
}

/// Notes that a job ended, when somebody listens. Done again it notes the same.
pub(crate) async fn note(store: &dyn Store, manifest: &Manifest) -> Result<(), Error> {
    if !documents::exists(store, &tenant::listening(&manifest.tenant)).await? {
        return Ok(());
    }
    let end = JobEnd::from(manifest);
    documents::write(store, &tenant::end(&manifest.tenant, end.job, end.finished_ms), &end).await
}

/// Says whether somebody wants to hear how a tenant's jobs end.
pub(crate) async fn listen(store: &dyn Store, of: &Name, listening: bool) -> Result<(), Error> {
    let key = tenant::listening(of);
    if listening {
        return Ok(store.put(&key, Bytes::from_static(b"{}"), &documents::meta()).await?);
    }
    Ok(store.delete(&key).await?)
}
