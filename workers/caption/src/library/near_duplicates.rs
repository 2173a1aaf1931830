//! Finds near-duplicates: 64-bit hashes that differ in few bits.
//!
//! Hashes that differ in at most `b` bits are equal in one of `b + 1` bands of bits (the pigeonhole principle; Manku et
//! al., "Detecting near-duplicates for web crawling", WWW 2007). For each band the hashes are written to buckets on the
//! disk by the band's value, and only hashes of one bucket are compared. In memory are four bytes an image and one
//! bucket file at a time.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

/// With more bits, bands are too narrow to tell hashes apart.
pub(super) const MAX_BITS: u32 = 8;
/// Bucket files of a band.
const FILES: u64 = 64;
/// Hashes with the same value in a band are all compared with each other, up to this many. In a larger crowd (thousands of
/// scans of blank pages), each is compared only with the next [`NEIGHBOURS`] in order, which bounds the time.
const MAX_CROWD: usize = 20_000;
const NEIGHBOURS: usize = 500;

/// When two images are alike: their hashes differ in few bits, and they fit otherwise too.
pub(super) struct Likeness<'a> {
    /// The most bits in which two hashes differ.
    pub(super) bits: u32,
    /// Whether two images, by their numbers, may be alike. It is called only for alike hashes.
    pub(super) fits: &'a dyn Fn(u32, u32) -> bool,
}

/// The root of each image's group: the lowest number in it, the image's own when it is alone. Alikeness is transitive: an
/// image belongs to the group of each image that it is like. An image without a hash is alone.
pub(super) fn groups(
    hashes: impl Iterator<Item = Option<u64>> + Clone,
    likeness: &Likeness<'_>,
    scratch: &Path,
    mut checkpoint: impl FnMut() -> io::Result<()>,
) -> io::Result<Vec<u32>> {
    let mut forest = Forest::default();
    hashes.clone().for_each(|_| forest.grow());
    let bands = likeness.bits.min(MAX_BITS) + 1;
    for band in 0..bands {
        let span = Band::nth(band, bands);
        let path = |file: u64| scratch.join(format!("bucket-{file}"));
        let mut buckets =
            (0..FILES).map(|file| Ok(BufWriter::new(File::create(path(file))?))).collect::<io::Result<Vec<_>>>()?;
        for (row, hash) in (0_u32..).zip(hashes.clone()) {
            let Some(hash) = hash else { continue };
            let file = span.file(hash) as usize;
            buckets[file].write_all(&hash.to_le_bytes())?;
            buckets[file].write_all(&row.to_le_bytes())?;
        }
        for (file, mut bucket) in (0..FILES).zip(buckets) {
            bucket.flush()?;
            drop(bucket);
            join(read(&path(file))?, span, likeness, &mut forest);
            std::fs::remove_file(path(file))?;
            checkpoint()?;
        }
    }
    Ok(forest.roots())
}

/// A run of bits of a hash.
#[derive(Debug, Clone, Copy)]
struct Band {
    shift: u32,
    width: u32,
}

impl Band {
    fn nth(n: u32, bands: u32) -> Self {
        let (from, to) = (64 * n / bands, 64 * (n + 1) / bands);
        Self { shift: from, width: to - from }
    }

    fn value(self, hash: u64) -> u64 {
        let rest = hash >> self.shift;
        if self.width == 64 { rest } else { rest & ((1 << self.width) - 1) }
    }

    fn file(self, hash: u64) -> u64 {
        self.value(hash) % FILES
    }
}

fn read(path: &Path) -> io::Result<Vec<(u64, u32)>> {
    let mut reader = BufReader::new(File::open(path)?);
    let records = std::fs::metadata(path)?.len() / 12;
    let mut all = Vec::with_capacity(records as usize);
    for _ in 0..records {
        let (mut hash, mut row) = ([0; 8], [0; 4]);
        reader.read_exact(&mut hash)?;
        reader.read_exact(&mut row)?;
        all.push((u64::from_le_bytes(hash), u32::from_le_bytes(row)));
    }
    Ok(all)
}

/// Joins the images of a bucket file that are alike.
fn join(mut all: Vec<(u64, u32)>, band: Band, likeness: &Likeness<'_>, forest: &mut Forest) {
    all.sort_unstable_by_key(|&(hash, row)| (band.value(hash), hash, row));
    for crowd in all.chunk_by_mut(|a, b| band.value(a.0) == band.value(b.0)) {
        let different = join_equal(crowd, likeness, forest);
        let crowd = &crowd[..different];
        let reach = if crowd.len() > MAX_CROWD { NEIGHBOURS } else { crowd.len() };
        for (n, &(hash, row)) in crowd.iter().enumerate() {
            for &(other, other_row) in crowd[n + 1..].iter().take(reach) {
                if (hash ^ other).count_ones() <= likeness.bits && (likeness.fits)(row, other_row) {
                    forest.join(row, other_row);
                }
            }
        }
    }
}

/// Joins alike images with equal hashes. One of each such set moves to the front, to be compared with other hashes; returns
/// how many there are.
fn join_equal(crowd: &mut [(u64, u32)], likeness: &Likeness<'_>, forest: &mut Forest) -> usize {
    let mut different = 0;
    // Where the kept images of this hash begin.
    let mut of_hash = 0;
    for n in 0..crowd.len() {
        let (hash, row) = crowd[n];
        if of_hash < different && crowd[of_hash].0 != hash {
            of_hash = different;
        }
        let known = &crowd[of_hash..different];
        match known.iter().take(NEIGHBOURS).find(|(_, other)| (likeness.fits)(*other, row)) {
            Some(&(_, other)) => forest.join(other, row),
            None => {
                crowd[different] = (hash, row);
                different += 1;
            }
        }
    }
    different
}

/// Disjoint sets of rows (union-find with path halving). The root of a set is its smallest row.
#[derive(Debug, Default)]
struct Forest(Vec<u32>);

impl Forest {
    fn grow(&mut self) {
        let row = u32::try_from(self.0.len()).expect("a list has fewer than 2^32 lines");
        self.0.push(row);
    }

    fn root(&mut self, mut row: u32) -> u32 {
        while self.0[row as usize] != row {
            let above = self.0[self.0[row as usize] as usize];
            self.0[row as usize] = above;
            row = above;
        }
        row
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }

    fn roots(mut self) -> Vec<u32> {
        for row in 0..self.0.len() {
            let root = self.root(row as u32);
            self.0[row] = root;
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of numbers that look random (SplitMix64).
    fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
        move || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }

    fn every_pair(hashes: &[Option<u64>], bits: u32) -> Vec<u32> {
        let mut forest = Forest::default();
        hashes.iter().for_each(|_| forest.grow());
        for (n, a) in hashes.iter().enumerate() {
            for (m, b) in hashes.iter().enumerate().skip(n + 1) {
                if let (Some(a), Some(b)) = (a, b)
                    && (a ^ b).count_ones() <= bits
                {
                    forest.join(n as u32, m as u32);
                }
            }
        }
        forest.roots()
    }

    #[test]
    fn buckets_find_what_comparing_every_pair_finds() {
        let folder = tempfile::tempdir().unwrap();
        let mut next = numbers(7);
        let mut hashes: Vec<Option<u64>> = Vec::new();
        for n in 0..1_500_u64 {
            let fresh = next();
            let near = hashes.get((next() % 1_500) as usize).copied().flatten();
            hashes.push(match (n % 4, near) {
                (0, _) => None,
                // Up to nine bits away from one that was there: inside and outside of every limit.
                (1, Some(near)) => Some((0..next() % 10).fold(near, |hash, _| hash ^ 1 << (next() % 64))),
                _ => Some(fresh),
            });
        }
        for bits in [0, 1, 5, MAX_BITS] {
            let likeness = Likeness { bits, fits: &|_, _| true };
            let found = groups(hashes.iter().copied(), &likeness, folder.path(), || Ok(())).unwrap();
            assert_eq!(found, every_pair(&hashes, bits), "{bits} bits");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "buckets are removed");
    }

    #[test]
    fn a_crowd_of_blank_pages_is_one_group_and_quick() {
        let folder = tempfile::tempdir().unwrap();
        let hashes = (0..200_000_u64).map(|n| Some(if n % 2 == 0 { 0 } else { 1 << (n % 64) }));
        let likeness = Likeness { bits: 5, fits: &|_, _| true };
        let found = groups(hashes, &likeness, folder.path(), || Ok(())).unwrap();
        assert!(found.iter().all(|root| *root == 0));
    }

    #[test]
    fn what_hashes_do_not_see_keeps_images_apart() {
        let folder = tempfile::tempdir().unwrap();
        // Equal hashes and near ones, of two colours by turns.
        let hashes = (0..2_000_u64).map(|n| Some(if n < 1_000 { 7 } else { 5 }));
        let likeness = Likeness { bits: 5, fits: &|a, b| a % 2 == b % 2 };
        let found = groups(hashes, &likeness, folder.path(), || Ok(())).unwrap();
        assert!((0..).zip(&found).all(|(row, root)| *root == row % 2), "{found:?}");
        // A thousand flat pages, each of a colour of its own.
        let likeness = Likeness { bits: 5, fits: &|_, _| false };
        let alone = groups((0..1_000).map(|_| Some(0)), &likeness, folder.path(), || Ok(())).unwrap();
        assert!((0..).zip(&alone).all(|(row, root)| *root == row));
    }
}
