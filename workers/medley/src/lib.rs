//! All of the program `medley` but the choice of its kinds.
//!
//! [`main`] is the command line, the workers and the compute children of the kinds that it is given: [`KINDS`] are those of
//! the program `medley`, and a program with kinds of its own is a list of constants ([`kind::Kind`]):
//!
//! ```no_run
//! # use std::process::ExitCode;
//! use medley::kind::Kind;
//!
//! const SHOUT: Kind = Kind::new("shout"); // with its worker and its recipe: docs/add-a-kind.md
//!
//! fn main() -> ExitCode {
//!     medley::main(&[medley::KINDS, &[SHOUT]].concat())
//! }
//! ```

mod backends;
mod cli;
mod config;
mod failed;
mod kinds;
mod lazy_queue;
mod printable;
mod recipes;

use std::process::ExitCode;

pub use kinds::KINDS;
// What a kind of one's own derives its params and outputs with.
pub use {schemars, serde, serde_json};

/// What a kind is written with.
pub mod kind {
    pub use medley_proto::{ErrorCode, Input, ModelUse};
    pub use medley_step::{
        BuildContext, BuildError, Kind, KindError, LocalInput, Program, Recipe, Sample, Slots, StepContext, StepError,
        Worker,
        graph::{Fragment, One, Scope},
    };
}

/// The program with these kinds: reads its command line, and does what that says.
pub fn main(kinds: &[kind::Kind]) -> ExitCode {
    match kinds::offer(kinds) {
        Ok(()) => cli::main(),
        Err(error) => failed::Failed::usage(error.to_string()).report(),
    }
}
