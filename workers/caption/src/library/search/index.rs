//! `search.idx`: a record for each row of `captions.jsonl`, to be mapped.
//!
//! Eight bytes of magic, the length of `captions.jsonl` (u64), then for each row where it starts (u64), its perceptual
//! hash (u64), the number of its embedding (u32, all ones without) and flags (u32, bit 0: there is a hash). All
//! little-endian.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

use memmap2::Mmap;

use super::SearchError;
use crate::{Row, library::LibraryRow};

const MAGIC: &[u8; 8] = b"MEDLEYX1";
const HEAD: usize = 16;
const RECORD: usize = 24;
const NONE: u32 = u32::MAX;

/// Writes the index while the rows are written.
pub(in crate::library) struct Writer {
    out: BufWriter<File>,
    offset: u64,
}

impl Writer {
    pub(in crate::library) fn create(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(MAGIC)?;
        out.write_all(&0_u64.to_le_bytes())?;
        Ok(Self { out, offset: 0 })
    }

    /// `bytes` is the length of the row's line.
    pub(in crate::library) fn add(&mut self, row: &Row, bytes: u64) -> io::Result<()> {
        self.out.write_all(&self.offset.to_le_bytes())?;
        self.out.write_all(&row.phash.map(|hash| hash.0).unwrap_or_default().to_le_bytes())?;
        self.out.write_all(&row.embedding.unwrap_or(NONE).to_le_bytes())?;
        self.out.write_all(&u32::from(row.phash.is_some()).to_le_bytes())?;
        self.offset += bytes;
        Ok(())
    }

    pub(in crate::library) fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        self.out.write_all(&self.offset.to_le_bytes())?;
        self.out.flush()
    }
}

/// What the index says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) offset: u64,
    pub(super) phash: Option<u64>,
    pub(super) embedding: Option<u32>,
}

/// The index and the rows, mapped.
#[derive(Debug)]
pub(super) struct Index {
    index: Mmap,
    rows: Mmap,
}

impl Index {
    pub(super) fn open(folder: &Path) -> Result<Self, SearchError> {
        let fail = |what: &str, source| SearchError::NoDataSet { path: folder.into(), what: what.into(), source };
        let index =
            map(&folder.join("search.idx")).map_err(|error| fail("there is no search.idx in it", Some(error)))?;
        let rows = map(&folder.join("captions.jsonl"))
            .map_err(|error| fail("there is no captions.jsonl in it", Some(error)))?;
        if index.get(..8) != Some(MAGIC) || !(index.len() - HEAD.min(index.len())).is_multiple_of(RECORD) {
            return Err(fail("its search.idx is none of this version", None));
        }
        let all = Self { index, rows };
        let fits = all.u64_at(8) == all.rows.len() as u64
            && (0..all.rows()).all(|row| all.line(row).is_some_and(|line| line.ends_with(b"\n")));
        if fits { Ok(all) } else { Err(fail("captions.jsonl was changed after its search.idx was made", None)) }
    }

    pub(super) fn rows(&self) -> u32 {
        u32::try_from((self.index.len() - HEAD) / RECORD).unwrap_or(u32::MAX)
    }

    fn u64_at(&self, at: usize) -> u64 {
        self.index.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
    }

    pub(super) fn record(&self, row: u32) -> Option<Record> {
        let at = HEAD + row as usize * RECORD;
        if row >= self.rows() {
            return None;
        }
        let last = self.u64_at(at + 16);
        let (embedding, flags) = (last as u32, last >> 32);
        Some(Record {
            offset: self.u64_at(at),
            phash: (flags & 1 == 1).then(|| self.u64_at(at + 8)),
            embedding: (embedding != NONE).then_some(embedding),
        })
    }

    /// A row's line, with its end.
    pub(super) fn line(&self, row: u32) -> Option<&[u8]> {
        let start = usize::try_from(self.record(row)?.offset).ok()?;
        let end = match self.record(row + 1) {
            Some(next) => usize::try_from(next.offset).ok()?,
            None => self.rows.len(),
        };
        self.rows.get(start..end)
    }

    pub(super) fn row(&self, row: u32) -> Result<LibraryRow, SearchError> {
        let damaged = |what: String| SearchError::NoDataSet { path: "captions.jsonl".into(), what, source: None };
        let line = self.line(row).ok_or_else(|| damaged(format!("it has no row {row}")))?;
        serde_json::from_slice(line).map_err(|error| damaged(format!("its row {row} cannot be read ({error})")))
    }

    /// The rows of embeddings, in the order of these.
    pub(super) fn rows_of_embeddings(&self) -> Vec<u32> {
        (0..self.rows()).filter(|row| self.record(*row).is_some_and(|record| record.embedding.is_some())).collect()
    }
}

/// Maps a file; an empty one too.
pub(super) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the file is read only. Whoever changes it while it is mapped changes what is read, and every use checks
    // bounds and parses; one who cuts it off ends this process with SIGBUS, as with every mapped file.
    unsafe { Mmap::map(&file) }
}
