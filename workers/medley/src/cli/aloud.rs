//! `medley run speak … --stdout`: sound as it is spoken, without a job, a queue or a store.

use std::{
    fs,
    io::{IsTerminal, Read, stdout},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::ExitCode,
};

use medley_models::Models;
use medley_proto::ErrorCode;
use medley_runtime::InputRequest;
use medley_speak::{SpeakConfig, SpeakParams, Speaker};
use serde::Deserialize;
use serde_json::Value;

use super::{Failed, asked::Asked, extra::DirectRun, printable::plain, terms::Terms};
use crate::config::Config;

const KIND: &str = "speak";

pub(super) const DIRECT: DirectRun = DirectRun {
    kind: KIND,
    flag: "stdout",
    about: "Writes the sound to standard output as it is spoken (WAV), and nothing else anywhere",
    main: run,
};

/// The longest text that is read into memory; the kind's own limit is below it.
const LARGEST_BYTES: u64 = 64 << 20;

fn run(asked: Asked, config: &Config) -> Result<ExitCode, Failed> {
    if stdout().is_terminal() {
        return Err(Failed::usage("standard output is a terminal: send the sound to a file or a player (… > x.wav)"));
    }
    let [job] = &*asked.jobs else { return Err(Failed::usage("--stdout speaks one text")) };
    let bytes = match job.request.inputs.first() {
        Some(InputRequest::Text(text)) => text.clone().into_bytes(),
        Some(InputRequest::File(path)) => read(path)?,
        _ => return Err(Failed::usage("--stdout speaks a file, a text or - (standard input)")),
    };
    let params = SpeakParams::deserialize(&job.request.params).map_err(|error| Failed::usage(error.to_string()))?;
    let table = config.kinds.get(KIND).cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let settings =
        SpeakConfig::deserialize(table).map_err(|error| Failed::usage(format!("[{KIND}] of medley.toml: {error}")))?;
    let models = Models::open(&Models::default_dir());
    let speaker = Speaker::new(models.clone(), 1);
    speaker.read_aloud((&job.label, &bytes), &params, &settings, &mut stdout().lock())?;
    let mut terms = Terms::default();
    terms.add(&models.used());
    terms.say();
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    let missing = |error: std::io::Error| {
        let message = format!("{} cannot be read ({}); check the path", path.display(), plain(&error));
        Failed::job(ErrorCode::INPUT_NOT_FOUND, message)
    };
    // A pipe without a writer would hold the open up for ever.
    let file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(missing)?;
    if !file.metadata().map_err(missing)?.is_file() {
        let message = format!("{} is no file; give a file, a text or - (standard input)", path.display());
        return Err(Failed::job(ErrorCode::INPUT_NOT_A_FILE, message));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_BYTES).read_to_end(&mut bytes).map_err(missing)?;
    Ok(bytes)
}
