use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the owner of a machine sets of uploads: the table `[gateway.uploads]` of `medley.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UploadSettings {
    /// Uploads are forgotten after so many days, finished or not; jobs that use them keep their files.
    pub keep_days: u32,
    /// The most that uploads may take of the work folder's disk while they are received, in bytes.
    pub spool_bytes: u64,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self { keep_days: 30, spool_bytes: 4 << 30 }
    }
}

impl UploadSettings {
    pub(super) const DAY_MS: u64 = 86_400_000;
    const MAX_KEEP_DAYS: u32 = 36_500;

    pub(super) fn keep_ms(&self) -> u64 {
        u64::from(self.keep_days.clamp(1, Self::MAX_KEEP_DAYS)) * Self::DAY_MS
    }
}
