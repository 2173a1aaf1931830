//! `medley --server https://… submit|status|watch|fetch|cancel|delete|list`: the same verbs over a gateway.

mod connection;
mod fetch;
mod jobs;
mod submit;
mod upload;

use std::process::ExitCode;

pub(super) use self::{connection::Server, submit::submit};
use super::{Command, Failed};

/// The commands that follow submitted jobs.
pub(super) fn main(server: &Server, command: Command) -> Result<ExitCode, Failed> {
    match command {
        Command::Status { job, json } => jobs::status(server, job, json),
        Command::Watch { job, show } => jobs::watch(server, job, show),
        Command::Fetch { job, output } => fetch::fetch(server, job, &output),
        Command::Cancel { job } => jobs::cancel(server, job),
        Command::Delete { job } => jobs::delete(server, job),
        Command::List(args) => jobs::list(server, &args),
        _ => Err(unserved()),
    }
}

/// What a gateway is not asked for.
pub(super) fn unserved() -> Failed {
    Failed::usage("--server serves submit, status, watch, fetch, cancel, delete and list; leave it out for the others")
}
