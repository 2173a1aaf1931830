//! The subcommands that follow submitted jobs.

use std::{process::ExitCode, sync::Arc};

use futures_util::StreamExt;
use medley_proto::{JobId, JobState, Manifest, Name};
use medley_runtime::{Client, JobStatus};
use medley_step::Registry;
use serde_json::json;

use super::{
    Command, Failed, block_on, dead,
    failed::INTERRUPTED,
    listing, outputs,
    progress::{Progress, Show},
    run::interrupted,
};
use crate::{
    backends::{self, Role},
    config::Config,
};

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// At most so many.
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(super) limit: usize,
    /// One JSON object a line.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn main(command: Command, registry: Arc<Registry>, config: &Config) -> Result<ExitCode, Failed> {
    block_on(async {
        let medley = backends::configured(Role::Looks, registry, config).await?;
        let tenant = &config.tenant;
        match command {
            Command::Status { job, json } => status(&medley, tenant, job, json).await,
            Command::Watch { job, show } => watch(&medley, tenant, job, show).await,
            Command::Fetch { job, output } => {
                outputs::check_folder(&output)?;
                for path in medley.fetch(tenant, job, &output).await? {
                    outputs::print_line(&path.display().to_string())?;
                }
                ended(&medley.manifest(tenant, job).await?)
            }
            Command::Cancel { job } => outputs::print_line(word(medley.cancel(tenant, job).await?)),
            Command::Delete { job } => {
                medley.delete(tenant, job).await?;
                Ok(ExitCode::SUCCESS)
            }
            Command::List(args) => list(&medley, tenant, &args).await,
            Command::Dead(command) => dead::main(command, &medley, tenant).await,
            other => Err(Failed::usage(format!("{other:?} follows no job"))),
        }
    })
}

pub(super) fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Cancelling => "cancelling",
        JobState::Succeeded => "succeeded",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

fn as_json(status: &JobStatus) -> serde_json::Value {
    json!({ "job": status.job, "state": status.state, "manifest": status.manifest })
}

async fn status(medley: &Client, tenant: &Name, job: JobId, as_document: bool) -> Result<ExitCode, Failed> {
    let status = medley.status(tenant, job).await?;
    if as_document {
        return outputs::print_json(&as_json(&status));
    }
    outputs::print_line(&line(&status))?;
    let Some(manifest) = &status.manifest else { return Ok(ExitCode::SUCCESS) };
    for artifact in &manifest.artifacts {
        outputs::print_line(&format!("  {}  {} bytes  {}", artifact.name, artifact.bytes, artifact.media_type))?;
    }
    if let Some(failure) = &manifest.error {
        outputs::print_line(&format!("  {}: {}", failure.code, failure.message))?;
        for cause in Failed::from(failure).unsaid_causes() {
            outputs::print_line(&format!("    because: {cause}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(status: &JobStatus) -> String {
    let inputs: Vec<&str> = status.job.inputs.iter().map(|input| input.name.as_str()).collect();
    format!("{}  {:<10}  {:<10}  {}", status.job.id, word(status.state), status.job.kind, inputs.join(", "))
}

async fn list(medley: &Client, tenant: &Name, args: &ListArgs) -> Result<ExitCode, Failed> {
    let mut left = args.limit;
    let mut after: Option<String> = None;
    while left > 0 {
        let page = medley.list(tenant, after.as_deref(), left.min(100)).await?;
        left = left.saturating_sub(page.jobs.len() + page.damaged.len());
        if args.json {
            for status in &page.jobs {
                outputs::print_json_line(&as_json(status))?;
            }
        } else if !page.jobs.is_empty() {
            listing::print(medley, tenant, &page.jobs).await?;
        }
        for (job, error) in page.damaged {
            if args.json {
                let error = json!({ "code": error.code(), "message": error.to_string() });
                outputs::print_json_line(&json!({ "job": { "id": job }, "state": "damaged", "error": error }))?;
            } else {
                outputs::print_line(&format!("{job}  {:<10}  {error}", "damaged"))?;
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The time left falls also while nothing is told.
const REDRAW_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

async fn watch(medley: &Client, tenant: &Name, job: JobId, show: Show) -> Result<ExitCode, Failed> {
    let status = medley.status(tenant, job).await?;
    let mut progress = Progress::new(show);
    progress.add(job, status.job.inputs.first().map_or(status.job.kind.as_str(), |input| &input.name));
    let mut events = medley.watch(tenant, job).await?;
    let mut tick = tokio::time::interval(REDRAW_EVERY);
    loop {
        tokio::select! {
            _ = tick.tick() => progress.tick(),
            event = events.next() => match event {
                Some(event) => progress.event(&event),
                None => break,
            },
            // Stopping to watch does not stop the job.
            () = interrupted() => return Ok(ExitCode::from(INTERRUPTED)),
        }
    }
    let manifest = medley.manifest(tenant, job).await?;
    progress.end(job, word(manifest.outcome.into()));
    if show.json {
        outputs::print_json_line(&manifest)?;
    }
    ended(&manifest)
}

/// The exit code of a job that has ended. Whatever it failed of, the command that asks about it was not wrong.
fn ended(manifest: &Manifest) -> Result<ExitCode, Failed> {
    match &manifest.error {
        Some(failure) => Err(Failed::from(failure).of_a_job()),
        None => Ok(ExitCode::SUCCESS),
    }
}
