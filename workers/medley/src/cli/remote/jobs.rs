//! Jobs as a gateway tells them.

use std::{process::ExitCode, thread, time::Duration};

use medley_proto::{Failure, JobId, JobState, Name, Sha256};
use medley_runtime::Estimate;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use super::connection::{Asked, Server};
use crate::cli::{
    Failed,
    jobs::{ListArgs, word},
    outputs,
    progress::{Progress, Show},
};

/// How often a job that is watched is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is needed of a job. The whole of it is kept beside, as it came.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: JobId,
    kind: Name,
    pub(super) state: JobState,
    #[serde(default)]
    inputs: Vec<Input>,
    #[serde(default)]
    pub(super) artifacts: Vec<Artifact>,
    #[serde(default)]
    error: Option<Failure>,
    #[serde(default)]
    progress: Option<Standing>,
    #[serde(default)]
    notice: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Input {
    name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Artifact {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) media_type: String,
    pub(super) sha256: Sha256,
    /// The path at the gateway.
    pub(super) url: String,
}

/// How far a job is.
#[derive(Debug, Deserialize)]
struct Standing {
    done: f64,
    total: f64,
    unit: String,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    rate: Option<f64>,
    #[serde(default)]
    left_s: Option<[f64; 2]>,
}

#[derive(Debug, Deserialize)]
struct Page {
    data: Vec<Value>,
    #[serde(default)]
    next_cursor: Option<String>,
}

pub(super) fn path_of(job: JobId) -> String {
    format!("/v1/jobs/{job}")
}

/// The job, and the document that says so.
pub(super) fn look(server: &Server, job: JobId) -> Result<(Job, Value), Failed> {
    let document: Value = server.get(&path_of(job))?;
    Ok((parse(&document)?, document))
}

fn parse(document: &Value) -> Result<Job, Failed> {
    Job::deserialize(document).map_err(|error| {
        Failed::service(format!("the gateway's answer is no job ({error}); is it of another version of medley?"))
    })
}

impl Job {
    fn line(&self) -> String {
        let inputs: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        format!("{}  {:<10}  {:<10}  {}", self.id, word(self.state), self.kind, inputs.join(", "))
    }

    fn label(&self) -> &str {
        self.inputs.first().map_or(self.kind.as_str(), |input| &input.name)
    }

    /// The exit code of a job that has ended.
    pub(super) fn ended(&self) -> Result<ExitCode, Failed> {
        match &self.error {
            Some(failure) => Err(Failed::from(failure).of_a_job()),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

pub(super) fn status(server: &Server, job: JobId, as_document: bool) -> Result<ExitCode, Failed> {
    let (job, document) = look(server, job)?;
    if as_document {
        return outputs::print_json(&document);
    }
    outputs::print_line(&job.line())?;
    if let Some(notice) = &job.notice {
        outputs::print_line(&format!("  {notice}"))?;
    }
    for Artifact { name, bytes, media_type, .. } in &job.artifacts {
        outputs::print_line(&format!("  {name}  {bytes} bytes  {media_type}"))?;
    }
    if let Some(failure) = &job.error {
        outputs::print_line(&format!("  {}: {}", failure.code, failure.message))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Stopping to watch does not stop the job.
pub(super) fn watch(server: &Server, job: JobId, show: Show) -> Result<ExitCode, Failed> {
    let mut progress = Progress::new(show);
    let mut told: Option<String> = None;
    let mut is_shown = false;
    loop {
        let (found, document) = look(server, job)?;
        if !is_shown {
            progress.add(job, found.label());
            is_shown = true;
        }
        if let Some(Standing { done, total, unit, stage, rate, left_s }) = &found.progress {
            let left = left_s.map(|left_s| left_s.map(|s| Duration::try_from_secs_f64(s).unwrap_or_default()));
            let left = left.map(|[short, long]| (short, long));
            let (unit, stage) = (unit.clone(), stage.clone());
            progress.tell(job, &Estimate { done: *done, total: *total, unit, stage, rate: *rate, left });
        }
        if found.notice.is_some() && found.notice != told {
            told = found.notice.clone();
            progress.warn(job, told.as_deref().unwrap_or_default());
        }
        if found.state.is_final() {
            progress.end(job, word(found.state));
            if show.json {
                outputs::print_json_line(&document)?;
            }
            return found.ended();
        }
        thread::sleep(LOOK_EVERY);
    }
}

pub(super) fn cancel(server: &Server, job: JobId) -> Result<ExitCode, Failed> {
    let path = format!("{}/cancel", path_of(job));
    let asked = Asked { repeats: true, ..Asked::new(Method::POST, &path) };
    let document: Value = server.read(server.ask(&asked)?)?;
    outputs::print_line(word(parse(&document)?.state))
}

pub(super) fn delete(server: &Server, job: JobId) -> Result<ExitCode, Failed> {
    server.ask(&Asked::new(Method::DELETE, &path_of(job)))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn list(server: &Server, args: &ListArgs) -> Result<ExitCode, Failed> {
    const MAX_PAGE: usize = 100;
    let (mut left, mut cursor) = (args.limit, None::<String>);
    while left > 0 {
        let mut path = format!("/v1/jobs?limit={}", left.min(MAX_PAGE));
        if let Some(cursor) = &cursor {
            path.push_str("&cursor=");
            path.extend(cursor.bytes().map(encoded));
        }
        let page: Page = server.get(&path)?;
        for document in &page.data {
            if args.json {
                outputs::print_json_line(document)?;
            } else {
                outputs::print_line(&parse(document)?.line())?;
            }
        }
        left = left.saturating_sub(page.data.len());
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A byte of a query.
fn encoded(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_read_from_what_is_told() {
        let document = json!({
            "id": JobId::fresh(1, 1), "kind": "speak", "state": "failed", "class": "batch", "created_ms": 5,
            "inputs": [{ "name": "a\u{1b}[2J.txt", "source": { "uri": "https://example.org/a.txt" } }],
            "error": { "v": 1, "code": "no_voice", "message": "no voice", "causes": [], "attempt": 1, "at_ms": 0 },
            "artifacts": [], "later": "members are passed over",
        });
        let job = parse(&document).unwrap();
        assert!(job.line().contains("failed") && job.line().contains("speak"));
        assert_eq!(job.ended().unwrap_err().exit, 1);
        assert!(parse(&json!({ "id": 5 })).is_err());
    }
}
