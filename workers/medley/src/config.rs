//! `medley.toml` and the `MEDLEY_*` environment: everything an owner can set, read once, at start.

use std::{
    collections::BTreeMap,
    env, fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use medley_net::Address;
use medley_proto::Name;
use medley_runtime::{LimitSettings, Settings, TenantSettings, WorkerSettings};
use medley_step::Registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cli::Failed;

/// The environment variables that Medley reads, each with what it does. Nothing else reads the environment.
pub(crate) const VARIABLES: [(&str, &str); 10] = [
    ("MEDLEY_CONFIG", "the configuration file (default ./medley.toml, then ~/.config/medley/medley.toml)"),
    ("MEDLEY_QUEUE", "the queue: a path for the embedded one, or amqp://… (overrides [queue] url)"),
    ("MEDLEY_STORE", "the store: a path for the embedded one, or s3://bucket/prefix (overrides [store] url)"),
    ("MEDLEY_ENDPOINT", "the S3 server's address, when it is not Amazon's (overrides [store] endpoint)"),
    ("AWS_ACCESS_KEY_ID", "the store's access key, unless [store] credentials_file is set"),
    ("AWS_SECRET_ACCESS_KEY", "the store's secret key, unless [store] credentials_file is set"),
    ("MEDLEY_TENANT", "whose jobs (overrides tenant)"),
    ("MEDLEY_MODELS", "the model cache (default ~/.cache/medley/models)"),
    ("MEDLEY_MODEL_MIRROR", "a folder or URL prefix with model files by hash, for machines without the internet"),
    ("MEDLEY_LOG", "what is logged, such as info or medley_runtime=debug (default warn; worker: info)"),
];

/// `medley.toml`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Config {
    /// Whose jobs are submitted and listed.
    pub tenant: Name,
    pub queue: QueueConfig,
    pub store: StoreConfig,
    pub worker: WorkerSettings,
    pub limits: LimitSettings,
    pub inputs: InputsConfig,
    pub tenants: BTreeMap<Name, TenantSettings>,
    /// The helper model, for the kinds that can use one. Nothing needs it.
    pub assist: Option<medley_assist::Config>,
    /// The tables of the kinds: `[transcribe]`, `[speak]`, …
    #[serde(flatten)]
    #[schemars(skip)]
    pub kinds: Map<String, Value>,
}

/// Where steps wait.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QueueConfig {
    /// A file for the embedded queue (default: in the data folder), or `amqp://` or `amqps://` for RabbitMQ.
    pub url: Option<String>,
    /// A file whose first line is the broker's `user:password`, so that they need not stand in the URL.
    pub credentials_file: Option<PathBuf>,
    /// PEM certificates that the broker's may be signed by, beside the public ones.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for QueueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueConfig")
            .field("url", &self.url.as_deref().map(Address::from))
            .field("credentials_file", &self.credentials_file)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

/// Where jobs and artifacts are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreConfig {
    /// A folder for the embedded store (default: in the data folder), or `s3://bucket/prefix`.
    pub url: Option<String>,
    /// The S3 server's address, when it is not Amazon's.
    pub endpoint: Option<String>,
    /// The S3 region (default us-east-1).
    pub region: Option<String>,
    /// The bucket in the path and not in the host's name (default: where `endpoint` is set).
    pub path_style: Option<bool>,
    /// A file of `aws_access_key_id = …` and `aws_secret_access_key = …`, read again every five minutes.
    pub credentials_file: Option<PathBuf>,
    /// PEM certificates that the server's may be signed by, in place of the machine's.
    pub ca_file: Option<PathBuf>,
}

/// Inputs that lie elsewhere than on this machine's disks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InputsConfig {
    /// Whether `https://` inputs are fetched, from public addresses only.
    pub https: bool,
    /// Addresses (`10.0.0.7:8080`) that are asked although they are not public, over plain `http://` too.
    pub trusted: Vec<SocketAddr>,
    /// Buckets, or prefixes of them, that `s3://` inputs may be read from with the store's credentials.
    pub s3: Vec<String>,
}

impl Default for InputsConfig {
    fn default() -> Self {
        Self { https: true, trusted: Vec::new(), s3: Vec::new() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tenant: Name::from_static("default"),
            queue: QueueConfig::default(),
            store: StoreConfig::default(),
            worker: WorkerSettings::default(),
            limits: LimitSettings::default(),
            inputs: InputsConfig::default(),
            tenants: BTreeMap::new(),
            assist: None,
            kinds: Map::new(),
        }
    }
}

impl Config {
    /// Reads the file that `--config` or the environment names, or the first of the usual ones that exists, and lays
    /// the environment over it. A table that no kind and no setting is called after is an error: it is a typing
    /// mistake, and silence would hide it.
    pub(crate) fn load(path: Option<&Path>, registry: &Registry) -> Result<Self, Failed> {
        let named = path.map(Path::to_owned).or_else(|| env::var_os("MEDLEY_CONFIG").map(PathBuf::from));
        let found = match named {
            Some(path) => Some(path),
            None => usual_places().into_iter().find(|path| path.exists()),
        };
        let mut config = match found {
            Some(path) => {
                let text =
                    fs::read_to_string(&path).map_err(|error| Failed::usage(format!("{}: {error}", path.display())))?;
                Self::parse(&text, registry).map_err(|error| Failed::usage(format!("{}: {error}", path.display())))?
            }
            None => Self::default(),
        };
        if let Ok(url) = env::var("MEDLEY_QUEUE") {
            config.queue.url = Some(url);
        }
        if let Ok(url) = env::var("MEDLEY_STORE") {
            config.store.url = Some(url);
        }
        if let Ok(endpoint) = env::var("MEDLEY_ENDPOINT") {
            config.store.endpoint = Some(endpoint);
        }
        if let Ok(tenant) = env::var("MEDLEY_TENANT") {
            config.tenant = tenant.parse().map_err(|error| Failed::usage(format!("MEDLEY_TENANT: {error}")))?;
        }
        Ok(config)
    }

    fn parse(text: &str, registry: &Registry) -> Result<Self, String> {
        // The parser would repeat the line, which may hold a password.
        let config: Self = toml::from_str(text).map_err(|error| match error.span() {
            Some(span) => {
                let before = text.get(..span.start).unwrap_or(text);
                format!("line {}: {}", before.matches('\n').count() + 1, error.message())
            }
            None => error.message().to_owned(),
        })?;
        for table in config.kinds.keys() {
            let known = registry.worker_kinds().any(|kind| kind.as_str() == table);
            if !known {
                return Err(format!("[{table}] is neither a setting nor a kind of work of this build"));
            }
        }
        Ok(config)
    }

    /// What the runtime takes of it.
    pub(crate) fn settings(&self) -> Settings {
        let worker = WorkerSettings { work_dir: self.work_dir(), ..self.worker.clone() };
        Settings { worker, limits: self.limits.clone(), tenants: self.tenants.clone() }
    }

    /// The queue's and store's folder when nothing else is configured.
    pub(crate) fn data_dir() -> PathBuf {
        base("XDG_DATA_HOME", ".local/share")
    }

    /// Where spooled inputs and scratch files go.
    pub(crate) fn work_dir(&self) -> PathBuf {
        let set = &self.worker.work_dir;
        if set.as_os_str().is_empty() { base("XDG_CACHE_HOME", ".cache").join("work") } else { set.clone() }
    }
}

/// `$XDG_…/medley`, or the folder that stands for it below the home folder.
fn base(variable: &str, below_home: &str) -> PathBuf {
    let root = env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
        let home = env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from);
        home.join(below_home)
    });
    root.join("medley")
}

fn usual_places() -> [PathBuf; 2] {
    [PathBuf::from("medley.toml"), base("XDG_CONFIG_HOME", ".config").join("medley.toml")]
}
