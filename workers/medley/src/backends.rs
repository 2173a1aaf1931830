//! Opens the queue and the store that the configuration names.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use medley_models::Models;
use medley_net::Address;
use medley_proto::Name;
use medley_runtime::{
    Backend, Client, ComputeCommand, EngineOptions, Settings,
    fetch::{Fetcher, HttpsFetcher, HttpsPolicy},
    queue::{Queue, QueueError, SqliteQueue},
    records::{Records, SqliteRecords, StoreRecords},
    store::{FileStore, Store},
};
use medley_step::Registry;
use serde_json::{Value, json};

use crate::{
    config::{Config, QueueConfig},
    failed::Failed,
    lazy_queue::LazyQueue,
};

/// The embedded pair in one folder: `queue.db` and `store/`.
pub(crate) async fn embedded(dir: &Path, registry: Arc<Registry>, config: &Config) -> Result<Client, Failed> {
    let queue = open_sqlite(dir.join(QUEUE_FILE)).await.map_err(|error| match SqliteQueue::is_damaged(&error) {
        true => damaged(dir, error),
        false => Failed::service(error),
    })?;
    let store = open_files(&dir.join("store")).await?;
    let backend = Backend::new(queue, store, registry, own_files(config.settings()));
    Ok(Client::new(backend.with_fetchers(fetchers(config))))
}

/// The queue of an embedded pair; SQLite puts files with longer names beside it.
pub(crate) const QUEUE_FILE: &str = "queue.db";

/// Whether the queue of an embedded pair is there and cannot be read by anyone.
pub(crate) async fn is_damaged(dir: &Path) -> bool {
    let opened = open_sqlite(dir.join(QUEUE_FILE)).await;
    opened.is_err_and(|error| SqliteQueue::is_damaged(&error))
}

/// An embedded pair whose queue is damaged, and the way out.
pub(crate) fn damaged(dir: &Path, error: QueueError) -> Failed {
    let file = dir.join(QUEUE_FILE);
    let output = dir.parent().unwrap_or(dir).display();
    let message = format!(
        "{} is damaged; the same command with --fresh begins anew, and `medley clean {output}` keeps what is done",
        file.display()
    );
    Failed::service(QueueError::Refused(message, Some(error.into())))
}

/// What a process of a fleet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Asks for jobs: the files it gives are its user's own.
    Asks,
    /// Looks after jobs, by the store; the queue is connected to when it is needed and not before.
    Looks,
    /// Works on jobs of others.
    Works,
    /// Takes jobs of others over HTTP: `file:` inputs are refused unless the owner says from where.
    Serves,
}

/// The pair that the configuration names; the embedded one in the data folder by default.
pub(crate) async fn configured(role: Role, registry: Arc<Registry>, config: &Config) -> Result<Client, Failed> {
    let queue = queue(config)?;
    if role != Role::Looks {
        queue.connected().await.map_err(Failed::service)?;
    }
    let store = open_store(config).await?;
    let mut settings = config.settings();
    let takes_own_files = match role {
        Role::Asks | Role::Looks => true,
        Role::Works => is_embedded(config),
        Role::Serves => false,
    };
    if takes_own_files {
        settings = own_files(settings);
    }
    let backend = Backend::new(Arc::new(queue), store, registry, settings).with_fetchers(fetchers(config));
    let medley = Client::new(backend);
    Ok(if is_embedded(config) { medley } else { medley.with_worker_roots(config.limits.file_roots.iter().cloned()) })
}

/// What works beside a gateway in one process: over the same queue and store, and on the jobs of the command line too.
pub(crate) fn beside(gateway: &Client, registry: Arc<Registry>, config: &Config) -> Backend {
    let settings = if is_embedded(config) { own_files(config.settings()) } else { config.settings() };
    let (queue, store) = (gateway.queue().clone(), gateway.store().clone());
    Backend::new(queue, store, registry, settings).with_fetchers(fetchers(config))
}

/// Whether queue and store are files of one user.
fn is_embedded(config: &Config) -> bool {
    let is_url = |url: &Option<String>| url.as_deref().is_some_and(|url| url.contains("://"));
    !is_url(&config.queue.url) && !is_url(&config.store.url)
}

/// The queue that the configuration names.
pub(crate) fn queue(config: &Config) -> Result<LazyQueue, Failed> {
    match config.queue.url.as_deref() {
        Some(url) if url.starts_with("amqp://") || url.starts_with("amqps://") => broker(&config.queue),
        Some(url) if url.contains("://") => Err(unserved("queue", "a file's path, amqp:// or amqps://")),
        _ => {
            let path = queue_file(config);
            Ok(LazyQueue::new(move || Box::pin(open_sqlite(path.clone()))))
        }
    }
}

#[cfg(feature = "amqp")]
fn broker(config: &QueueConfig) -> Result<LazyQueue, Failed> {
    use medley_runtime::queue::{AmqpConfig, AmqpQueue};

    let QueueConfig { url, credentials_file, ca_file } = config.clone();
    let broker = AmqpConfig { url: url.unwrap_or_default(), credentials_file, ca_file };
    Ok(LazyQueue::new(move || {
        let broker = broker.clone();
        Box::pin(async move { Ok(Arc::new(AmqpQueue::connect(broker).await?) as Arc<dyn Queue>) })
    }))
}

#[cfg(not(feature = "amqp"))]
fn broker(_config: &QueueConfig) -> Result<LazyQueue, Failed> {
    Err(left_out("RabbitMQ", "amqp"))
}

/// Where the embedded queue lies.
pub(crate) fn queue_file(config: &Config) -> PathBuf {
    config.queue.url.as_ref().map_or_else(|| Config::data_dir().join("queue.db"), PathBuf::from)
}

/// Where the embedded store lies.
pub(crate) fn store_folder(config: &Config) -> PathBuf {
    config.store.url.as_ref().map_or_else(|| Config::data_dir().join("store"), PathBuf::from)
}

/// Where a gateway's records lie: a file beside the embedded queue, or the store that a fleet shares.
pub(crate) async fn records(config: &Config, store: &Arc<dyn Store>) -> Result<Arc<dyn Records>, Failed> {
    if !is_embedded(config) {
        return Ok(Arc::new(StoreRecords::new(store.clone())));
    }
    let path = queue_file(config).with_file_name("records.db");
    make_folder_of(&path).map_err(Failed::service)?;
    Ok(Arc::new(SqliteRecords::open(&path).await.map_err(Failed::service)?))
}

/// The queue as it may be shown.
pub(crate) fn queue_shown(config: &Config) -> String {
    config.queue.url.as_deref().map_or_else(|| queue_file(config).display().to_string(), shown)
}

/// The store as it may be shown.
pub(crate) fn store_shown(config: &Config) -> String {
    let place = config.store.url.as_deref().map_or_else(|| store_folder(config).display().to_string(), shown);
    match config.store.endpoint.as_deref() {
        Some(endpoint) if place.contains("://") => format!("{place} at {}", shown(endpoint)),
        _ => place,
    }
}

/// A path, or a URL without what may be secret.
fn shown(place: &str) -> String {
    if place.contains("://") { Address::from(place).to_string() } else { place.to_owned() }
}

/// The store that the configuration names; whether it answers shows when something is asked of it.
pub(crate) async fn open_store(config: &Config) -> Result<Arc<dyn Store>, Failed> {
    match config.store.url.as_deref() {
        Some(url) if url.starts_with("s3://") => open_s3(config),
        Some(url) if url.contains("://") => Err(unserved("store", "a folder's path or s3://bucket/prefix")),
        _ => open_files(&store_folder(config)).await,
    }
}

#[cfg(feature = "s3")]
fn open_s3(config: &Config) -> Result<Arc<dyn Store>, Failed> {
    Ok(Arc::new(medley_runtime::store::S3Store::new(&s3(config)).map_err(Failed::service)?))
}

#[cfg(not(feature = "s3"))]
fn open_s3(_config: &Config) -> Result<Arc<dyn Store>, Failed> {
    Err(left_out("S3", "s3"))
}

/// The bucket of `s3://bucket/prefix`, or just the server when the store is another.
#[cfg(feature = "s3")]
fn s3(config: &Config) -> medley_runtime::store::S3Config {
    use medley_environment::{Environment, Value as Variable};

    let store = &config.store;
    let place = store.url.as_deref().and_then(|url| url.strip_prefix("s3://")).unwrap_or_default();
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let environment = Environment::get();
    let key = |variable: &Variable| variable.text().ok().flatten().map(str::to_owned);
    medley_runtime::store::S3Config {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: store.region.clone().unwrap_or_default(),
        endpoint: store.endpoint.clone(),
        path_style: store.path_style.unwrap_or(store.endpoint.is_some()),
        access_key: key(&environment.access_key),
        secret_key: key(&environment.secret_key),
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
    #[cfg(feature = "s3")]
    if !inputs.s3.is_empty() {
        fetchers.push(Arc::new(medley_runtime::fetch::S3Fetcher::new(s3(config), inputs.s3.iter().cloned())));
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

/// Part of what a cargo feature adds.
#[cfg(not(all(feature = "amqp", feature = "s3")))]
fn left_out(what: &str, feature: &str) -> Failed {
    Failed::usage(format!("this build does without {what}; use one with the cargo feature '{feature}'"))
}

async fn open_sqlite(path: PathBuf) -> Result<Arc<dyn Queue>, QueueError> {
    make_folder_of(&path)?;
    Ok(Arc::new(SqliteQueue::open(&path).await?))
}

fn make_folder_of(path: &Path) -> Result<(), QueueError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let made = fs::create_dir_all(folder);
    made.map_err(|error| QueueError::Refused(format!("folder {} cannot be made", folder.display()), Some(error.into())))
}

async fn open_files(path: &Path) -> Result<Arc<dyn Store>, Failed> {
    fs::create_dir_all(path)
        .map_err(|error| Failed::service(format!("folder {} cannot be made: {error}", path.display())))?;
    Ok(Arc::new(FileStore::open(path).await.map_err(Failed::service)?))
}

/// How this binary's workers run: compute children are this binary again. A kind that can use the helper model gets
/// the table `[assist]`, unless its own table has one.
pub(crate) fn worker_options(config: &Config, registry: &Registry, kinds: Vec<Name>) -> EngineOptions {
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
    EngineOptions {
        kinds,
        compute: ComputeCommand::default(),
        models_dir: Models::default_dir(),
        configs,
        all_kinds: false,
        announced: false,
    }
}
