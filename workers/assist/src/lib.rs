//! The optional helper model: any server that speaks OpenAI's chat completions (`POST <endpoint>/chat/completions`),
//! with or without pictures. Nothing in Medley needs one; a kind that uses it must do something sensible without, and
//! say in its `quality` which of the two happened.
//!
//! The other side is not trusted: every call has a time limit and a limit on the answer's bytes, is tried again only
//! where that may help (time-outs, 429, 5xx) and for as long as the total allows, and an answer that is not what the
//! protocol promises is an error and not a guess.

mod client;
mod error;

use std::{fmt, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use client::{Assistant, Picture};
pub use error::AssistError;

/// The table `[assist]` of `medley.toml`.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The API's base, such as `http://localhost:8080/v1`. Absent: no helper model is used.
    pub endpoint: Option<String>,
    /// The model's name as the server knows it.
    pub model: String,
    /// A file whose first line is the API key. Absent: none is sent.
    pub api_key_file: Option<PathBuf>,
    /// The longest that one call may take, in seconds.
    pub timeout_s: u64,
    /// The longest that a call and its repetitions may take together, in seconds.
    pub total_timeout_s: u64,
    /// How often a call is made at most.
    pub max_attempts: u32,
    /// The longest answer, in tokens.
    pub max_tokens: u32,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.endpoint.as_deref().map(medley_net::Address::from);
        f.debug_struct("Config").field("endpoint", &endpoint).field("model", &self.model).finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            model: "default".into(),
            api_key_file: None,
            timeout_s: 60,
            total_timeout_s: 150,
            max_attempts: 3,
            max_tokens: 1024,
        }
    }
}
