//! Runs a job on a file in this process, copies its artifacts and prints what it took: for `scripts/bench`.
//!
//! `transcribe KIND FILE OUT_DIR [PARAMS_JSON] [REPEATS]`; `THREADS` (2), `WHISPER_CPP`.

#[path = "../tests/driver/mod.rs"]
mod driver;

use std::{error::Error, fs, path::Path, time::Instant};

use medley_models::Models;
use medley_transcribe::TranscribeConfig;

#[expect(clippy::disallowed_methods, reason = "settings of this example alone")]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, kind, file, out, more @ ..] = args.as_slice() else {
        return Err("usage: transcribe KIND FILE OUT_DIR [PARAMS_JSON] [REPEATS]".into());
    };
    let kind = if kind == "podcast" { "podcast" } else { "transcribe" };
    let params: serde_json::Value = serde_json::from_str(more.first().map_or("{}", String::as_str))?;
    let repeats: usize = more.get(1).map_or(Ok(1), |n| n.parse())?;
    let threads = std::env::var("THREADS").map_or(Ok(2), |n| n.parse())?;
    let config =
        TranscribeConfig { whisper_cpp: std::env::var_os("WHISPER_CPP").is_some(), ..TranscribeConfig::default() };
    let driver = driver::Driver::new(Models::default_dir(), config, threads);
    let mut walls_s = Vec::new();
    let mut last = driver::Finished::default();
    for _ in 0..repeats {
        let started = Instant::now();
        last = driver.job(kind, Path::new(file), params.clone(), Path::new(out))?;
        walls_s.push(started.elapsed().as_secs_f64());
    }
    for (name, path) in &last.artifacts {
        fs::copy(path, Path::new(out).join(name))?;
    }
    let told = serde_json::json!({
        "walls_s": walls_s, "stages_s": last.stages_s, "steps": last.steps, "peak_mb": peak_mb()?, "quality": last.quality,
    });
    println!("{told}");
    Ok(())
}

/// The most memory that this process ever held.
fn peak_mb() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<f64>()? / 1024.0)
}
