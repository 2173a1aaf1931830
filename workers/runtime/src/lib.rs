//! Submits jobs and runs their steps: client, engine, queues, stores, compute children, metrics.
//!
//! A [`Client`] is what a command line or a gateway holds: it submits jobs, tells where they stand, and takes them back. An
//! [`Engine`] runs their steps. Each works over a [`Backend`]: a queue, a store, the kinds that the binary knows, a clock
//! and the settings. Both may live in one process over an embedded queue and store, or far apart.
//!
//! ```no_run
//! # use std::{collections::BTreeMap, path::Path, sync::Arc};
//! # use medley_proto::Name;
//! # use medley_runtime::{Backend, Client, Engine, EngineOptions, InputRequest, Request, Settings};
//! # use medley_runtime::{queue::SqliteQueue, store::FileStore};
//! # use medley_step::Registry;
//! # async fn example(registry: Registry) -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = Settings::default();
//! settings.worker.work_dir = "out/.medley/work".into();
//! settings.limits.file_roots = vec!["/".into()];
//! let queue = SqliteQueue::open(Path::new("out/.medley/queue.db")).await?;
//! let store = FileStore::open(Path::new("out/.medley/store")).await?;
//! let backend = Backend::new(Arc::new(queue), Arc::new(store), Arc::new(registry), settings);
//!
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! let options = EngineOptions { models_dir: "/cache/medley/models".into(), ..EngineOptions::default() };
//! let engine = tokio::spawn(Engine::new(&backend, options).run(shutdown.clone()));
//!
//! let client = Client::new(backend);
//! let tenant = Name::from_static("default");
//! let mut request = Request::new(tenant.clone(), Name::from_static("transcribe"));
//! request.inputs.push(InputRequest::File("talk.mp3".into()));
//! request.idempotency_key = Some("talk.mp3 with these params".into());
//! let submitted = client.submit(request).await?;
//! // Or `client.watch(..)` for a stream of events whose last one is `Finished`.
//! let manifest = client.wait(&tenant, submitted.job.id).await?;
//! client.fetch(&tenant, submitted.job.id, Path::new("out")).await?;
//!
//! shutdown.cancel();
//! engine.await??;
//! # Ok(()) }
//! ```
//!
//! The same program must know the hidden subcommand `compute --kind <kind>` and call [`compute_main`] there, before
//! it starts an async runtime: compute happens in such children (docs/decisions/0002-compute-children.md).

mod backend;
mod breakpoint;
mod client;
mod compute;
mod engine;
mod error;
pub mod fetch;
mod layout;
pub mod queue;
pub mod records;
pub mod store;

pub use backend::{Backend, Clock, LimitSettings, Settings, TenantSettings, WorkerSettings};
#[cfg(feature = "breakpoints")]
pub use breakpoint::BREAKPOINT_VARIABLE;
pub use client::{
    Client, EndPage, Estimate, InputRequest, JobPage, JobProgress, JobStatus, NewFile, NewRevision, NewUpload, Request,
    Revision, Scratch, Spooled, StepRecord, Submitted, Upload, UploadId, UploadPage,
};
pub use compute::{ComputeCommand, compute_main};
pub use engine::{Engine, EngineError, EngineOptions, KindRate, Swept, WorkerNote};
pub use error::Error;
pub use layout::ends::JobEnd;
pub use records::{MAX_RECORD_BYTES, RecordPage, Records, StoreRecords};
