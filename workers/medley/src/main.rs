//! `medley`: one binary that turns media jobs into finished artifacts, on a laptop or as a fleet of workers.

use std::process::ExitCode;

fn main() -> ExitCode {
    medley::main(medley::KINDS)
}
