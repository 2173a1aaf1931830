//! Runs the worker on files and leaves each one's artifacts in a folder of its own:
//! `read_receipt OUT_DIR [--slots N] [--threads N] [--params JSON] FILE...`. Prints a line of JSON for each.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use medley_models::Models;
use medley_receipt::{ReceiptConfig, ReceiptParams, ReceiptWorker};
use medley_step::{BuildContext, StepContext, Worker, testing};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: VecDeque<String> = std::env::args().skip(1).collect();
    let out = PathBuf::from(args.pop_front().ok_or("which folder?")?);
    let (mut slots, mut threads, mut params) = (1, 2, ReceiptParams::default());
    while args.front().is_some_and(|arg| arg.starts_with("--")) {
        let (flag, value) = (args.pop_front().unwrap_or_default(), args.pop_front().ok_or("a value is missing")?);
        match flag.as_str() {
            "--slots" => slots = value.parse()?,
            "--threads" => threads = value.parse()?,
            "--params" => params = serde_json::from_str(&value)?,
            other => return Err(format!("{other}?").into()),
        }
    }
    let cx = BuildContext { models_dir: Models::default_dir(), slots, threads };
    let worker = ReceiptWorker::build(ReceiptConfig::default(), &cx)?;
    let files = Mutex::new(args);
    let next = || files.lock().map(|mut files| files.pop_front()).unwrap_or_default();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..slots {
            scope.spawn(|| {
                while let Some(file) = next() {
                    let result = run(&worker, &params, Path::new(&file), &out, threads / slots);
                    println!(
                        "{}",
                        result.unwrap_or_else(|error| serde_json::json!({"file": file, "error": error.to_string()}))
                    );
                }
            });
        }
    });
    eprintln!("{:.2} s in all", start.elapsed().as_secs_f64());
    Ok(())
}

fn run(
    worker: &ReceiptWorker,
    params: &ReceiptParams,
    file: &Path,
    out: &Path,
    threads: usize,
) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let folder = out.join(file.file_stem().ok_or("a file has a name")?);
    std::fs::create_dir_all(&folder)?;
    let host = testing::QuietHost::default();
    let id = medley_proto::StepId::new(medley_proto::Name::from_static("run"), 0, 0);
    let cx = StepContext::new(id, vec![testing::input(file)?], folder, threads, &host);
    let start = Instant::now();
    let output = worker.run(params.clone(), &cx)?;
    Ok(serde_json::json!({"file": file, "s": start.elapsed().as_secs_f64(), "output": output}))
}
