//! Looks at images and prints a row each, with seconds for all: `look [threads] [params JSON] image...`
use std::{path::PathBuf, time::Instant};

use medley_caption::{LookParams, LookSlots, Looker};
use medley_models::Models;
use medley_step::testing::QuietHost;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let threads = args.next().ok_or("threads, params, images")?.parse()?;
    let params: LookParams = serde_json::from_str(&args.next().ok_or("params, images")?)?;
    let files: Vec<(String, PathBuf)> = args.map(|path| (path.clone(), path.into())).collect();
    let looker = Looker::open(&Models::open(&Models::default_dir()), &params, LookSlots { threads, calls: 1 })?;
    // The first image warms the models up.
    looker.look(&files[..1], &QuietHost::default())?;
    let start = Instant::now();
    let seen = looker.look(&files, &QuietHost::default())?;
    let seconds = start.elapsed().as_secs_f64();
    for seen in seen {
        println!("{}", serde_json::to_string(&seen.row)?);
    }
    eprintln!("{} images, {seconds:.2} s, {:.2} a second", files.len(), files.len() as f64 / seconds);
    Ok(())
}
