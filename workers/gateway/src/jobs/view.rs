//! A job as clients see it: one shape for all kinds.

use std::collections::BTreeMap;

use medley_proto::{Artifact, Class, Failure, Input, JobId, JobState, Manifest, Name, Timings};
use medley_runtime::{Estimate, JobStatus};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub(crate) struct JobView {
    id: JobId,
    kind: Name,
    pub(crate) state: JobState,
    class: Class,
    /// Unix time.
    created_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finished_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<u64>,
    inputs: Vec<Input>,
    /// Of the kind's own schema, defaults written out.
    params: Value,
    labels: BTreeMap<String, String>,
    /// How far a job that runs is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressView>,
    /// What keeps a job from going on, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    /// Why a failed job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    /// What an ended job made, as it is at the newest revision.
    artifacts: Vec<ArtifactView>,
    /// How good the result is, as the kind tells.
    quality: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<Timings>,
    /// The newest correction of its artifacts; 0 when there is none.
    pub(crate) revision: u32,
    links: Links,
}

/// Where the rest of it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Links {
    #[serde(rename = "self")]
    job: String,
    events: String,
    artifacts: String,
    revisions: String,
}

/// An artifact.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "JobArtifact")]
pub(crate) struct ArtifactView {
    #[serde(flatten)]
    artifact: Artifact,
    /// Where its bytes are.
    url: String,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Progress")]
pub(crate) struct ProgressView {
    done: f64,
    total: f64,
    /// What `done` and `total` count.
    unit: String,
    /// The stage that is told of, where it is not yet known how much work the whole job is.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// Units a second so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    /// The shortest and the longest time left in seconds, by the rates measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_s: Option<[f64; 2]>,
}

impl From<Estimate> for ProgressView {
    fn from(estimate: Estimate) -> Self {
        let Estimate { done, total, unit, stage, rate, left } = estimate;
        let left_s = left.map(|(short, long)| [short.as_secs_f64(), long.as_secs_f64()]);
        Self { done, total, unit, stage, rate, left_s }
    }
}

impl JobView {
    /// With the artifacts of the job's own; [`with_artifacts`](Self::with_artifacts) shows those of a revision.
    pub(crate) fn new(status: JobStatus) -> Self {
        let JobStatus { job, state, manifest } = status;
        let (artifacts, quality, timings, error) = match manifest {
            Some(Manifest { artifacts, quality, timings, error, .. }) => (artifacts, quality, Some(timings), error),
            None => (Vec::new(), Map::new(), None, None),
        };
        let at = format!("/v1/jobs/{}", job.id);
        Self {
            artifacts: ArtifactView::all(job.id, artifacts),
            links: Links {
                events: format!("{at}/events"),
                artifacts: format!("{at}/artifacts"),
                revisions: format!("{at}/revisions"),
                job: at,
            },
            id: job.id,
            kind: job.kind,
            state,
            class: job.class,
            created_ms: job.created_ms,
            finished_ms: timings.as_ref().map(|timings| timings.finished_ms),
            deadline_ms: job.deadline_ms,
            inputs: job.inputs,
            params: job.params,
            labels: job.labels,
            progress: None,
            notice: None,
            error,
            quality,
            timings,
            revision: 0,
        }
    }

    pub(crate) fn with_artifacts(mut self, revision: u32, artifacts: Vec<Artifact>) -> Self {
        (self.revision, self.artifacts) = (revision, ArtifactView::all(self.id, artifacts));
        self
    }

    /// With how far it is, and what keeps it.
    pub(crate) fn told(mut self, progress: Option<ProgressView>, notice: Option<String>) -> Self {
        (self.progress, self.notice) = (progress, notice);
        self
    }

    /// Another one when a client should look again; progress does not count.
    pub(crate) fn etag(&self) -> String {
        let state = match self.state {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Cancelling => "cancelling",
            JobState::Succeeded => "succeeded",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        };
        format!("W/\"{state}-{}-{}\"", self.finished_ms.unwrap_or_default(), self.revision)
    }

    pub(crate) fn location(&self) -> &str {
        &self.links.job
    }

    pub(crate) fn id(&self) -> JobId {
        self.id
    }

    pub(crate) fn kind(&self) -> &Name {
        &self.kind
    }
}

impl ArtifactView {
    pub(crate) fn all(job: JobId, artifacts: Vec<Artifact>) -> Vec<Self> {
        let view = |artifact: Artifact| Self {
            url: format!("/v1/jobs/{job}/artifacts/{}", percent_encoded(&artifact.name, b"/")),
            artifact,
        };
        artifacts.into_iter().map(view).collect()
    }
}

/// Everything but what RFC 3986 calls unreserved, and the bytes that are also allowed.
pub(crate) fn percent_encoded(text: &str, also: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_byte_by_byte() {
        assert_eq!(percent_encoded("a/b c\"é.txt", b"/"), "a/b%20c%22%C3%A9.txt");
        assert_eq!(percent_encoded("a/b", b""), "a%2Fb");
    }
}
