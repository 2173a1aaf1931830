//! `search.idx`: a record for each row of `captions.jsonl`, to be mapped.
//!
//! Eight bytes of magic, the length of `captions.jsonl` (u64), then for each row where it starts (u64), its perceptual
//! hash (u64), the number of its embedding (u32, all ones without) and flags (u32, bit 0: there is a hash). All
//! little-endian.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use memmap2::Mmap;

use super::SearchError;
use crate::{Row, library::LibraryRow};

const INDEX: &str = "search.idx";
const ROWS: &str = "captions.jsonl";
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

/// The index's record of a row.
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
    folder: PathBuf,
}

impl Index {
    pub(super) fn open(folder: &Path) -> Result<Self, SearchError> {
        let there = |name: &str, what: &str| {
            let path = folder.join(name);
            map(&path).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    SearchError::NoDataSet { path: folder.into(), what: what.into(), source }
                }
                _ => SearchError::Damaged { path, what: "it cannot be read".into(), source: Some(source) },
            })
        };
        let index = there(INDEX, "there is no search.idx in it")?;
        let rows = there(ROWS, "there is no captions.jsonl in it")?;
        let path = folder.join(INDEX);
        let damaged = |what: &str| SearchError::Damaged { path: path.clone(), what: what.into(), source: None };
        let records = index.len().checked_sub(HEAD).filter(|_| index.get(..8) == Some(MAGIC));
        let records = records.ok_or_else(|| damaged("it is none of this version, or was cut off"))?;
        if !records.is_multiple_of(RECORD) || records / RECORD >= NONE as usize {
            return Err(damaged("it was cut off, or something was added to it"));
        }
        let all = Self { index, rows, folder: folder.into() };
        all.check().map_err(damaged)?;
        Ok(all)
    }

    /// Checks that the records are consistent: lines follow each other, and embeddings are numbered in order.
    fn check(&self) -> Result<(), &'static str> {
        let changed = "it does not fit captions.jsonl, which was changed after it was made, or was cut off";
        if self.u64_at(8) != self.rows.len() as u64 || self.record(0).is_some_and(|record| record.offset != 0) {
            return Err(changed);
        }
        let mut embeddings = 0;
        for number in 0..self.rows() {
            if !self.line(number).is_some_and(|line| line.ends_with(b"\n")) {
                return Err(changed);
            }
            if let Some(embedding) = self.record(number).and_then(|record| record.embedding) {
                if embedding != embeddings {
                    return Err("its embeddings are not in order");
                }
                embeddings += 1;
            }
        }
        // When the index was cut off, its last record spans several lines.
        let ends_there = match self.rows().checked_sub(1).and_then(|last| self.line(last)) {
            Some(line) => line.iter().filter(|byte| **byte == b'\n').count() == 1,
            None => self.rows.is_empty(),
        };
        if ends_there { Ok(()) } else { Err(changed) }
    }

    pub(super) fn rows(&self) -> u32 {
        u32::try_from(self.index.len().saturating_sub(HEAD) / RECORD).unwrap_or(u32::MAX)
    }

    fn u64_at(&self, at: usize) -> u64 {
        let bytes = self.index.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    pub(super) fn record(&self, row: u32) -> Option<Record> {
        if row >= self.rows() {
            return None;
        }
        let at = HEAD + row as usize * RECORD;
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
        let end = match row.checked_add(1).and_then(|next| self.record(next)) {
            Some(next) => usize::try_from(next.offset).ok()?,
            None => self.rows.len(),
        };
        self.rows.get(start..end)
    }

    pub(super) fn row(&self, row: u32) -> Result<LibraryRow, SearchError> {
        let damaged = |what: String| SearchError::Damaged { path: self.folder.join(ROWS), what, source: None };
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
    // Opening a pipe would block.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    // SAFETY: the file is only read. When another program changes it meanwhile, other bytes are read, and every use checks
    // bounds and parses. When another program truncates it, this process ends with SIGBUS, as with every mapped file.
    unsafe { Mmap::map(&file) }
}
