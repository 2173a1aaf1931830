//! `medley.toml` and the `MEDLEY_*` environment: everything an owner can set, read once, at start.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Read},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use medley_environment::Environment;
use medley_gateway::GatewaySettings;
use medley_net::Address;
use medley_proto::Name;
use medley_runtime::{LimitSettings, Settings, TenantSettings, WorkerSettings};
use medley_step::Registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{failed::Failed, printable::plain};

/// The largest configuration file that is read.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

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
    pub gateway: GatewaySettings,
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
            gateway: GatewaySettings::default(),
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
        let environment = Environment::get();
        let named = path.map(Path::to_owned).or_else(|| environment.config.path());
        let found = match named {
            Some(path) => Some(path),
            None => usual_places(environment).into_iter().find(|path| path.exists()),
        };
        let mut config = match found {
            Some(path) => {
                let text = read_small(&path, MAX_CONFIG_BYTES).map_err(|error| {
                    Failed::config(format!("the configuration {} cannot be read: {}", path.display(), plain(&error)))
                })?;
                Self::parse(&text, registry)
                    .map_err(|why| Failed::config(format!("the configuration {}: {why}", path.display())))?
            }
            None => Self::default(),
        };
        config.overlay(environment)?;
        Ok(config)
    }

    /// The environment stands over the file.
    fn overlay(&mut self, environment: &Environment) -> Result<(), Failed> {
        let text = |variable: &medley_environment::Value| -> Result<Option<String>, Failed> {
            Ok(variable.text().map_err(|error| Failed::config(error.to_string()))?.map(str::to_owned))
        };
        self.queue.url = text(&environment.queue)?.or_else(|| self.queue.url.take());
        self.store.url = text(&environment.store)?.or_else(|| self.store.url.take());
        self.store.endpoint = text(&environment.endpoint)?.or_else(|| self.store.endpoint.take());
        if let Some(tenant) = text(&environment.tenant)? {
            let why = "MEDLEY_TENANT: a tenant has 1 to 63 lower-case letters, digits, - and _";
            self.tenant = tenant.parse().map_err(|_| Failed::config(why))?;
        }
        Ok(())
    }

    /// The names at the top of the file that are settings, which no kind may have.
    pub(crate) fn settings_tables() -> Vec<String> {
        let schema = schemars::schema_for!(Self);
        let properties = schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
    }

    fn parse(text: &str, registry: &Registry) -> Result<Self, String> {
        // Without the line itself, which may hold a password.
        let config: Self = toml::from_str(text).map_err(|error| {
            let before = |start: usize| text.get(..start).unwrap_or(text);
            let line = error.span().map(|span| before(span.start).matches('\n').count() + 1);
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{at}{}", error.message())
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
        Environment::get().data_dir()
    }

    /// Where spooled inputs and scratch files go.
    pub(crate) fn work_dir(&self) -> PathBuf {
        let set = &self.worker.work_dir;
        if set.as_os_str().is_empty() { Environment::get().cache_dir().join("work") } else { set.clone() }
    }
}

/// A text file of at most so many bytes.
///
/// # Errors
/// Also for a pipe or a device, whose end may never come.
pub(crate) fn read_small(path: &Path, max_bytes: u64) -> io::Result<String> {
    // A pipe without a writer would hold the open up for ever.
    let file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let refuse = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if !file.metadata()?.is_file() {
        return refuse("it is no file; give a file".into());
    }
    let mut text = String::new();
    file.take(max_bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > max_bytes {
        return refuse(format!("it has more than {max_bytes} bytes"));
    }
    Ok(text)
}

fn usual_places(environment: &Environment) -> [PathBuf; 2] {
    [PathBuf::from("medley.toml"), environment.config_dir().join("medley.toml")]
}
