//! The first step: names the receipts and cuts the list into shards.

use std::{
    fs::File,
    io::{BufWriter, Read, Write},
};

use medley_media::source::{Entry, ImageSource, is_page};
use medley_proto::ErrorCode;
use medley_step::{LocalInput, StepContext, StepError};

use super::step::{BookShard, BooksListing};

pub(super) const LIST: &str = "list.jsonl";

/// The receipts of a shard: about half a minute of work, which is what a killed job does again.
const RECEIPTS: u32 = 16;
/// Files between two reports of progress.
const PROGRESS_EVERY: u64 = 1_000;

/// Whether an input is many receipts: a folder here or elsewhere, an archive, or a list of paths in a `.txt`.
pub(crate) fn is_many(input: &LocalInput) -> Result<bool, StepError> {
    if input.is_folder() || input.is_remote() {
        return Ok(true);
    }
    let mut head = Vec::new();
    File::open(&input.path)?.take(512).read_to_end(&mut head)?;
    let is_archive =
        head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") || head.get(257..262) == Some(b"ustar");
    Ok(is_archive || input.name.to_ascii_lowercase().ends_with(".txt"))
}

/// Lists the receipts of the inputs.
pub(crate) fn list(cx: &StepContext<'_>) -> Result<BooksListing, StepError> {
    let source = ImageSource::of(cx.inputs())?;
    let path = cx.place(LIST)?;
    let mut out = BufWriter::new(File::create(&path)?);
    let mut shards: Vec<BookShard> = Vec::new();
    let (mut receipts, mut offset) = (0_u64, 0_u64);
    let skipped = source.walk(cx.host(), is_page, &mut |entry: Entry| {
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        out.write_all(&line)?;
        let bytes = line.len() as u64;
        match shards.last_mut().filter(|shard| shard.receipts < RECEIPTS) {
            Some(shard) => {
                shard.bytes += bytes;
                shard.receipts += 1;
            }
            None => shards.push(BookShard { offset, bytes, receipts: 1 }),
        }
        offset += bytes;
        receipts += 1;
        if receipts.is_multiple_of(PROGRESS_EVERY) {
            cx.progress(receipts as f64, receipts as f64, "receipts found");
            cx.checkpoint()?;
        }
        Ok(())
    })?;
    out.flush()?;
    if receipts == 0 {
        let what = format!(
            "no receipts in it ({} other files): give a folder, a .zip, a plain .tar or a list of pictures and PDFs",
            skipped.files
        );
        return Err(StepError::bad_input(ErrorCode::MEDIA_EMPTY, cx.input(0)?, &what));
    }
    cx.publish_file(LIST, "application/jsonl", &path)?;
    Ok(BooksListing { receipts, files_passed_over: skipped.files, folders_passed_over: skipped.folders, shards })
}
