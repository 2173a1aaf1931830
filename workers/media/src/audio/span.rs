//! A stretch of a file that a decoder takes for a whole one.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    sync::Arc,
};

use symphonia::core::io::MediaSource;

/// Which bytes of a file a decoder sees: a beginning that is made up, then a range, in which some bytes are others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Comes before the range.
    pub(crate) prefix: Vec<u8>,
    /// Bytes at places of the file that are read as these.
    pub(crate) patches: Vec<(u64, Vec<u8>)>,
}

impl Span {
    pub(crate) fn new(start: u64, end: u64) -> Self {
        Self { start, end, prefix: Vec::new(), patches: Vec::new() }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether a decoder may as well be given a file of this length itself.
    pub(crate) fn is_whole(&self, file_bytes: u64) -> bool {
        self.start == 0 && self.end >= file_bytes && self.prefix.is_empty() && self.patches.is_empty()
    }
}

/// Reads a [`Span`].
#[derive(Debug, Clone)]
pub(crate) struct SpanReader {
    file: Arc<File>,
    span: Span,
    at: u64,
}

impl SpanReader {
    pub(crate) fn new(file: Arc<File>, span: Span) -> Self {
        Self { file, span, at: 0 }
    }

    fn len(&self) -> u64 {
        self.span.prefix.len() as u64 + self.span.bytes()
    }
}

impl Read for SpanReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let buffer = &mut buffer[..wanted];
        let prefix = usize::try_from(self.at).ok().and_then(|at| self.span.prefix.get(at..)).unwrap_or_default();
        if !prefix.is_empty() {
            let n = prefix.len().min(buffer.len());
            buffer[..n].copy_from_slice(&prefix[..n]);
            self.at += n as u64;
            return Ok(n);
        }
        let from = self.span.start + (self.at - self.span.prefix.len() as u64);
        let n = self.file.read_at(buffer, from)?;
        for (place, bytes) in &self.span.patches {
            for (place, byte) in (*place..).zip(bytes) {
                if let Some(there) = place.checked_sub(from).and_then(|at| buffer[..n].get_mut(at as usize)) {
                    *there = *byte;
                }
            }
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for SpanReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl MediaSource for SpanReader {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_span_reads_its_beginning_its_range_and_its_patches() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let span = Span { start: 2, end: 8, prefix: b"ab".to_vec(), patches: vec![(4, b"xy".to_vec())] };
        let mut reader = SpanReader::new(Arc::new(file), span);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ab23xy67");
        reader.seek(SeekFrom::End(-3)).unwrap();
        text.clear();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "y67");
    }
}
