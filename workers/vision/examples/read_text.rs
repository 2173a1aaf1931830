//! Reads pictures and prints each as a line of JSON, the path and the page: `read_text [v4] PICTURE...`.
use std::time::Instant;

use medley_models::Models;
use medley_step::testing::QuietHost;
use medley_vision::text::{LineReader, PpOcr, PpOcrVersion, Slots};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let v4 = args.first().is_some_and(|arg| arg == "v4");
    let version = if v4 { PpOcrVersion::V4 } else { PpOcrVersion::V6Small };
    let models = Models::open(&Models::default_dir());
    let reader = PpOcr::open(&models, version, Slots { pages: 1, threads_per_page: 2 })?;
    for path in args.drain(usize::from(v4)..) {
        let picture = image::open(&path)?.to_rgb8();
        let start = Instant::now();
        let page = reader.read(&picture, &QuietHost::default())?;
        println!("{}", serde_json::json!({"path": path, "s": start.elapsed().as_secs_f64(), "page": page}));
    }
    Ok(())
}
