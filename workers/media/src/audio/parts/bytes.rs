use std::{fs::File, io, os::unix::fs::FileExt};

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;

/// A file's bytes by their places, read in blocks: for walks that go forward.
pub(crate) struct Bytes<'a> {
    file: &'a File,
    end: u64,
    block: Vec<u8>,
    start: u64,
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(file: &'a File, end: u64) -> Self {
        Self { file, end, block: Vec::new(), start: 0 }
    }

    /// Of the file.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Up to `len` (at most 64 KiB) bytes from a place on; fewer at the end.
    pub(crate) fn at(&mut self, place: u64, len: usize) -> io::Result<&[u8]> {
        let wanted = len.min(usize::try_from(self.end.saturating_sub(place)).unwrap_or(usize::MAX));
        let held = place.checked_sub(self.start).filter(|&at| at + wanted as u64 <= self.block.len() as u64);
        let at = match held {
            Some(at) => at as usize,
            None => {
                self.fill(place)?;
                0
            }
        };
        Ok(&self.block[at..self.block.len().min(at + wanted)])
    }

    /// Whether these bytes stand at a place.
    pub(crate) fn is(&mut self, place: u64, mark: &[u8]) -> io::Result<bool> {
        Ok(self.at(place, mark.len())? == mark)
    }

    /// The first place from `from` on, before `to`, at which `mark` stands.
    pub(crate) fn find(&mut self, mark: &[u8], from: u64, to: u64) -> io::Result<Option<u64>> {
        let mut at = from;
        while at < to {
            let block = self.at(at, 64 << 10)?;
            if block.len() < mark.len() {
                return Ok(None);
            }
            let first = mark.first().copied().unwrap_or(0);
            let mut inside = 0;
            while let Some(next) = block[inside..].iter().position(|&byte| byte == first) {
                let place = inside + next;
                if block[place..].starts_with(mark) {
                    let found = at + place as u64;
                    return Ok((found < to).then_some(found));
                }
                inside = place + 1;
            }
            at += (block.len() + 1 - mark.len()) as u64;
        }
        Ok(None)
    }

    fn fill(&mut self, place: u64) -> io::Result<()> {
        let wanted = BLOCK.min(usize::try_from(self.end.saturating_sub(place)).unwrap_or(BLOCK));
        self.block.resize(wanted, 0);
        self.start = place;
        let mut filled = 0;
        while filled < wanted {
            match self.file.read_at(&mut self.block[filled..], place + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.block.clear();
                    return Err(error);
                }
            }
        }
        self.block.truncate(filled);
        Ok(())
    }
}
