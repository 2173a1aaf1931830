//! Opens the queue and the store that the configuration names.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use medley_models::Models;
use medley_proto::Name;
use medley_runtime::{ComputeCommand, Medley, Settings, WorkerOptions, queue::SqliteQueue, store::FileStore};
use medley_step::{Queue, Registry, Store};
use serde_json::{Value, json};

use crate::{cli::Failed, config::Config};

/// The embedded pair in one folder: `queue.db` and `store/`.
pub(crate) async fn embedded(dir: &Path, registry: Arc<Registry>, config: &Config) -> Result<Medley, Failed> {
    let queue = open_sqlite(&dir.join("queue.db")).await?;
    let store = open_files(&dir.join("store")).await?;
    Ok(Medley::new(queue, store, registry, own_files(config.settings())))
}

/// The pair that the configuration names; the embedded one in the data folder by default.
pub(crate) async fn configured(registry: Arc<Registry>, config: &Config) -> Result<Medley, Failed> {
    let data = Config::data_dir();
    let queue = match config.queue.url.as_deref() {
        Some(url) if url.contains("://") => return Err(unserved("queue", url)),
        Some(path) => open_sqlite(Path::new(path)).await?,
        None => open_sqlite(&data.join("queue.db")).await?,
    };
    let store = match config.store.url.as_deref() {
        Some(url) if url.contains("://") => return Err(unserved("store", url)),
        Some(path) => open_files(Path::new(path)).await?,
        None => open_files(&data.join("store")).await?,
    };
    Ok(Medley::new(queue, store, registry, own_files(config.settings())))
}

/// Where queue and store are files of one user, whoever asks for a job may read what the worker may: `file:` inputs are
/// taken from everywhere unless the owner says from where.
fn own_files(mut settings: Settings) -> Settings {
    if settings.limits.file_roots.is_empty() {
        settings.limits.file_roots.push("/".into());
    }
    settings
}

fn unserved(what: &str, url: &str) -> Failed {
    Failed::usage(format!("{what} {url}: this build serves only a path on a local disk"))
}

async fn open_sqlite(path: &Path) -> Result<Arc<dyn Queue>, Failed> {
    make_folder(path.parent().unwrap_or(Path::new(".")))?;
    Ok(Arc::new(SqliteQueue::open(path).await.map_err(Failed::service)?))
}

async fn open_files(path: &Path) -> Result<Arc<dyn Store>, Failed> {
    make_folder(path)?;
    Ok(Arc::new(FileStore::open(path).await.map_err(Failed::service)?))
}

fn make_folder(path: &Path) -> Result<(), Failed> {
    fs::create_dir_all(path)
        .map_err(|error| Failed::service(format!("folder {} cannot be made: {error}", path.display())))
}

/// How this binary's workers run: compute children are this binary again. A kind that can use the helper model gets
/// the table `[assist]`, unless its own table has one.
pub(crate) fn worker_options(config: &Config, registry: &Registry, kinds: Vec<Name>) -> WorkerOptions {
    let mut configs: BTreeMap<Name, Value> =
        config.kinds.iter().filter_map(|(kind, table)| Some((kind.parse().ok()?, table.clone()))).collect();
    for kind in registry.worker_kinds() {
        let Some(assist) = &config.assist else { break };
        let schema = registry.config_schema(kind);
        if schema.and_then(|schema| schema.pointer("/properties/assist")).is_some() {
            let table = configs.entry(kind.clone()).or_insert_with(|| json!({}));
            if let Some(table) = table.as_object_mut() {
                table.entry("assist").or_insert_with(|| json!(assist));
            }
        }
    }
    WorkerOptions { kinds, compute: ComputeCommand::default(), models_dir: Models::default_dir(), configs }
}
