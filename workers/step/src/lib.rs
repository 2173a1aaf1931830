//! The contract of a kind of work.
//!
//! A kind implements [`Worker`] (how one step is computed) and [`Recipe`] (which steps a job consists of) and is
//! registered in one line. It sees files, params and progress; where they come from and where they go (a laptop's
//! folder, a fleet's broker and store) is behind [`Queue`] and [`Store`], which only the runtime implements.

mod context;
mod error;
pub mod graph;
mod nested;
mod queue;
mod recipe;
mod registry;
mod store;
pub mod testing;
mod worker;

pub use context::{
    ArtifactFile, Host, LocalInput, NOTES, Published, RemoteFile, RemotePage, StepContext, StepReport, Wanted,
};
pub use error::{Cause, Retryable, StepError};
pub use nested::Nested;
pub use queue::{Consumer, DeadConsumer, Delivery, EventStream, Queue, QueueError, QueueName};
pub use recipe::{GroupDone, JobView, Planned, Recipe, StepDraft, WHOLE_JOB, recipe_of_one_step};
pub use registry::{ErasedRecipe, ErasedWorker, Registry};
pub use store::{Key, ObjectInfo, ObjectMeta, Page, Store, StoreError};

/// What the expansion of [`tasks!`] names.
#[doc(hidden)]
pub mod __private {
    pub use serde::Deserialize;
    pub use serde_json::Value;
}

pub use worker::{BuildContext, BuildError, Worker};
