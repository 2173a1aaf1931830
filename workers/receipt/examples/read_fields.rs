//! Reads the fields off text that was read before: lines of JSON `{"path", "page"}` on standard input, as
//! medley-vision's example `read_text` prints them; leaves `OUT_DIR/<stem>/receipt.json`.
use std::{io::BufRead, path::Path};

use medley_receipt::{Hints, fields};
use medley_vision::text::TextPage;

#[derive(serde::Deserialize)]
struct Read {
    path: String,
    page: TextPage,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).ok_or("which folder?")?;
    for line in std::io::stdin().lock().lines() {
        let read: Read = serde_json::from_str(&line?)?;
        let stem = Path::new(&read.path).file_stem().unwrap_or_default();
        let folder = Path::new(&out).join(stem);
        std::fs::create_dir_all(&folder)?;
        let receipt = fields(vec![read.page], &Hints::default());
        std::fs::write(folder.join("receipt.json"), serde_json::to_vec_pretty(&receipt)?)?;
    }
    Ok(())
}
