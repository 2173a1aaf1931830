//! What the binary offers for a kind beside its jobs.

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::{Failed, asked::Asked};
use crate::config::Config;

/// A command of the binary that works with what a kind knows or makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExtraCommand {
    pub name: &'static str,
    pub command: fn() -> Command,
    pub main: fn(&ArgMatches, &Config) -> Result<ExitCode, Failed>,
}

/// A flag of `medley run <kind>` that does without a job, a queue and a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectRun {
    pub kind: &'static str,
    pub flag: &'static str,
    pub about: &'static str,
    pub main: fn(Asked, &Config) -> Result<ExitCode, Failed>,
}
