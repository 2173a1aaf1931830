//! Opens the queue and the store that the configuration names.

use std::{collections::BTreeMap, env, fs, path::Path, sync::Arc};

use medley_models::Models;
use medley_proto::Name;
use medley_runtime::{
    ComputeCommand, Fetcher, Medley, Settings, WorkerOptions,
    fetch::{HttpsFetcher, HttpsPolicy, S3Fetcher},
    queue::{AmqpConfig, AmqpQueue, SqliteQueue},
    store::{FileStore, S3Config, S3Store},
};
use medley_step::{Queue, Registry, Store};
use serde_json::{Value, json};

use crate::{cli::Failed, config::Config};

/// The embedded pair in one folder: `queue.db` and `store/`.
pub(crate) async fn embedded(dir: &Path, registry: Arc<Registry>, config: &Config) -> Result<Medley, Failed> {
    let queue = open_sqlite(&dir.join("queue.db")).await?;
    let store = open_files(&dir.join("store")).await?;
    Ok(Medley::new(queue, store, registry, own_files(config.settings())).with_fetchers(fetchers(config)))
}

/// What a process of a fleet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Asks for jobs and looks after them: the files it gives are its user's own.
    Asks,
    /// Works on jobs of others.
    Works,
}

/// The pair that the configuration names; the embedded one in the data folder by default.
pub(crate) async fn configured(role: Role, registry: Arc<Registry>, config: &Config) -> Result<Medley, Failed> {
    let data = Config::data_dir();
    let (mut settings, mut own) = (config.settings(), true);
    let queue: Arc<dyn Queue> = match config.queue.url.as_deref() {
        Some(url) if url.starts_with("amqp://") || url.starts_with("amqps://") => {
            own = false;
            let broker = AmqpConfig {
                url: url.to_owned(),
                credentials_file: config.queue.credentials_file.clone(),
                ca_file: config.queue.ca_file.clone(),
            };
            Arc::new(AmqpQueue::connect(broker).await.map_err(Failed::service)?)
        }
        Some(url) if url.contains("://") => return Err(unserved("queue", "a file's path, amqp:// or amqps://")),
        Some(path) => open_sqlite(Path::new(path)).await?,
        None => open_sqlite(&data.join("queue.db")).await?,
    };
    let store: Arc<dyn Store> = match config.store.url.as_deref() {
        Some(url) if url.starts_with("s3://") => {
            own = false;
            Arc::new(S3Store::new(&s3(config)).map_err(Failed::service)?)
        }
        Some(url) if url.contains("://") => return Err(unserved("store", "a folder's path or s3://bucket/prefix")),
        Some(path) => open_files(Path::new(path)).await?,
        None => open_files(&data.join("store")).await?,
    };
    if own || role == Role::Asks {
        settings = own_files(settings);
    }
    Ok(Medley::new(queue, store, registry, settings).with_fetchers(fetchers(config)))
}

/// The bucket of `s3://bucket/prefix`, or just the server when the store is another.
fn s3(config: &Config) -> S3Config {
    let store = &config.store;
    let place = store.url.as_deref().and_then(|url| url.strip_prefix("s3://")).unwrap_or_default();
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    S3Config {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: store.region.clone().unwrap_or_default(),
        endpoint: store.endpoint.clone(),
        path_style: store.path_style.unwrap_or(store.endpoint.is_some()),
        access_key: env::var("AWS_ACCESS_KEY_ID").ok(),
        secret_key: env::var("AWS_SECRET_ACCESS_KEY").ok(),
        credentials_file: store.credentials_file.clone(),
        ca_file: store.ca_file.clone(),
    }
}

fn fetchers(config: &Config) -> Vec<Arc<dyn Fetcher>> {
    let inputs = &config.inputs;
    let mut fetchers: Vec<Arc<dyn Fetcher>> = Vec::new();
    if inputs.https {
        let policy = HttpsPolicy { trusted: inputs.trusted.clone(), ..HttpsPolicy::default() };
        fetchers.push(Arc::new(HttpsFetcher::new(policy)));
    }
    if !inputs.s3.is_empty() {
        fetchers.push(Arc::new(S3Fetcher::new(s3(config), inputs.s3.iter().cloned())));
    }
    fetchers
}

/// Where queue and store are files of one user, whoever asks for a job may read what the worker may: `file:` inputs are
/// taken from everywhere unless the owner says from where.
fn own_files(mut settings: Settings) -> Settings {
    if settings.limits.file_roots.is_empty() {
        settings.limits.file_roots.push("/".into());
    }
    settings
}

/// The URL is not repeated: it may hold a password.
fn unserved(what: &str, served: &str) -> Failed {
    Failed::usage(format!("the {what}'s URL is of another scheme; write {served}"))
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
    WorkerOptions {
        kinds,
        compute: ComputeCommand::default(),
        models_dir: Models::default_dir(),
        configs,
        all_kinds: false,
    }
}
