//! Runs the worker without a queue: `control PARAMS_JSON OUT_DIR FILE...`; the bench measures with it.
//!
//! Each file gets a folder of its stem in OUT_DIR. One line of JSON a file on standard output: name, seconds, quality,
//! or the error. `ROUNDS=n` runs each file n times and tells the times of all.

use std::{env, error::Error, fs, path::Path, time::Instant};

use medley_control::{ControlConfig, ControlParams, ControlWorker};
use medley_models::Models;
use medley_step::{BuildContext, Worker, testing};
use serde_json::json;

#[expect(clippy::disallowed_methods, reason = "settings of this example alone")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [params, out, files @ ..] = &arguments[..] else {
        return Err("usage: control PARAMS_JSON OUT_DIR FILE...".into());
    };
    let params: ControlParams = serde_json::from_str(params)?;
    let config: ControlConfig = serde_json::from_str(&env::var("CONFIG").unwrap_or_else(|_| "{}".into()))?;
    let rounds: usize = env::var("ROUNDS").map_or(Ok(1), |rounds| rounds.parse())?;
    let build = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    let worker = ControlWorker::build(config, &build)?;
    for file in files {
        let path = Path::new(file);
        let folder = Path::new(out).join(path.file_stem().unwrap_or_default());
        fs::create_dir_all(&folder)?;
        let mut seconds = Vec::new();
        let mut last = Ok(json!(null));
        for _ in 0..rounds {
            let start = Instant::now();
            let ran = testing::run(&worker, params.clone(), vec![testing::input(path)?], &folder);
            seconds.push(start.elapsed().as_secs_f64());
            last = ran.map(|ran| json!(ran.quality));
        }
        match last {
            Ok(quality) => println!("{}", json!({ "file": file, "seconds": seconds, "quality": quality })),
            Err(error) => {
                println!("{}", json!({ "file": file, "code": error.code(), "error": error.to_string() }));
            }
        }
    }
    Ok(())
}
