//! Runs steps: from the delivery to the acknowledgement, and from a job's first group of steps to its end.
//!
//! A delivery's way through the files: [`intake`] takes it while a slot is free, [`outcome`] serves and settles it,
//! [`executor`] looks up what is known of its step, [`staging`] makes its inputs local files, the compute child runs it,
//! [`committer`] stores what it made, and [`planner`] publishes what follows. The last step of a job is its [`finisher`]'s.
//! Beside them [`worker`] keeps [`cancellation`], [`dead_letters`], its [`presence`] and the [`sweeper`] running.

pub(crate) mod backoff;
mod cancellation;
mod committer;
mod dead_letters;
pub(crate) mod deletion;
mod executor;
mod finisher;
pub(crate) mod groups;
mod intake;
mod measured;
mod outcome;
pub(crate) mod planner;
pub(crate) mod presence;
pub(crate) mod progress;
mod remote_folders;
mod running;
mod spool;
mod staging;
mod sweeper;
mod worker;

use std::{collections::BTreeMap, path::PathBuf};

use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::Name;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use presence::{KindRate, WorkerNote};
pub use sweeper::Swept;

use crate::{Backend, Error, compute::ComputeCommand, queue::QueueError};

/// What an engine needs beside the settings of the machine's owner.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// The kinds of step to run; all of the registry when empty.
    pub kinds: Vec<Name>,
    /// The program that becomes a compute child.
    pub compute: ComputeCommand,
    /// The model cache's root.
    pub models_dir: PathBuf,
    /// Each kind's table of `medley.toml`.
    pub configs: BTreeMap<Name, Value>,
    /// Whether the engine ends when it cannot compute steps of one of its kinds, and not only when it can of none: where
    /// there is no other worker, nobody would do them.
    pub all_kinds: bool,
    /// Whether the engine says in the store that it is there, and heeds which kinds are paused: for workers that others can
    /// ask after.
    pub announced: bool,
}

/// Why an engine ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The machine cannot go on; the steps were handed back.
    #[error("the worker stopped: {0}")]
    Unfit(String),
    #[error("the worker cannot start: {what}")]
    Start {
        what: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the worker cannot take steps")]
    Queue(#[from] QueueError),
}

/// Runs the steps of jobs until it is stopped.
#[derive(Debug)]
pub struct Engine {
    backend: Backend,
    options: EngineOptions,
}

impl Engine {
    pub fn new(backend: &Backend, options: EngineOptions) -> Self {
        Self { backend: backend.clone(), options }
    }

    /// Takes and runs steps, ends jobs, keeps dead letters and sweeps, until `shutdown`: then it takes no new step, gives
    /// those that run `worker.drain_s` to be done, hands back the rest, and returns.
    ///
    /// # Errors
    /// When the engine cannot start, or this machine cannot go on (full disk, refused by queue or store).
    pub fn run(self, shutdown: CancellationToken) -> BoxFuture<'static, Result<(), EngineError>> {
        async move { worker::run(self.backend, self.options, shutdown).await }.boxed()
    }

    /// One round over all tenants' open jobs and expired ones, as [`Self::run`] makes now and then.
    ///
    /// # Errors
    /// Those of queue and store; the next round goes on.
    pub fn sweep(&self) -> BoxFuture<'_, Result<Swept, Error>> {
        async move { sweeper::sweep(&self.backend).await }.boxed()
    }
}
