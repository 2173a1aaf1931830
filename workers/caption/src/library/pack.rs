//! Training archives as WebDataset reads them (github.com/webdataset/webdataset): files of one image share a name.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use medley_step::{StepContext, StepError};
use tar::Builder;

use super::{LibraryOutput, gather::ToPack, look::lines, source::Source, step::Pack, write::sidecars::append};

/// Images of one archive.
pub(super) const IMAGES: u32 = 1_000;
/// Steps that pack: a group.
pub(super) const STEPS: usize = 64;

pub(super) fn pack(pack: Pack, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
    let of_job = cx.inputs().len().saturating_sub(1);
    let list = lines(cx.input(of_job)?.path.clone(), pack.offset, pack.bytes)?;
    let mut reader = Source::of(&cx.inputs()[..of_job])?.open(cx.host())?;
    let spare = cx.scratch().join("spare");
    let lines: Vec<&str> = list.lines().collect();
    let (all, mut packed) = (lines.len(), 0);
    for (number, lines) in (pack.first..).zip(lines.chunks(IMAGES as usize)) {
        let name = format!("train-{number:06}.tar");
        let path = cx.place(&name)?;
        let mut archive = Builder::new(BufWriter::with_capacity(1 << 18, File::create(&path)?));
        for line in lines {
            cx.checkpoint()?;
            let image: ToPack = serde_json::from_str(line)?;
            // An image that is gone since it was looked at is left out: its row has told what was there.
            let Some(bytes) = reader.bytes(&image.entry, &spare)? else { continue };
            let key = format!("{:09}", image.number);
            let mut add = |end: &str, bytes: &[u8]| append(&mut archive, Path::new(&format!("{key}.{end}")), bytes);
            add(kind(&image), &bytes)?;
            add("txt", image.row.caption.as_bytes())?;
            add("json", &serde_json::to_vec(&image.row)?)?;
            packed += 1_u32;
            cx.progress(packed.into(), all as f64, "images packed");
        }
        archive.into_inner()?.flush()?;
        cx.publish_file(&name, "application/x-tar", &path)?;
    }
    Ok(LibraryOutput::Pack { images: packed.into(), gathered: pack.gathered })
}

/// The ending that says what the bytes are, whatever the file was called.
fn kind(image: &ToPack) -> &str {
    match image.row.format.as_str() {
        "jpeg" => "jpg",
        "tiff" => "tif",
        "" => "img",
        other => other,
    }
}
