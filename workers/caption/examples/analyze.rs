//! Analyzes images and prints a row for each, and the seconds for all: `analyze [threads] [params JSON] image...`
use std::{path::PathBuf, time::Instant};

use medley_caption::{Analyzer, AnalyzerSlots, CaptionParams};
use medley_models::Models;
use medley_step::testing::QuietHost;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let threads = args.next().ok_or("threads, params, images")?.parse()?;
    let params: CaptionParams = serde_json::from_str(&args.next().ok_or("params, images")?)?;
    let files: Vec<(String, PathBuf)> = args.map(|path| (path.clone(), path.into())).collect();
    let analyzer = Analyzer::open(&Models::open(&Models::default_dir()), &params, AnalyzerSlots { threads, calls: 1 })?;
    // The first image warms the models up.
    analyzer.analyze(&files[..1], &QuietHost::default())?;
    let start = Instant::now();
    let analyses = analyzer.analyze(&files, &QuietHost::default())?;
    let seconds = start.elapsed().as_secs_f64();
    for analysis in analyses {
        println!("{}", serde_json::to_string(&analysis.row)?);
    }
    eprintln!("{} images, {seconds:.2} s, {:.2} a second", files.len(), files.len() as f64 / seconds);
    Ok(())
}
