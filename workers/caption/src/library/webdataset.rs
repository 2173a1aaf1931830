//! Training archives as WebDataset reads them (github.com/webdataset/webdataset): files of one image share a name.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use medley_media::source::{Entry, ImageSource};
use medley_step::{StepContext, StepError};
use serde::{Deserialize, Serialize};
use tar::Builder;

use super::{LibraryOutput, list::read_lines, step::ArchiveRange, write::append_member};
use crate::Row;

/// The list of the images that go into archives, from the assembling step to the packing steps.
pub(super) const PACK_LIST: &str = "pack.jsonl";
/// Images of one archive.
const IMAGES: u32 = 1_000;
/// The most steps that pack: one group.
const MAX_STEPS: usize = 64;

/// A line of [`PACK_LIST`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ListedImage {
    pub(super) number: u32,
    pub(super) entry: Entry,
    pub(super) row: Row,
}

/// Writes [`PACK_LIST`], and divides it among steps that each pack whole archives.
pub(super) struct PackList<'c, 'a> {
    cx: &'c StepContext<'a>,
    out: BufWriter<File>,
    /// Where the lines of each archive start.
    starts: Vec<u64>,
    offset: u64,
    images: u32,
}

impl<'c, 'a> PackList<'c, 'a> {
    pub(super) fn create(cx: &'c StepContext<'a>) -> Result<Self, StepError> {
        let out = BufWriter::new(File::create(cx.place(PACK_LIST)?)?);
        Ok(Self { cx, out, starts: Vec::new(), offset: 0, images: 0 })
    }

    pub(super) fn add(&mut self, image: &ListedImage) -> Result<(), StepError> {
        if self.images.is_multiple_of(IMAGES) {
            self.starts.push(self.offset);
        }
        let mut line = serde_json::to_vec(image)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.offset += line.len() as u64;
        self.images += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<ArchiveRange>, StepError> {
        self.out.flush()?;
        let cx = self.cx;
        cx.publish_file(PACK_LIST, "application/jsonl", &cx.place(PACK_LIST)?)?;
        let archives_of_step = self.starts.len().div_ceil(MAX_STEPS).max(1);
        let ends = self.starts.iter().skip(archives_of_step).step_by(archives_of_step).copied().chain([self.offset]);
        let starts = self.starts.iter().step_by(archives_of_step);
        let ranges = starts.zip(ends).enumerate().map(|(n, (&offset, end))| ArchiveRange {
            offset,
            bytes: end - offset,
            first: u32::try_from(n * archives_of_step).unwrap_or(u32::MAX),
        });
        Ok(ranges.collect())
    }
}

/// Packs the archives of a range. The last input is [`PACK_LIST`], those before it are the job's.
pub(super) fn pack(range: ArchiveRange, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
    let of_job = cx.inputs().len().saturating_sub(1);
    let list = read_lines(cx.input(of_job)?.path.clone(), range.offset, range.bytes)?;
    let mut reader = ImageSource::of(&cx.inputs()[..of_job])?.open(cx.host())?;
    let spare = cx.scratch().join("spare");
    let lines: Vec<&str> = list.lines().collect();
    let (all, mut packed) = (lines.len(), 0);
    for (number, lines) in (range.first..).zip(lines.chunks(IMAGES as usize)) {
        let name = format!("train-{number:06}.tar");
        let path = cx.place(&name)?;
        let mut archive = Builder::new(BufWriter::with_capacity(1 << 18, File::create(&path)?));
        for line in lines {
            cx.checkpoint()?;
            let image: ListedImage = serde_json::from_str(line)?;
            // An image that vanished since it was analyzed is left out; its row still says what it showed.
            let Some(bytes) = reader.bytes(&image.entry, &spare)? else { continue };
            let key = format!("{:09}", image.number);
            let mut add =
                |end: &str, bytes: &[u8]| append_member(&mut archive, Path::new(&format!("{key}.{end}")), bytes);
            add(extension(&image), &bytes)?;
            add("txt", image.row.caption.as_bytes())?;
            add("json", &serde_json::to_vec(&image.row)?)?;
            packed += 1_u32;
            cx.progress(packed.into(), all as f64, "images packed");
        }
        archive.into_inner()?.flush()?;
        cx.publish_file(&name, "application/x-tar", &path)?;
    }
    Ok(LibraryOutput::Pack { images: packed.into() })
}

/// The extension for the image's format, whatever its file is called.
fn extension(image: &ListedImage) -> &str {
    match image.row.format.as_str() {
        "jpeg" => "jpg",
        "tiff" => "tif",
        "" => "img",
        other => other,
    }
}
