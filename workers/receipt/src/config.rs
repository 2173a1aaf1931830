use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table `[receipt]` of `medley.toml`: nothing to set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptConfig {}
