//! Runs steps: from the delivery to the acknowledgement, and from a job's first group of steps to its end.

pub(crate) mod committer;
pub(crate) mod executor;
pub(crate) mod finisher;
pub(crate) mod outcome;
pub(crate) mod planner;
pub(crate) mod progress;
pub(crate) mod remote_folders;
pub(crate) mod running;
pub(crate) mod spool;
pub(crate) mod staging;
pub(crate) mod sweeper;
pub(crate) mod worker;
