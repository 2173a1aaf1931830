//! `medley dead`: steps whose attempts are used up.

use std::process::ExitCode;

use medley_proto::{JobId, Name};
use medley_runtime::Client;

use super::{
    Failed, outputs,
    usage::{counted, job_id},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Lists dead letters, by job.
    List {
        /// At most so many.
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Shows a job's dead letters with the history of their attempts, as JSON.
    Show {
        #[arg(value_parser = job_id)]
        job: JobId,
    },
    /// Opens a failed job again and publishes what it still needs.
    Replay {
        #[arg(value_parser = job_id)]
        job: JobId,
    },
    /// Forgets a job's dead letters; the job stays failed.
    Drop {
        #[arg(value_parser = job_id)]
        job: JobId,
    },
}

pub(super) async fn main(command: Command, medley: &Client, tenant: &Name) -> Result<ExitCode, Failed> {
    match command {
        Command::List { limit, json } => {
            for letter in medley.dead_letters(tenant, limit).await? {
                if json {
                    outputs::print_json_line(&letter)?;
                } else {
                    let failure = &letter.failure;
                    let line =
                        format!("{}  {}  {}: {}", letter.step.job, letter.step.id, failure.code, failure.message);
                    outputs::print_line(&line)?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { job } => outputs::print_json(&medley.dead_letters_of(tenant, job).await?),
        Command::Replay { job } => {
            let count = medley.replay(tenant, job).await?;
            outputs::print_line(&format!("{} replayed", counted(count, "dead letter", "dead letters")))
        }
        Command::Drop { job } => {
            let count = medley.drop_dead(tenant, job).await?;
            outputs::print_line(&format!("{} dropped", counted(count, "dead letter", "dead letters")))
        }
    }
}
