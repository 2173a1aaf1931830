//! Logs: to standard error, in colour only on a terminal that wants it, and nothing in them that a terminal obeys.

use std::io::{IsTerminal, stderr};

use clap::ValueEnum;
use medley_environment::Environment;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::printable::PrintableFields;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Logs go to standard error; `MEDLEY_LOG` says what.
pub(super) fn start_logging(default: &str, format: LogFormat) {
    let environment = Environment::get();
    // whisper.cpp tells at every window how large its buffers are.
    let default = || EnvFilter::new(format!("{default},whisper_rs=warn"));
    let filter =
        environment.log.text().ok().flatten().and_then(|log| EnvFilter::try_new(log).ok()).unwrap_or_else(default);
    let colour = stderr().is_terminal() && !environment.no_color.is_set();
    let log = tracing_subscriber::fmt().with_env_filter(without_secrets(filter)).with_ansi(colour).with_writer(stderr);
    // A second call (tests) changes nothing.
    let _ = match format {
        LogFormat::Pretty => log.compact().fmt_fields(PrintableFields).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

/// Whoever asks for all there is (`trace`) would get the paths and queries of inputs from the HTTP client.
fn without_secrets(filter: EnvFilter) -> EnvFilter {
    if filter.max_level_hint() != Some(LevelFilter::TRACE) {
        return filter;
    }
    let quiet = ["ureq=debug", "ureq_proto=debug", "lapin=debug"];
    quiet.iter().filter_map(|directive| directive.parse().ok()).fold(filter, EnvFilter::add_directive)
}
