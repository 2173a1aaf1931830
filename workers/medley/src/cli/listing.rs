//! `medley list` for people: a table with how old each job is, how long it took or has been under way, and how far it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use medley_proto::{JobState, Name};
use medley_runtime::{Client, JobStatus};

use super::{Failed, outputs, printable::printable, progress::span};

const HEAD: [&str; 6] = ["JOB", "STATE", "KIND", "AGE", "TOOK", "STEPS"];

/// One job as a row.
#[derive(Debug)]
struct Row {
    cells: [String; 6],
    inputs: String,
}

/// Prints the jobs, the columns as wide as their widest cell.
pub(super) async fn print(medley: &Client, tenant: &Name, jobs: &[JobStatus]) -> Result<(), Failed> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mut rows = Vec::with_capacity(jobs.len());
    for job in jobs {
        let done = match job.state {
            JobState::Running | JobState::Cancelling => medley.steps_done(tenant, job.job.id).await?,
            _ => 0,
        };
        rows.push(row(job, done, now_ms));
    }
    for line in lines(&rows) {
        outputs::print_line(&line)?;
    }
    Ok(())
}

fn row(status: &JobStatus, done: usize, now_ms: u64) -> Row {
    let (job, manifest) = (&status.job, status.manifest.as_ref());
    let since = |from_ms: u64, to_ms: u64| span(Duration::from_millis(to_ms.saturating_sub(from_ms)));
    let age = format!("{} ago", since(job.created_ms, now_ms));
    let (took, steps) = match (manifest, status.state) {
        (Some(manifest), _) => {
            let timings = &manifest.timings;
            (since(timings.created_ms, timings.finished_ms), timings.steps.to_string())
        }
        (None, JobState::Queued) => (String::new(), String::new()),
        // How many there will be in all is known to nobody before the last stage.
        (None, _) => (format!("{} so far", since(job.created_ms, now_ms)), format!("{done} so far")),
    };
    let state = serde_json::to_value(status.state).ok().and_then(|state| state.as_str().map(str::to_owned));
    let inputs: Vec<&str> = job.inputs.iter().map(|input| input.name.as_str()).collect();
    Row {
        cells: [job.id.to_string(), state.unwrap_or_default(), job.kind.to_string(), age, took, steps],
        inputs: printable(&inputs.join(", ")).into_owned(),
    }
}

fn lines(rows: &[Row]) -> Vec<String> {
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|at| rows.iter().map(|row| row.cells[at].chars().count()).chain([HEAD[at].len()]).max().unwrap_or(0))
        .collect();
    let line = |cells: &[String], last: &str| {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        format!("{}  {last}", cells.join("  ")).trim_end().to_owned()
    };
    let head = line(&HEAD.map(str::to_owned), "INPUTS");
    std::iter::once(head).chain(rows.iter().map(|row| line(&row.cells, &row.inputs))).collect()
}

#[cfg(test)]
mod tests {
    use medley_proto::{Class, Input, Job, JobId, Source, VERSION};

    use super::*;

    fn status(kind: &'static str, state: JobState, input: &str) -> JobStatus {
        let input =
            Input { name: input.into(), source: Source::Text("x".into()), sha256: None, bytes: None, media_type: None };
        let job = Job {
            v: VERSION,
            id: JobId::fresh(1, 1),
            tenant: Name::from_static("t"),
            kind: Name::from_static(kind),
            inputs: vec![input],
            params: serde_json::json!({}),
            class: Class::Batch,
            created_ms: 1_000_000,
            deadline_ms: None,
            labels: Default::default(),
            idempotency_key: None,
        };
        JobStatus { job, state, manifest: None }
    }

    #[test]
    fn columns_stand_below_each_other_and_names_are_text() {
        let rows = [
            row(&status("transcribe", JobState::Running, "a\n01ABC  succeeded.mp3"), 3, 1_075_000),
            row(&status("news", JobState::Queued, "名字.md"), 0, 8_200_000),
        ];
        let lines = lines(&rows);
        assert_eq!(lines.len(), 3, "a name is no line: {lines:?}");
        let at = lines[0].find("INPUTS").unwrap();
        assert_eq!(&lines[1][at..], "a\\n01ABC  succeeded.mp3");
        assert_eq!(&lines[2][at..], "名字.md");
        assert!(lines[1].contains("1 min") || lines[1].contains("75 s so far"), "{lines:?}");
        assert!(lines[1].contains("3 so far") && lines[2].contains("2.0 h ago"), "{lines:?}");
    }
}
