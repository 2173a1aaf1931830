//! The first step: names the images and cuts the list into shards.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use medley_media::source::{Entry, ImageSource, Reader, is_image};
use medley_proto::{ErrorCode, ModelUse, Sha256};
use medley_step::{StepContext, StepError};
use sha2::Digest;

use super::{
    LibraryParams,
    step::{Listing, Shard},
};

pub(super) const LIST: &str = "list.jsonl";

/// The images of a shard; the last one may have fewer.
const MIN_IMAGES: u32 = 64;
const MAX_IMAGES: u32 = 256;
/// The lines of a shard. Its analysis holds them three times, and is at most 8 MiB.
const MAX_BYTES: u64 = 1 << 20;
/// Between the two numbers of images, a shard ends at a path whose hash is a multiple of this.
const BOUNDARY: u8 = 64;
/// Images between two reports of progress.
const PROGRESS_EVERY: u64 = 1_000;

/// Lists the images of the inputs. `analyzer_version` comes from [`analyzer_version`].
pub(super) fn list(
    params: &LibraryParams,
    analyzer_version: Sha256,
    cx: &StepContext<'_>,
) -> Result<Listing, StepError> {
    let source = ImageSource::of(cx.inputs())?;
    let mut reader = if params.by_content && !source.is_remote() { Some(source.open(cx.host())?) } else { None };
    let path = cx.place(LIST)?;
    let mut sharder = Sharder::new(BufWriter::new(File::create(&path)?), params.contact_sheet);
    let spare = cx.scratch().join("spare");
    let mut images = 0_u64;
    let skipped = source.walk(cx.host(), is_image, &mut |mut entry| {
        if let Some(reader) = &mut reader {
            by_content(reader, &mut entry, &spare)?;
        }
        images += 1;
        if images.is_multiple_of(PROGRESS_EVERY) {
            cx.progress(images as f64, images as f64, "images found");
            cx.checkpoint()?;
        }
        sharder.add(&entry)
    })?;
    if images == 0 {
        let what = format!(
            "no images in it ({} other files): give a folder, archive or list with JPEG, PNG, WebP, GIF, BMP, TIFF or PNM",
            skipped.files
        );
        return Err(StepError::bad_input(ErrorCode::MEDIA_EMPTY, cx.input(0)?, &what));
    }
    let shards = sharder.finish()?;
    cx.publish_file(LIST, "application/jsonl", &path)?;
    Ok(Listing {
        images,
        files_passed_over: skipped.files,
        folders_passed_over: skipped.folders,
        analyzer_version,
        shards,
    })
}

/// Puts the digest of an image's bytes in place of its times. An image that cannot be read keeps them; its analysis says
/// why.
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

/// A digest of what an analysis depends on besides image and params: the models and this version of Medley.
pub(super) fn analyzer_version(models: &[ModelUse]) -> Result<Sha256, StepError> {
    let mut hash = sha2::Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(serde_json::to_vec(models)?);
    Ok(Sha256::new(hash.finalize().into()))
}

/// Reads a piece of a list.
pub(super) fn read_lines(path: PathBuf, offset: u64, bytes: u64) -> Result<String, StepError> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut text = String::new();
    file.take(bytes).read_to_string(&mut text)?;
    Ok(text)
}

/// Cuts lines into shards. Where a shard ends depends only on the paths in it: when images come or go, the other shards
/// stay the same and are found in the cache.
struct Sharder<W> {
    out: W,
    sheet_left: u64,
    shards: Vec<Shard>,
    offset: u64,
    open: Shard,
    state: sha2::Sha256,
}

impl<W: Write> Sharder<W> {
    fn new(out: W, on_sheets: u32) -> Self {
        let sheet_left = u64::from(on_sheets);
        Self { out, sheet_left, shards: Vec::new(), offset: 0, open: empty(0), state: sha2::Sha256::new() }
    }

    fn add(&mut self, entry: &Entry) -> Result<(), StepError> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.state.update(&line);
        self.offset += line.len() as u64;
        self.open.bytes += line.len() as u64;
        self.open.images += 1;
        let is_boundary = Sha256::of(entry.path.as_bytes()).as_bytes()[0].is_multiple_of(BOUNDARY);
        let is_full = self.open.images >= MAX_IMAGES || self.open.bytes >= MAX_BYTES;
        if is_full || (self.open.images >= MIN_IMAGES && is_boundary) {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        let state = Sha256::new(std::mem::take(&mut self.state).finalize().into());
        let shard = std::mem::replace(&mut self.open, empty(self.offset));
        let thumbnails = self.sheet_left > 0;
        self.sheet_left = self.sheet_left.saturating_sub(u64::from(shard.images));
        self.shards.push(Shard { state, thumbnails, ..shard });
    }

    fn finish(mut self) -> Result<Vec<Shard>, StepError> {
        if self.open.images > 0 {
            self.close();
        }
        self.out.flush()?;
        Ok(self.shards)
    }
}

fn empty(offset: u64) -> Shard {
    Shard { offset, bytes: 0, images: 0, thumbnails: false, state: Sha256::new([0; 32]) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use medley_media::source::Location;

    fn entry(path: &str) -> Entry {
        Entry { path: path.into(), bytes: 1, stamp: "s".into(), at: Location::Path, error: None }
    }

    fn shard(paths: &[String]) -> (Vec<Shard>, Vec<u8>) {
        let mut out = Vec::new();
        let mut sharder = Sharder::new(&mut out, 100);
        paths.iter().for_each(|path| sharder.add(&entry(path)).unwrap());
        (sharder.finish().unwrap(), out)
    }

    #[test]
    fn shards_cover_the_list_and_keep_their_bounds() {
        let paths: Vec<_> = (0..10_000).map(|n| format!("IMG_{n:05}.jpg")).collect();
        let (shards, list) = shard(&paths);
        let mut at = 0;
        for (n, shard) in shards.iter().enumerate() {
            assert_eq!(shard.offset, at);
            at += shard.bytes;
            let lines = &list[shard.offset as usize..at as usize];
            assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count() as u32, shard.images);
            assert!(shard.images <= MAX_IMAGES && (shard.images >= MIN_IMAGES || n + 1 == shards.len()), "{shard:?}");
        }
        assert_eq!(at as usize, list.len());
        assert_eq!(shards.iter().map(|shard| shard.images).sum::<u32>(), 10_000);
        let on_sheets: u32 = shards.iter().filter(|shard| shard.thumbnails).map(|shard| shard.images).sum();
        assert!((100..100 + MAX_IMAGES).contains(&on_sheets), "{on_sheets}");
    }

    #[test]
    fn long_names_make_small_shards() {
        let paths: Vec<_> = (0..300).map(|n| format!("{}{n}.jpg", "\u{1}".repeat(60_000))).collect();
        let (shards, _) = shard(&paths);
        assert!(shards.iter().all(|shard| shard.bytes < MAX_BYTES + 400_000), "{shards:?}");
        assert_eq!(shards.iter().map(|shard| shard.images).sum::<u32>(), 300);
    }

    #[test]
    fn one_more_image_changes_few_shards() {
        let mut paths: Vec<_> = (0..10_000).map(|n| format!("IMG_{n:05}.jpg")).collect();
        let states = |paths: &[String]| shard(paths).0.iter().map(|shard| shard.state).collect::<BTreeSet<_>>();
        let before = states(&paths);
        paths.insert(2_000, "IMG_01999b.jpg".into());
        let after = states(&paths);
        assert!(after.difference(&before).count() <= 4, "{} of {}", after.difference(&before).count(), after.len());
    }
}
