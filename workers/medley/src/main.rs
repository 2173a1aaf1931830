//! `medley`: one binary that turns media jobs into finished artifacts, on a laptop or as a fleet of workers.

mod backends;
mod cli;
mod config;
mod kinds;
mod lazy_queue;
mod recipes;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
