use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use medley_proto::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the owner of a machine sets of the runtime: the tables `[worker]`, `[limits]` and `[tenants.<name>]` of
/// `medley.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub worker: WorkerSettings,
    pub limits: LimitSettings,
    pub tenants: BTreeMap<Name, TenantSettings>,
}

/// How steps are run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// How many steps run side by side.
    pub slots: usize,
    /// How many CPU threads all slots together keep busy; 0 means all there are.
    pub threads: usize,
    /// Where inputs are spooled and steps write before their results are stored; a local disk. The command line
    /// chooses a folder of the user's cache when this is empty.
    pub work_dir: PathBuf,
    /// How often a step may fail before it becomes a dead letter.
    pub max_attempts: u32,
    /// The pause before the second attempt; it doubles with each one, with jitter.
    pub first_backoff_ms: u64,
    /// The longest pause between attempts.
    // Its name in earlier versions.
    #[serde(alias = "most_backoff_ms")]
    pub max_backoff_ms: u64,
    /// The longest that a server's wish to be asked again later (`Retry-After`) holds an attempt up, in seconds.
    #[serde(alias = "most_retry_after_s")]
    pub max_retry_after_s: u64,
    /// How long steps may work on after the worker was asked to stop; what is not done then is handed back.
    pub drain_s: u64,
    /// How long a step that was asked to stop may take to do so before its compute process is killed.
    pub stop_grace_s: u64,
    /// A compute process without work ends after so long.
    pub idle_child_s: u64,
    /// How often the worker looks for jobs that got stuck or outlived their keeping.
    pub sweep_every_s: u64,
    /// A job without any sign of life for so long has its open steps published again.
    pub lost_after_s: u64,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            slots: 1,
            threads: 0,
            work_dir: PathBuf::new(),
            max_attempts: 4,
            first_backoff_ms: 1_000,
            max_backoff_ms: 300_000,
            max_retry_after_s: 30,
            drain_s: 20,
            stop_grace_s: 20,
            idle_child_s: 300,
            sweep_every_s: 300,
            lost_after_s: 3_600,
        }
    }
}

/// A setting in seconds; so many that a clock could not hold them are a year.
fn span(seconds: u64) -> Duration {
    const YEAR_S: u64 = 365 * 86_400;
    Duration::from_secs(seconds.min(YEAR_S))
}

impl WorkerSettings {
    /// The CPU threads of all slots together.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    pub(crate) fn max_retry_after(&self) -> Duration {
        span(self.max_retry_after_s)
    }

    pub(crate) fn drain(&self) -> Duration {
        span(self.drain_s)
    }

    pub(crate) fn stop_grace(&self) -> Duration {
        span(self.stop_grace_s)
    }

    pub(crate) fn idle_child(&self) -> Duration {
        span(self.idle_child_s)
    }
}

/// What a job may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// The longest that one attempt of a step may compute; at most 900, since a broker ends deliveries that are held
    /// for longer.
    pub step_time_s: u64,
    /// The most memory that a compute process may hold (its own pages, without mapped model files), in MiB.
    pub child_memory_mib: u64,
    /// The largest input, in bytes.
    pub input_bytes: u64,
    /// The most that fetched inputs and artifacts may take of the work folder's disk, in bytes.
    pub spool_bytes: u64,
    /// The most files of a folder that lies elsewhere (a prefix of a bucket).
    pub folder_files: u64,
    /// `file:` inputs must lie below one of these folders; none are taken when the list is empty.
    pub file_roots: Vec<PathBuf>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            step_time_s: Self::MAX_STEP_TIME_S,
            child_memory_mib: 4_096,
            input_bytes: 16 << 30,
            spool_bytes: 16 << 30,
            folder_files: 2_000_000,
            file_roots: Vec::new(),
        }
    }
}

impl LimitSettings {
    /// RabbitMQ ends a delivery that is not acknowledged within 30 minutes.
    pub const MAX_STEP_TIME_S: u64 = 900;
    /// The longest text that a job may carry inside itself.
    pub const MAX_TEXT_BYTES: usize = 64 << 10;

    pub(crate) fn step_time(&self) -> Duration {
        Duration::from_secs(self.step_time_s.min(Self::MAX_STEP_TIME_S))
    }
}

/// What one tenant's owner agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// Finished jobs and everything of theirs are removed after so many days; never when left out.
    pub keep_days: Option<u32>,
    /// The gateway refuses a job while so many have not ended; any number when left out.
    pub max_jobs_in_flight: Option<u32>,
    /// The gateway takes so many bytes of requests and uploads a day (UTC); any number when left out.
    pub max_bytes_a_day: Option<u64>,
    /// The gateway takes no job more on a day (UTC) whose jobs made or read so many minutes of sound and film; any number
    /// when left out.
    pub max_media_minutes_a_day: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_names_are_still_read() {
        let read = |json: &str| serde_json::from_str::<WorkerSettings>(json).unwrap();
        let earlier = read(r#"{ "most_backoff_ms": 7, "most_retry_after_s": 8 }"#);
        assert_eq!(earlier, read(r#"{ "max_backoff_ms": 7, "max_retry_after_s": 8 }"#));
        assert_eq!((earlier.max_backoff_ms, earlier.max_retry_after_s), (7, 8));
    }
}
