//! What crosses the wire to the step that publishes an episode.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::params::PodcastParams;

/// Makes an episode's pages; its inputs are the artifacts of the gather step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PublishStep {
    pub params: PodcastParams,
    /// The name of the job's input.
    pub name: String,
    /// The URI of the input, when it has one.
    pub uri: Option<String>,
    /// The input may have a picture.
    pub film: bool,
    /// The quality that the gather step reported.
    pub quality: Map<String, Value>,
}
