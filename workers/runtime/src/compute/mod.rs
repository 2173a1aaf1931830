//! Compute happens in child processes, one for each kind (docs/decisions/0002-compute-children.md).

mod child;
mod frames;
mod memory;
mod notes;
mod pool;
mod process;
mod spawner;

pub use child::compute_main;
pub(crate) use frames::{Answer, Ask, Computed, Progress};
pub use pool::ComputeCommand;
pub(crate) use pool::{ComputePool, Job, PoolSettings, StepServices, StopReason, deadline_passed};
