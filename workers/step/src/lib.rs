//! The contract of a kind of work.
//!
//! A kind implements [`Worker`] (how one step is computed) and [`Recipe`] (which steps a job consists of, as a [`graph`] of
//! stages) and is registered in one line. It sees files, params and progress. Where they come from and where they go (a laptop's
//! folder, a fleet's broker and store) is the runtime's business, behind its traits `Queue` and `Store`.

mod context;
mod draft;
mod error;
pub mod graph;
mod kind;
mod registry;
pub mod testing;
mod worker;

pub use context::{
    ArtifactFile, Host, LocalInput, NOTES, Published, RemoteFile, RemotePage, StepContext, StepReport, Wanted,
};
pub use draft::{Planned, StepDraft, WHOLE_JOB};
pub use error::{Cause, Retryable, StepError};
pub use graph::Recipe;
pub use kind::{FINISH, Kind, KindError, Kinds, Program, Sample, Slots};
pub use registry::{ErasedRecipe, ErasedWorker, Registry};
pub use worker::{BuildContext, BuildError, Worker};

/// What the expansion of [`tasks!`] names.
#[doc(hidden)]
pub mod __private {
    pub use serde::Deserialize;
    pub use serde_json::Value;
}
