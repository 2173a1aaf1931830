//! What a receiver gets: thin events, which name a job and say where the rest is.

use std::collections::BTreeMap;

use medley_proto::{ErrorCode, JobId, Name, Outcome};
use medley_runtime::JobEnd;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels are left out of a message when they take more than this: the standard asks for small bodies.
const MAX_LABEL_BYTES: usize = 8 << 10;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(crate) enum EventType {
    #[serde(rename = "job.succeeded")]
    JobSucceeded,
    #[serde(rename = "job.failed")]
    JobFailed,
    #[serde(rename = "job.cancelled")]
    JobCancelled,
    /// Nothing: somebody tries whether messages arrive.
    #[serde(rename = "webhook.test")]
    Test,
}

impl From<Outcome> for EventType {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::JobSucceeded,
            Outcome::Failed => Self::JobFailed,
            Outcome::Cancelled => Self::JobCancelled,
        }
    }
}

/// The body of a message.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookMessage")]
pub(super) struct Message<'a> {
    #[serde(rename = "type")]
    pub(super) kind: EventType,
    /// When it happened (RFC 3339).
    pub(super) timestamp: String,
    pub(super) data: Data<'a>,
}

/// What a message is about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "WebhookMessageData")]
pub(super) enum Data<'a> {
    Job(JobData<'a>),
    Test {
        /// The webhook that is tried.
        webhook: &'a str,
    },
}

/// The end of a job.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct JobData<'a> {
    #[schemars(with = "String")]
    job: JobId,
    kind: &'a Name,
    outcome: Outcome,
    /// Why it did not succeed: a stable code (docs/errors.md).
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a ErrorCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a BTreeMap<String, String>>,
    links: Links,
}

/// Where the rest is, below the gateway's address.
#[derive(Debug, Serialize, JsonSchema)]
struct Links {
    job: String,
    artifacts: String,
}

/// The message about the end of a job, the same whoever makes it.
pub(super) fn of_end(end: &JobEnd, public_url: &str) -> String {
    let below = format!("{}/v1/jobs/{}", public_url.trim_end_matches('/'), end.job);
    let size: usize = end.labels.iter().map(|(key, value)| key.len() + value.len()).sum();
    let labels = Some(&end.labels).filter(|labels| !labels.is_empty() && size <= MAX_LABEL_BYTES);
    let links = Links { artifacts: format!("{below}/artifacts"), job: below };
    let (job, kind, outcome, code) = (end.job, &end.kind, end.outcome, end.code.as_ref());
    text(end.outcome.into(), end.finished_ms, Data::Job(JobData { job, kind, outcome, code, labels, links }))
}

pub(super) fn of_test(webhook: &str, now_ms: u64) -> String {
    text(EventType::Test, now_ms, Data::Test { webhook })
}

fn text(kind: EventType, at_ms: u64, data: Data<'_>) -> String {
    let timestamp = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let message = Message { kind, timestamp: timestamp.unwrap_or_default().to_string(), data };
    serde_json::to_string(&message).expect("a message has string keys and no failing serializer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_thin() {
        let mut end = JobEnd {
            v: 1,
            job: JobId::fresh(1, 2),
            kind: Name::from_static("transcribe"),
            outcome: Outcome::Failed,
            finished_ms: 1_764_000_000_123,
            code: Some(ErrorCode::new("media_undecodable")),
            labels: [("show".to_owned(), "第一集".to_owned())].into(),
        };
        let body = of_end(&end, "https://medley.example.org/");
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        let expected = serde_json::json!({
            "type": "job.failed",
            "timestamp": "2025-11-24T16:00:00.123Z",
            "data": {
                "job": end.job.to_string(),
                "kind": "transcribe",
                "outcome": "failed",
                "code": "media_undecodable",
                "labels": { "show": "第一集" },
                "links": {
                    "job": format!("https://medley.example.org/v1/jobs/{}", end.job),
                    "artifacts": format!("https://medley.example.org/v1/jobs/{}/artifacts", end.job),
                },
            },
        });
        assert_eq!(value, expected);
        end.labels.insert("long".into(), "x".repeat(20_000));
        assert!(of_end(&end, "").len() < 1_000);
    }
}
