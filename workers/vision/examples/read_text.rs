//! Reads pictures and prints each page as a line of JSON: `read_text MODELS_DIR [v4] PICTURE...`
use std::{path::Path, time::Instant};

use medley_models::Models;
use medley_step::testing::QuietHost;
use medley_vision::text::{LineReader, PpOcr, PpOcrVersion, Slots};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let models = Models::open(Path::new(&args.remove(0)));
    let version = if args[0] == "v4" {
        args.remove(0);
        PpOcrVersion::V4
    } else {
        PpOcrVersion::V6Small
    };
    let reader = PpOcr::open(&models, version, Slots { pages: 1, threads_per_page: 2 })?;
    for path in args {
        let picture = image::open(&path)?.to_rgb8();
        let start = Instant::now();
        let page = reader.read(&picture, &QuietHost::default())?;
        let seconds = start.elapsed().as_secs_f64();
        eprintln!(
            "{path} {seconds:.2} s, turn {}, lean {:.2}, {} lines",
            page.turn_deg,
            page.lean_deg,
            page.lines.len()
        );
        let lines: Vec<_> = page
            .lines
            .iter()
            .map(|l| {
                serde_json::json!({
                    "text": l.text, "confidence": l.confidence, "polygon": l.polygon, "row": l.row,
                })
            })
            .collect();
        println!("{}", serde_json::json!({"path": path, "s": seconds, "lines": lines}));
    }
    Ok(())
}
