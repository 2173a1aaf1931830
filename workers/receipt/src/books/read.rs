//! Reads a shard, one receipt after the other. A receipt that cannot be read is a row with an error; one that ends the
//! process is found by the step's notes and is a row with an error too.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{RgbImage, codecs::jpeg::JpegEncoder};
use medley_media::source::{Entry, ImageSource, RowError};
use medley_proto::{ErrorCode, Sha256};
use medley_step::{LocalInput, StepContext, StepError};
use medley_vision::{
    phash::perceptual_hash,
    resample::{Filter, fit_within, resize},
};
use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::{
    row::BookRow,
    step::{BookShard, ReadShard},
};
use crate::{params::ReceiptParams, reader::ReceiptReader};

pub(super) const ROWS: &str = "rows.jsonl";

/// The longer side of a thumbnail, and its quality as JPEG.
const THUMBNAIL_PX: u32 = 240;
const THUMBNAIL_QUALITY: u8 = 60;

/// Reads the receipts of a shard. The last input is the list, those before it are the job's.
pub(super) fn read(
    reader: &ReceiptReader,
    params: ReceiptParams,
    shard: &BookShard,
    cx: &StepContext<'_>,
) -> Result<ReadShard, StepError> {
    let of_job = cx.inputs().len().saturating_sub(1);
    let entries = entries(&cx.input(of_job)?.path, shard)?;
    let mut files = ImageSource::of(&cx.inputs()[..of_job])?.open(cx.host())?;
    let mut notes = Notes::open(&cx.notes())?;
    // The first page's picture, of which hash and thumbnail are made.
    let params = ReceiptParams { overlay: true, ..params };
    let mut out = cx.create(ROWS, "application/jsonl")?;
    let mut count = ReadShard::default();
    for (number, entry) in entries.iter().enumerate() {
        cx.checkpoint()?;
        cx.progress(number as f64, entries.len() as f64, "receipts");
        let row = match notes.to_blame(number) {
            Some(code) => {
                let message = format!("{}: reading it ended the process ({code}); look at this file", entry.path);
                BookRow::failed(&entry.path, RowError { code, message })
            }
            None => {
                notes.begin(number)?;
                let spare = cx.scratch().join("receipt");
                let file = files.files(std::slice::from_ref(entry), |_| spare.clone())?.pop();
                let row = match file {
                    Some(Ok(path)) => row(reader, &params, entry, &path, cx)?,
                    Some(Err(error)) => BookRow::failed(&entry.path, error),
                    None => return Err(StepError::internal("a receipt was not answered for")),
                };
                match fs::remove_file(&spare) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                    _ => row,
                }
            }
        };
        count.receipts += 1;
        count.unreadable += u64::from(row.error.is_some());
        serde_json::to_writer(&mut out, &row)?;
        out.write_all(b"\n")?;
    }
    out.keep()?;
    Ok(count)
}

fn entries(list: &Path, shard: &BookShard) -> Result<Vec<Entry>, StepError> {
    let mut file = File::open(list)?;
    file.seek(SeekFrom::Start(shard.offset))?;
    let lines = BufReader::new(file.take(shard.bytes)).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// Reads one receipt. What is the receipt's fault is in its row; what may pass, or stops the job, is an error.
fn row(
    reader: &ReceiptReader,
    params: &ReceiptParams,
    entry: &Entry,
    path: &Path,
    cx: &StepContext<'_>,
) -> Result<BookRow, StepError> {
    let sha256 = digest(File::open(path)?)?;
    let input =
        LocalInput { name: entry.path.clone(), path: path.to_owned(), sha256, bytes: entry.bytes, media_type: None };
    let read = match reader.read(&input, params, cx, &|_, _| ()) {
        Ok(read) => read,
        // What this machine lacks is not the receipt's fault.
        Err(StepError::Permanent { code, message, .. }) if !is_of_the_machine(&code) => {
            let row = BookRow::failed(&entry.path, RowError { code, message });
            return Ok(BookRow { sha256: sha256.to_string(), ..row });
        }
        Err(other) => return Err(other),
    };
    let mut row = BookRow::of(&read.receipt)?;
    row.file.clone_from(&entry.path);
    row.sha256 = sha256.to_string();
    if let Some(picture) = &read.picture {
        row.picture = format!("{:016x}", perceptual_hash(picture));
        row.thumbnail = STANDARD.encode(thumbnail(picture)?);
    }
    Ok(row)
}

fn is_of_the_machine(code: &ErrorCode) -> bool {
    [ErrorCode::MODEL_MISSING, ErrorCode::TOOL_MISSING].contains(code)
}

fn thumbnail(picture: &RgbImage) -> Result<Vec<u8>, StepError> {
    let small = resize(picture, fit_within([picture.width(), picture.height()], THUMBNAIL_PX), Filter::Box);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, THUMBNAIL_QUALITY)
        .encode_image(&small)
        .map_err(|error| StepError::internal("cannot write a thumbnail").because(error))?;
    Ok(jpeg)
}

fn digest(mut file: File) -> io::Result<Sha256> {
    let mut hash = sha2::Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(Sha256::new(hash.finalize().into())),
            read => hash.update(&block[..read]),
        }
    }
}

/// Which receipt was begun last in each attempt. The runtime adds `died` when the process did.
struct Notes {
    file: File,
    blamed: Vec<(usize, ErrorCode)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Note {
    Begun(usize),
    Died(ErrorCode),
}

impl Notes {
    fn open(path: &Path) -> Result<Self, StepError> {
        let mut blamed = Vec::new();
        let mut begun = None;
        if path.exists() {
            for line in BufReader::new(File::open(path)?).lines() {
                // A line may be cut off where the process ended.
                match serde_json::from_str(&line?) {
                    Ok(Note::Begun(number)) => begun = Some(number),
                    Ok(Note::Died(code)) => blamed.extend(begun.take().map(|number| (number, code))),
                    Err(_) => {}
                }
            }
        }
        Ok(Self { file: OpenOptions::new().create(true).append(true).open(path)?, blamed })
    }

    fn to_blame(&self, number: usize) -> Option<ErrorCode> {
        self.blamed.iter().find(|(blamed, _)| *blamed == number).map(|(_, code)| code.clone())
    }

    fn begin(&mut self, number: usize) -> Result<(), StepError> {
        let mut line = serde_json::to_vec(&Note::Begun(number))?;
        line.insert(0, b'\n');
        line.push(b'\n');
        Ok(self.file.write_all(&line)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_that_was_begun_when_the_process_ended_is_to_blame() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let mut notes = Notes::open(&path).unwrap();
        notes.begin(0).unwrap();
        notes.begin(1).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"\n{\"died\":\"memory_exceeded\"}\n{\"beg").unwrap();
        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(notes.to_blame(1).map(|code| code.to_string()).as_deref(), Some("memory_exceeded"));
        assert!(notes.to_blame(0).is_none());
        notes.begin(2).unwrap();
        assert!(Notes::open(&path).unwrap().to_blame(2).is_none());
    }
}
