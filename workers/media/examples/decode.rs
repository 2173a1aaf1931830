//! Decodes sound, or pictures, and prints one line of JSON for each: `decode FILE...`. For benches and for looking at
//! what happens with damaged files.

use std::{path::Path, time::Instant};

use medley_media::{
    MediaError,
    audio::{Reader, ReaderOptions},
    picture::{self, PictureLimits},
    sniff::{Container, sniff},
};

fn sound(path: &Path) -> Result<serde_json::Value, MediaError> {
    let mut reader = Reader::open(path, &ReaderOptions::default())?;
    let (mut block, mut samples) = (Vec::new(), 0);
    loop {
        block.clear();
        match reader.read(&mut block, 1 << 16)? {
            0 => break,
            n => samples += n,
        }
    }
    let info = reader.info();
    Ok(serde_json::json!({
        "seconds": samples as f64 / 16_000.0, "rate_hz": info.rate_hz, "channels": info.channels,
        "external": info.external, "claimed_s": info.duration_s,
        "undecoded_s": reader.undecoded_s(), "why": reader.undecoded().map(|undecoded| &undecoded.reason),
        "track": reader.tracks().taken, "tracks": reader.tracks().count(),
    }))
}

fn picture(path: &Path) -> Result<serde_json::Value, MediaError> {
    let picture = picture::open(path, &PictureLimits::default())?;
    Ok(serde_json::json!({ "width_px": picture.width_px, "height_px": picture.height_px }))
}

fn main() {
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        let started = Instant::now();
        let container = std::fs::File::open(path).and_then(|mut file| sniff(&mut file));
        let is_picture = matches!(container, Ok(Container::Picture));
        let outcome = if is_picture { picture(path) } else { sound(path) };
        let wall_s = started.elapsed().as_secs_f64();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut line = serde_json::json!({ "file": name, "wall_s": wall_s });
        match outcome {
            Ok(found) => line["ok"] = found,
            Err(error) => {
                line["code"] = error.code().as_str().into();
                line["message"] = error.to_string().into();
            }
        }
        println!("{line}");
    }
}
