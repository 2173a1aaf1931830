//! `medley clean`: gives back what finished jobs of `medley run` keep beside their artifacts.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use medley_runtime::Client;
use medley_step::Registry;

use super::{
    Failed, block_on, outputs,
    state::State,
    usage::{Bytes, counted},
};
use crate::{backends, config::Config};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  medley clean out          keeps what says that the jobs are done; unfinished jobs keep everything
  medley clean out --all    removes out/.medley; the artifacts stay")]
pub(super) struct Args {
    /// The folder that `medley run … -o DIR` was given.
    #[arg(value_name = "DIR", default_value = "out")]
    output: PathBuf,
    /// Removes the whole state: what is unfinished starts anew, and what is done is done again when it is asked for.
    #[arg(long)]
    all: bool,
}

pub(super) fn main(args: &Args, registry: Arc<Registry>, config: Option<&Path>) -> Result<ExitCode, Failed> {
    let folder = State::path_in(&args.output);
    if folder.symlink_metadata().is_err() {
        return outputs::print_line(&format!("there is nothing to clean: {} is not there", folder.display()));
    }
    let state = State::alone(&args.output)?;
    let before = state.bytes();
    if args.all {
        state.remove()?;
        return outputs::print_line(&format!("{} freed: {} is gone", Bytes(before), folder.display()));
    }
    let config = Config::load(config, &registry)?;
    let jobs = block_on(async {
        // Messages that nobody can read are of no use; unfinished jobs are found by the store.
        if backends::is_damaged(state.path()).await {
            state.clear(|name| name.starts_with(backends::QUEUE_FILE))?;
        }
        let medley = backends::embedded(state.path(), registry, &config).await?;
        trim_all(&medley, &config).await
    })?;
    // Queues hold messages of unfinished jobs only, and work folders what runs.
    state.clear(|name| name == "work" || (jobs.unfinished == 0 && name.starts_with(backends::QUEUE_FILE)))?;
    let after = state.bytes();
    let unfinished = match jobs.unfinished {
        0 => String::new(),
        count => format!(" and {}", counted(count, "unfinished job", "unfinished jobs")),
    };
    outputs::print_line(&format!(
        "{} freed; {} kept in {} for {}{unfinished}",
        Bytes(before.saturating_sub(after)),
        Bytes(after),
        folder.display(),
        counted(jobs.finished, "finished job", "finished jobs"),
    ))
}

#[derive(Debug, Default)]
struct Jobs {
    finished: usize,
    unfinished: usize,
}

async fn trim_all(medley: &Client, config: &Config) -> Result<Jobs, Failed> {
    let (mut jobs, mut after) = (Jobs::default(), None::<String>);
    loop {
        let page = medley.list(&config.tenant, after.as_deref(), 100).await?;
        for status in page.jobs {
            if status.state.is_final() {
                medley.trim(&config.tenant, status.job.id).await?;
                jobs.finished += 1;
            } else {
                jobs.unfinished += 1;
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if jobs.unfinished == 0 {
        medley.drop_shared(&config.tenant).await?;
    }
    Ok(jobs)
}
