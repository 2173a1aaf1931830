//! The environment variables that Medley reads: declared here, read once, at the first look.
//!
//! clippy refuses `std::env::var` everywhere else (`clippy.toml`), so `medley --help`, which is made from [`VARIABLES`],
//! cannot fall behind the code. An empty variable counts as one that is not set.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A variable, for the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    pub about: &'static str,
}

macro_rules! environment {
    ($($(#[doc = $about:literal])+ $field:ident = $name:literal,)+) => {
        /// Every variable, as it was when the process first looked.
        #[derive(Debug, Clone, Default)]
        pub struct Environment {
            $($(#[doc = $about])+ pub $field: Value,)+
        }

        /// The variables in the order of the help text.
        pub const VARIABLES: &[Variable] = &[$(Variable { name: $name, about: concat!($($about),+) }),+];

        impl Environment {
            fn read() -> Self {
                Self { $($field: Value::read($name),)+ }
            }
        }
    };
}

environment! {
    /// the configuration file (default ./medley.toml, then ~/.config/medley/medley.toml)
    config = "MEDLEY_CONFIG",
    /// the queue: a path for the embedded one, or amqp://… (overrides `[queue] url`)
    queue = "MEDLEY_QUEUE",
    /// the store: a path for the embedded one, or s3://bucket/prefix (overrides `[store] url`)
    store = "MEDLEY_STORE",
    /// the S3 server's address, when it is not Amazon's (overrides `[store] endpoint`)
    endpoint = "MEDLEY_ENDPOINT",
    /// the store's access key, unless `[store] credentials_file` is set
    access_key = "AWS_ACCESS_KEY_ID",
    /// the store's secret key, unless `[store] credentials_file` is set
    secret_key = "AWS_SECRET_ACCESS_KEY",
    /// whose jobs (overrides tenant)
    tenant = "MEDLEY_TENANT",
    /// the token that opens a gateway (`--server`)
    token = "MEDLEY_TOKEN",
    /// the model cache (default ~/.cache/medley/models)
    models = "MEDLEY_MODELS",
    /// a folder or URL prefix with model files by hash, for machines without the internet
    model_mirror = "MEDLEY_MODEL_MIRROR",
    /// another libonnxruntime.so (1.24 or later) than the model cache's
    onnxruntime = "MEDLEY_ONNXRUNTIME",
    /// what is logged, such as info or medley_runtime=debug (default warn; worker: info)
    log = "MEDLEY_LOG",
    /// set to anything: no colours on a terminal either
    no_color = "NO_COLOR",
    /// the folder of configuration files (default ~/.config)
    xdg_config = "XDG_CONFIG_HOME",
    /// the folder of queue and store when nothing else is configured (default ~/.local/share)
    xdg_data = "XDG_DATA_HOME",
    /// the folder of the model cache and of scratch files (default ~/.cache)
    xdg_cache = "XDG_CACHE_HOME",
    /// the folder that the three defaults above are below
    home = "HOME",
    /// the folders with ffmpeg, espeak-ng and the other programs that jobs run
    path = "PATH",
}

/// A variable that should be text and is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotText(pub &'static str);

impl std::fmt::Display for NotText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is no UTF-8 text", self.0)
    }
}

impl std::error::Error for NotText {}

/// What a variable is set to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Value {
    name: &'static str,
    value: Option<OsString>,
}

impl Value {
    #[expect(clippy::disallowed_methods, reason = "this crate is the one place that reads the environment")]
    fn read(name: &'static str) -> Self {
        Self { name, value: env::var_os(name).filter(|value| !value.is_empty()) }
    }

    pub fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// The value as bytes of the system's own.
    pub fn os(&self) -> Option<&OsStr> {
        self.value.as_deref()
    }

    pub fn path(&self) -> Option<PathBuf> {
        self.value.as_ref().map(PathBuf::from)
    }

    /// # Errors
    /// When it is set to what is not UTF-8.
    pub fn text(&self) -> Result<Option<&str>, NotText> {
        self.value.as_ref().map(|value| value.to_str().ok_or(NotText(self.name))).transpose()
    }
}

impl Environment {
    /// The environment of this process.
    pub fn get() -> &'static Self {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(Self::read)
    }

    /// `medley` in the XDG folder of queue and store.
    pub fn data_dir(&self) -> PathBuf {
        self.below(&self.xdg_data, ".local/share")
    }

    /// `medley` in the XDG folder of caches.
    pub fn cache_dir(&self) -> PathBuf {
        self.below(&self.xdg_cache, ".cache")
    }

    /// `medley` in the XDG folder of configuration.
    pub fn config_dir(&self) -> PathBuf {
        self.below(&self.xdg_config, ".config")
    }

    /// Where models are kept.
    pub fn models_dir(&self) -> PathBuf {
        self.models.path().unwrap_or_else(|| self.cache_dir().join("models"))
    }

    /// Where a program is on the PATH.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        env::split_paths(self.path.os()?).map(|folder| folder.join(name)).find(|file| is_executable(file))
    }

    /// The XDG specification has relative folders passed over.
    fn below(&self, xdg: &Value, below_home: &str) -> PathBuf {
        let set = xdg.path().filter(|path| path.is_absolute());
        set.unwrap_or_else(|| self.home_dir().join(below_home)).join("medley")
    }

    fn home_dir(&self) -> PathBuf {
        self.home.path().or_else(env::home_dir).unwrap_or_else(env::temp_dir)
    }
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn set(name: &'static str, value: impl Into<OsString>) -> Value {
        Value { name, value: Some(value.into()) }
    }

    #[test]
    fn folders_follow_the_xdg_specification() {
        let home = Environment { home: set("HOME", "/home/kim"), ..Environment::default() };
        assert_eq!(home.models_dir(), Path::new("/home/kim/.cache/medley/models"));
        assert_eq!(home.data_dir(), Path::new("/home/kim/.local/share/medley"));
        let relative = Environment { xdg_cache: set("XDG_CACHE_HOME", "here"), ..home.clone() };
        assert_eq!(relative.cache_dir(), Path::new("/home/kim/.cache/medley"));
        let big = Environment { xdg_cache: set("XDG_CACHE_HOME", "/big"), ..home };
        assert_eq!(big.models_dir(), Path::new("/big/medley/models"));
        assert_eq!(Environment { models: set("MEDLEY_MODELS", "/m"), ..big }.models_dir(), Path::new("/m"));
    }

    #[test]
    fn what_is_no_text_is_named() {
        let bytes = set("MEDLEY_QUEUE", OsString::from_vec(vec![0xff]));
        assert_eq!(bytes.text().unwrap_err().to_string(), "MEDLEY_QUEUE is no UTF-8 text");
        assert_eq!(set("MEDLEY_STORE", "s3://b").text(), Ok(Some("s3://b")));
        assert_eq!(Value::default().text(), Ok(None));
    }

    #[test]
    fn each_variable_is_declared_once_and_explained() {
        for (at, variable) in VARIABLES.iter().enumerate() {
            assert!(!variable.about.trim().is_empty(), "{}", variable.name);
            assert!(VARIABLES[..at].iter().all(|before| before.name != variable.name), "{}", variable.name);
        }
    }
}
