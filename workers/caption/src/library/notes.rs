//! What a look at a share notes down, so that whatever happens to one image is that image's row: also when it ends the
//! process ([`StepContext::notes`]).
//!
//! Images that were begun together when the process died are suspects and are looked at one by one the next time; the one
//! that was begun alone then is to blame. What was seen before is not looked at again.
//!
//! [`StepContext::notes`]: medley_step::StepContext::notes

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use medley_proto::ErrorCode;
use medley_step::StepError;
use serde::{Deserialize, Serialize};

use super::source::Entry;
use crate::{Row, RowError, Seen};

/// Images by their number in the share.
#[derive(Debug)]
pub(super) struct Notes {
    file: File,
    seen: BTreeMap<u32, Seen>,
    suspects: BTreeSet<u32>,
    to_blame: BTreeMap<u32, ErrorCode>,
}

/// A line of the file. The runtime writes `died`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begun(Vec<u32>),
    Seen(Box<Noted>),
    Died(ErrorCode),
}

#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    number: u32,
    row: Row,
    /// f32, little-endian, in base64.
    embedding: Option<String>,
    thumbnail: Option<String>,
}

impl Notes {
    /// The notes of earlier tries, if there were any.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let mut notes = Self { file, seen: BTreeMap::new(), suspects: BTreeSet::new(), to_blame: BTreeMap::new() };
        let mut begun = Vec::new();
        // A line that was being written when the process died is no line.
        for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            match line {
                Line::Begun(images) => begun = images,
                Line::Seen(noted) => {
                    begun.retain(|number| *number != noted.number);
                    notes.seen.extend(noted.read());
                }
                Line::Died(code) => match std::mem::take(&mut begun)[..] {
                    [one] => {
                        notes.to_blame.insert(one, code);
                    }
                    ref several => notes.suspects.extend(several),
                },
            }
        }
        Ok(notes)
    }

    /// Which of these are still to be looked at: each element together.
    pub(super) fn groups(&self, images: impl Iterator<Item = u32>) -> Vec<Vec<u32>> {
        let open = images.filter(|number| !self.seen.contains_key(number) && !self.to_blame.contains_key(number));
        let (suspects, others): (Vec<u32>, Vec<u32>) = open.partition(|number| self.suspects.contains(number));
        let others = Some(others).filter(|others| !others.is_empty());
        others.into_iter().chain(suspects.into_iter().map(|number| vec![number])).collect()
    }

    pub(super) fn begin(&mut self, images: &[u32]) -> Result<(), StepError> {
        self.write(&[Line::Begun(images.to_vec())])
    }

    pub(super) fn done(&mut self, seen: Vec<(u32, Seen)>) -> Result<(), StepError> {
        let lines: Vec<Line> =
            seen.iter().map(|(number, seen)| Line::Seen(Box::new(Noted::of(*number, seen)))).collect();
        self.write(&lines)?;
        self.seen.extend(seen);
        Ok(())
    }

    /// What was seen of an image; of one that ended the process, a row that says so.
    pub(super) fn take(&mut self, number: u32, entry: &Entry) -> Option<Seen> {
        let error = self.to_blame.get(&number).map(|code| ended(entry, code.clone()));
        match error {
            Some(error) => Some(Seen::failed(Row::failed(&entry.path, None, entry.bytes, error))),
            None => self.seen.remove(&number),
        }
    }

    /// How many images ended the process.
    pub(super) fn blamed(&self) -> usize {
        self.to_blame.len()
    }

    /// In one piece, so that the lines of others are not cut.
    fn write(&mut self, lines: &[Line]) -> Result<(), StepError> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        Ok(self.file.write_all(&text)?)
    }
}

impl Noted {
    fn of(number: u32, seen: &Seen) -> Self {
        let bytes = |vector: &Vec<f32>| vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        Self {
            number,
            row: seen.row.clone(),
            embedding: seen.embedding.as_ref().map(|vector| STANDARD.encode(bytes(vector))),
            thumbnail: seen.thumbnail.as_ref().map(|jpeg| STANDARD.encode(jpeg)),
        }
    }

    /// Nothing when it is damaged: the image is looked at again.
    fn read(self) -> Option<(u32, Seen)> {
        let decode = |text: Option<String>| text.map(|text| STANDARD.decode(text)).transpose().ok();
        let vector = |bytes: Vec<u8>| bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        let embedding = decode(self.embedding)?.map(vector);
        Some((self.number, Seen { row: self.row, embedding, thumbnail: decode(self.thumbnail)? }))
    }
}

/// Why an image that ended the process has no row worth the name.
fn ended(entry: &Entry, code: ErrorCode) -> RowError {
    let what = if code == ErrorCode::MEMORY_EXCEEDED {
        "to look at it takes more memory than a compute process may hold; raise limits.child_memory_mib or make it smaller"
    } else if code == ErrorCode::STEP_TIMEOUT {
        "to look at it takes longer than a step may; leave it out, or convert it"
    } else {
        "to look at it ended the compute process, twice; leave it out, or convert it, and please report it"
    };
    RowError { code, message: format!("{}: {what}", entry.path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::source::At;

    fn seen(path: &str) -> Seen {
        let row = Row { path: path.into(), sharpness: 0.1, ..Row::default() };
        Seen { row, embedding: Some(vec![0.6, -0.8, 1e-9]), thumbnail: Some(b"jpeg".to_vec()) }
    }

    fn die(path: &Path, code: &str) {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        write!(file, "\n{{\"died\":\"{code}\"}}\n").unwrap();
    }

    fn entry(path: &str) -> Entry {
        Entry { path: path.into(), bytes: 7, stamp: "s".into(), at: At::Path, error: None }
    }

    #[test]
    fn the_one_that_kills_alone_is_to_blame_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..4), [[0, 1, 2, 3]]);
        notes.begin(&[0, 1]).unwrap();
        notes.done(vec![(0, seen("0")), (1, seen("1"))]).unwrap();
        notes.begin(&[2, 3]).unwrap();
        // Killed in the middle of a line.
        notes.file.write_all(b"{\"seen\":{\"numb").unwrap();
        die(&path, "compute_crashed");

        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..6), [vec![4, 5], vec![2], vec![3]]);
        notes.begin(&[2]).unwrap();
        notes.done(vec![(2, seen("2"))]).unwrap();
        notes.begin(&[3]).unwrap();
        die(&path, "memory_exceeded");

        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..4), Vec::<Vec<u32>>::new());
        assert_eq!(
            (0..3).map(|n| notes.take(n, &entry("x"))).collect::<Vec<_>>(),
            ["0", "1", "2"].map(|p| Some(seen(p)))
        );
        let blamed = notes.take(3, &entry("3.png")).unwrap().row.error.unwrap();
        assert_eq!((blamed.code, notes.blamed()), (ErrorCode::MEMORY_EXCEEDED, 1));
        assert!(blamed.message.starts_with("3.png: "), "{}", blamed.message);
    }

    #[test]
    fn a_bystander_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let mut notes = Notes::open(&path).unwrap();
        notes.begin(&[0, 1]).unwrap();
        notes.done(vec![(0, seen("0"))]).unwrap();
        // Another step's death: nothing stands below.
        let notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..3), [[1, 2]]);
    }
}
