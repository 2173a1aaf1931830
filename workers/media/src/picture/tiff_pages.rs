//! The pages of a TIFF, opened one at a time.

use std::{collections::HashSet, fs::File, io::Read, path::Path};

use super::{Picture, PictureLimits, from_bytes};
use crate::{MediaError, Problem, error::name_of};

/// Directories that are looked at; more are a loop or a trap.
const MAX_PAGES: usize = 10_000;
const NEW_SUBFILE_TYPE: u16 = 254;
const SUBFILE_TYPE: u16 = 255;
/// Bits of `NewSubfileType`: a smaller version of another page, a mask of another page.
const REDUCED: u64 = 1;
const MASK: u64 = 4;
/// `SubfileType`'s reduced version of another page.
const OLD_REDUCED: u64 = 2;

/// A TIFF in memory and where its pages stand. Thumbnails and masks are no pages.
#[derive(Debug)]
pub struct TiffPages {
    bytes: Vec<u8>,
    name: String,
    limits: PictureLimits,
    header: Header,
    /// Places of the pages' directories in the file.
    pages: Vec<u64>,
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy)]
struct Header {
    big_endian: bool,
    /// `BigTIFF`: places of 8 bytes.
    big: bool,
}

impl TiffPages {
    /// Reads a file that is a TIFF; none when it is something else.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than allowed, or names no page.
    pub fn open(path: &Path, limits: &PictureLimits) -> Result<Option<Self>, MediaError> {
        let name = name_of(path);
        let io = |error| MediaError::io(&name, error);
        let mut file = File::open(path).map_err(io)?;
        let mut start = Vec::new();
        file.by_ref().take(16).read_to_end(&mut start).map_err(io)?;
        let Some(header) = Header::of(&start) else { return Ok(None) };
        let mut bytes = start;
        file.take(limits.max_bytes + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > limits.max_bytes {
            let what = format!("has more than the {} bytes allowed", limits.max_bytes);
            return Err(MediaError::new(&name, Problem::TooLarge(what)));
        }
        let pages = header.pages(&bytes);
        if pages.is_empty() {
            return Err(MediaError::undecodable(&name, "it names no page"));
        }
        Ok(Some(Self { bytes, name, limits: limits.clone(), header, pages }))
    }

    /// How many pages there are, thumbnails and masks left out.
    #[expect(clippy::len_without_is_empty, reason = "a TIFF that was opened has a page")]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Decodes the page of this number, counted from 0.
    ///
    /// # Errors
    /// As [`from_bytes`]; also when there is no such page.
    pub fn page(&mut self, number: usize) -> Result<Picture, MediaError> {
        let Some(&at) = self.pages.get(number) else {
            return Err(MediaError::undecodable(&self.name, format!("it has no page {}", number + 1)));
        };
        // A decoder reads the page that the header names first.
        self.header.name_first(&mut self.bytes, at);
        from_bytes(&self.bytes, &self.name, &self.limits)
    }
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"MM" => true,
            b"II" => false,
            _ => return None,
        };
        let plain = Self { big_endian, big: false };
        match plain.number(bytes, 2, 2)? {
            42 => Some(plain),
            43 => Some(Self { big: true, ..plain }),
            _ => None,
        }
    }

    /// An unsigned number of `size` bytes.
    fn number(self, bytes: &[u8], at: u64, size: usize) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = bytes.get(at..at.checked_add(size)?)?;
        let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if self.big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) })
    }

    /// Bytes of a place in the file, of a directory's count, and of one of its entries; where the first place stands.
    fn sizes(self) -> (usize, usize, u64, u64) {
        if self.big { (8, 8, 20, 8) } else { (4, 2, 12, 4) }
    }

    fn name_first(self, bytes: &mut [u8], page: u64) {
        let (size, _, _, first) = self.sizes();
        let printed = if self.big_endian { page.to_be_bytes() } else { page.to_le_bytes() };
        let printed = if self.big_endian { &printed[8 - size..] } else { &printed[..size] };
        let first = first as usize;
        if let Some(place) = bytes.get_mut(first..first + size) {
            place.copy_from_slice(printed);
        }
    }

    /// Directories in their order; all of them where each says that it is a smaller version.
    fn pages(self, bytes: &[u8]) -> Vec<u64> {
        let (size, count_size, entry_size, first) = self.sizes();
        let (mut whole, mut all, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        let mut next = self.number(bytes, first, size);
        while let Some(at) = next.filter(|&at| at != 0 && all.len() < MAX_PAGES) {
            let Some(count) = self.number(bytes, at, count_size).filter(|_| seen.insert(at)) else { break };
            all.push(at);
            let entries = at + count_size as u64;
            if !self.is_aside(bytes, entries, count) {
                whole.push(at);
            }
            next = count
                .checked_mul(entry_size)
                .and_then(|length| entries.checked_add(length))
                .and_then(|end| self.number(bytes, end, size));
        }
        if whole.is_empty() { all } else { whole }
    }

    /// Is the directory's picture a thumbnail or a mask of another?
    fn is_aside(self, bytes: &[u8], entries: u64, count: u64) -> bool {
        let (_, _, entry_size, _) = self.sizes();
        let value_at = if self.big { 12 } else { 8 };
        (0..count.min(4096)).any(|index| {
            let entry = entries + index * entry_size;
            // A short stands in the first bytes of the value, a long fills four.
            let value_size = if self.number(bytes, entry + 2, 2) == Some(3) { 2 } else { 4 };
            let value = self.number(bytes, entry + value_at, value_size).unwrap_or_default();
            match self.number(bytes, entry, 2).and_then(|tag| u16::try_from(tag).ok()) {
                Some(NEW_SUBFILE_TYPE) => value & (REDUCED | MASK) != 0,
                Some(SUBFILE_TYPE) => value == OLD_REDUCED,
                _ => false,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TIFF of grey pages of one colour each: width, height, grey, `NewSubfileType`.
    fn tiff(pages: &[(u16, u16, u8, u32)], big_endian: bool) -> Vec<u8> {
        let short = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let long = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut out = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        out.extend(short(42));
        out.extend(long(8));
        for (index, &(width, height, grey, subfile)) in pages.iter().enumerate() {
            let strip = u32::from(width) * u32::from(height);
            let data = out.len() as u32 + 2 + 9 * 12 + 4;
            out.extend(short(9));
            let entries = [
                (254, 4, subfile),
                (256, 3, u32::from(width)),
                (257, 3, u32::from(height)),
                (258, 3, 8),
                (259, 3, 1),
                (262, 3, 1),
                (273, 4, data),
                (278, 3, u32::from(height)),
                (279, 4, strip),
            ];
            for (tag, kind, value) in entries {
                out.extend([short(tag), short(kind)].concat());
                out.extend(long(1));
                if kind == 3 {
                    out.extend(short(value as u16));
                    out.extend([0; 2]);
                } else {
                    out.extend(long(value));
                }
            }
            let last = index + 1 == pages.len();
            out.extend(long(if last { 0 } else { data + strip }));
            out.extend(vec![grey; strip as usize]);
        }
        out
    }

    fn opened(bytes: &[u8]) -> Option<TiffPages> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.tif");
        std::fs::write(&path, bytes).unwrap();
        TiffPages::open(&path, &PictureLimits::default()).unwrap()
    }

    #[test]
    fn every_page_is_opened_in_its_own_size_and_thumbnails_are_not() {
        for big_endian in [false, true] {
            let bytes = tiff(&[(4, 3, 9, 1), (40, 30, 10, 0), (20, 50, 20, 2), (40, 30, 30, 4)], big_endian);
            let mut pages = opened(&bytes).unwrap();
            assert_eq!(pages.len(), 2);
            // In any order.
            for (number, size, grey) in [(1, (20, 50), 20), (0, (40, 30), 10)] {
                let page = pages.page(number).unwrap();
                assert_eq!(((page.width_px, page.height_px), page.pixel(3, 3)), (size, [grey; 3]));
            }
            assert!(pages.page(2).is_err());
        }
    }

    #[test]
    fn a_lone_thumbnail_is_a_page_and_a_loop_ends() {
        assert_eq!(opened(&tiff(&[(4, 3, 9, 1)], false)).unwrap().len(), 1);
        let mut looped = tiff(&[(4, 3, 9, 0)], false);
        let next = 8 + 2 + 9 * 12;
        looped[next..next + 4].copy_from_slice(&8u32.to_le_bytes());
        assert_eq!(opened(&looped).unwrap().len(), 1);
        // The first directory lies behind the end.
        let mut lost = tiff(&[(4, 3, 9, 0)], false);
        lost[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lost.tif");
        std::fs::write(&path, lost).unwrap();
        assert!(TiffPages::open(&path, &PictureLimits::default()).is_err());
        assert!(opened(b"\x89PNG").is_none() && opened(b"").is_none());
    }
}
