//! Programs as guarded children: the one way in which Medley starts what it did not write.
//!
//! [`command`] makes a command in an empty environment, in the root folder and under limits of CPU time, memory and
//! file size. [`Guarded::start`] starts it in a process group of its own and ties it to this process: when this process dies, however,
//! the kernel kills the child. A [`Guarded`] that is dropped kills its group whole. What the child says on standard error is
//! read to its end, so that it never waits and never dies of a closed pipe, and is kept up to a limit. [`run`] takes a
//! program from start to end, with limits of its output and of wall time, for a child too that computes and says nothing.

mod guard;
mod output;
mod spawner;

pub use guard::{Guarded, Limits, command};
pub(crate) use output::wait_for;
pub use output::{Bounds, Ended, RunError, run};
