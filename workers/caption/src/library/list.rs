//! The first step: names the images and shares them out.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

use medley_proto::{ErrorCode, ModelUse, Sha256};
use medley_step::{StepContext, StepError};
use sha2::Digest;

use super::{
    LibraryParams,
    source::{Entry, Reader, Source},
    step::{Listing, Share},
};

pub(super) const LIST: &str = "list.jsonl";

/// A share has so many images at least (but for the last) and at most.
const LEAST: u32 = 64;
const MOST: u32 = 256;
/// A share's lines: its answer holds them three times, and is at most 8 MiB.
const MOST_BYTES: u64 = 1 << 20;
/// Between the two, a share ends at a path whose hash is a multiple of this.
const ENDS_AT: u8 = 64;
/// How often a long walk says that it is alive.
const TELL_EVERY: u64 = 1_000;

/// Lists the images of the inputs. `with` is what looking depends on besides them.
pub(super) fn list(params: &LibraryParams, with: Sha256, cx: &StepContext<'_>) -> Result<Listing, StepError> {
    let source = Source::of(cx.inputs())?;
    let mut reader = if params.by_content && !source.is_remote() { Some(source.open(cx.host())?) } else { None };
    let path = cx.place(LIST)?;
    let mut sharer = Sharer::new(BufWriter::new(File::create(&path)?), params.contact_sheet);
    let spare = cx.scratch().join("spare");
    let mut images = 0_u64;
    let passed = source.walk(cx.host(), &mut |mut entry| {
        if let Some(reader) = &mut reader {
            by_content(reader, &mut entry, &spare)?;
        }
        images += 1;
        if images.is_multiple_of(TELL_EVERY) {
            cx.progress(images as f64, images as f64, "images found");
            cx.checkpoint()?;
        }
        sharer.add(&entry)
    })?;
    if images == 0 {
        let what = format!(
            "no images in it ({} other files): give a folder, archive or list with JPEG, PNG, WebP, GIF, BMP, TIFF or PNM",
            passed.files
        );
        return Err(StepError::bad_input(ErrorCode::MEDIA_EMPTY, cx.input(0)?, &what));
    }
    let shares = sharer.finish()?;
    cx.publish_file(LIST, "application/jsonl", &path)?;
    Ok(Listing { images, files_passed_over: passed.files, folders_passed_over: passed.folders, with, shares })
}

/// Puts the digest of an image's bytes in place of its times. What cannot be read keeps them: the look says why.
fn by_content(reader: &mut Reader<'_>, entry: &mut Entry, spare: &Path) -> Result<(), StepError> {
    let files = reader.files(std::slice::from_ref(entry), |_| spare.to_owned())?;
    if let [Ok(path)] = &files[..]
        && let Ok(digest) = File::open(path).and_then(digest)
    {
        entry.stamp = digest.to_string();
    }
    Ok(())
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

/// What looking depends on besides images and params: models and this version of Medley.
pub(super) fn with(models: &[ModelUse]) -> Result<Sha256, StepError> {
    let mut hash = sha2::Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(serde_json::to_vec(models)?);
    Ok(Sha256::new(hash.finalize().into()))
}

/// Shares lines out. Where a share ends depends on the paths near by and on nothing before: when images come or go, the
/// other shares stay as they are and are found in the cache.
struct Sharer<W> {
    out: W,
    sheet_left: u64,
    shares: Vec<Share>,
    offset: u64,
    open: Share,
    state: sha2::Sha256,
}

impl<W: Write> Sharer<W> {
    fn new(out: W, on_sheets: u32) -> Self {
        let sheet_left = u64::from(on_sheets);
        Self { out, sheet_left, shares: Vec::new(), offset: 0, open: empty(0), state: sha2::Sha256::new() }
    }

    fn add(&mut self, entry: &Entry) -> Result<(), StepError> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.state.update(&line);
        self.offset += line.len() as u64;
        self.open.bytes += line.len() as u64;
        self.open.images += 1;
        let marks_an_end = Sha256::of(entry.path.as_bytes()).as_bytes()[0].is_multiple_of(ENDS_AT);
        if self.open.images >= MOST || self.open.bytes >= MOST_BYTES || (self.open.images >= LEAST && marks_an_end) {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        let state = Sha256::new(std::mem::take(&mut self.state).finalize().into());
        let share = std::mem::replace(&mut self.open, empty(self.offset));
        let thumbnails = self.sheet_left > 0;
        self.sheet_left = self.sheet_left.saturating_sub(u64::from(share.images));
        self.shares.push(Share { state, thumbnails, ..share });
    }

    fn finish(mut self) -> Result<Vec<Share>, StepError> {
        if self.open.images > 0 {
            self.close();
        }
        self.out.flush()?;
        Ok(self.shares)
    }
}

fn empty(offset: u64) -> Share {
    Share { offset, bytes: 0, images: 0, thumbnails: false, state: Sha256::new([0; 32]) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::library::source::At;

    fn entry(path: &str) -> Entry {
        Entry { path: path.into(), bytes: 1, stamp: "s".into(), at: At::Path, error: None }
    }

    fn share_out(paths: &[String]) -> (Vec<Share>, Vec<u8>) {
        let mut out = Vec::new();
        let mut sharer = Sharer::new(&mut out, 100);
        paths.iter().for_each(|path| sharer.add(&entry(path)).unwrap());
        (sharer.finish().unwrap(), out)
    }

    #[test]
    fn shares_cover_the_list_and_keep_their_bounds() {
        let paths: Vec<_> = (0..10_000).map(|n| format!("IMG_{n:05}.jpg")).collect();
        let (shares, list) = share_out(&paths);
        let mut at = 0;
        for (n, share) in shares.iter().enumerate() {
            assert_eq!(share.offset, at);
            at += share.bytes;
            let lines = &list[share.offset as usize..at as usize];
            assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count() as u32, share.images);
            assert!(share.images <= MOST && (share.images >= LEAST || n + 1 == shares.len()), "{share:?}");
        }
        assert_eq!(at as usize, list.len());
        assert_eq!(shares.iter().map(|share| share.images).sum::<u32>(), 10_000);
        let on_sheets: u32 = shares.iter().filter(|share| share.thumbnails).map(|share| share.images).sum();
        assert!((100..100 + MOST).contains(&on_sheets), "{on_sheets}");
    }

    #[test]
    fn long_names_make_small_shares() {
        let paths: Vec<_> = (0..300).map(|n| format!("{}{n}.jpg", "\u{1}".repeat(60_000))).collect();
        let (shares, _) = share_out(&paths);
        assert!(shares.iter().all(|share| share.bytes < MOST_BYTES + 400_000), "{shares:?}");
        assert_eq!(shares.iter().map(|share| share.images).sum::<u32>(), 300);
    }

    #[test]
    fn one_more_image_changes_few_shares() {
        let mut paths: Vec<_> = (0..10_000).map(|n| format!("IMG_{n:05}.jpg")).collect();
        let states = |paths: &[String]| share_out(paths).0.iter().map(|share| share.state).collect::<BTreeSet<_>>();
        let before = states(&paths);
        paths.insert(2_000, "IMG_01999b.jpg".into());
        let after = states(&paths);
        assert!(after.difference(&before).count() <= 4, "{} of {}", after.difference(&before).count(), after.len());
    }
}
