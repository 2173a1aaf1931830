//! A list of paths: one on each line, or JSON Lines with a `path` in each. The list is streamed and never in memory.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
};

use medley_proto::ErrorCode;
use medley_step::StepError;
use serde::Deserialize;

use super::{Entry, Location, OnImage, Skipped, folder};

/// The longest line; Linux takes paths of 4,096 bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "file_name", alias = "file")]
    path: String,
}

pub(super) fn walk(list: &Path, root: &Path, on_image: &mut OnImage<'_>) -> Result<Skipped, StepError> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(list)?);
    let mut line = Vec::new();
    let mut first = true;
    loop {
        line.clear();
        let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(Skipped::default());
        }
        if read as u64 == MAX_LINE_BYTES {
            let message =
                format!("{}: a line is longer than {MAX_LINE_BYTES} bytes; give a path a line", list.display());
            return Err(StepError::permanent(ErrorCode::MEDIA_UNSUPPORTED, message));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        let text = if std::mem::take(&mut first) { text.trim_start_matches('\u{feff}') } else { text };
        if !text.trim().is_empty() {
            on_image(entry(root, text))?;
        }
    }
}

fn entry(root: &Path, text: &str) -> Entry {
    let path = if text.starts_with('{') {
        match serde_json::from_str::<Line>(text) {
            Ok(line) => line.path,
            Err(_) => {
                let start: String = text.chars().take(60).collect();
                return Entry::unreadable(start, ErrorCode::INPUT_NOT_FOUND, "a line of the list without a \"path\"");
            }
        }
    } else {
        text.to_owned()
    };
    let given = Path::new(&path);
    let below = given.strip_prefix(root).unwrap_or(given).to_string_lossy().into_owned();
    match fs::symlink_metadata(root.join(&below)) {
        Ok(meta) if meta.is_dir() => Entry::unreadable(
            below,
            ErrorCode::INPUT_NOT_A_FILE,
            "is a folder; give it as the library or list its files",
        ),
        Ok(meta) => folder::entry(root, below, Location::Path, &meta),
        Err(error) => {
            let error = super::paths::unreadable(&below, &error);
            Entry { path: below, bytes: 0, stamp: error.code.to_string(), at: Location::Path, error: Some(error) }
        }
    }
}
