//! The notes that the analysis of a shard keeps across attempts ([`StepContext::notes`]), so that an image that ends the
//! process becomes a row with an error and costs no other image its analysis.
//!
//! Images that were begun together when the process died are suspects, and the next attempt analyzes them one by one. An
//! image that was begun alone when the process died is to blame. Results that are noted are not computed again.
//!
//! For example, with 40 images in batches of 16, of which number 3 needs too much memory:
//!
//! | attempt | begins | and then | notes |
//! |---|---|---|---|
//! | 1 | 0 to 15 | the process dies | `begun [0, …, 15]`, `died` |
//! | 2 | 0; 1; 2; 3, each alone | dies on 3 | `seen` 0, 1, 2; `begun [3]`, `died` |
//! | 3 | 4; …; 15, each alone, then 16 to 31 and 32 to 39 | ends well | `seen` of all others |
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

use crate::{Analysis, Row, RowError};
use medley_media::source::Entry;

/// The notes of one shard. Images go by their number in it.
#[derive(Debug)]
pub(super) struct Notes {
    file: File,
    analyses: BTreeMap<u32, Analysis>,
    suspects: BTreeSet<u32>,
    blamed: BTreeMap<u32, ErrorCode>,
}

/// A line of the file. The runtime writes `died`, with the error code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begun(Vec<u32>),
    #[serde(rename = "seen")]
    Analyzed(Box<Noted>),
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
    /// Opens the notes, with those of earlier attempts.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let mut notes = Self { file, analyses: BTreeMap::new(), suspects: BTreeSet::new(), blamed: BTreeMap::new() };
        let mut begun = Vec::new();
        // The last line is incomplete when the process died while writing it.
        for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            match line {
                Line::Begun(images) => begun = images,
                Line::Analyzed(noted) => {
                    begun.retain(|number| *number != noted.number);
                    notes.analyses.extend(noted.read());
                }
                Line::Died(code) => match std::mem::take(&mut begun)[..] {
                    [one] => {
                        notes.blamed.insert(one, code);
                    }
                    ref several => notes.suspects.extend(several),
                },
            }
        }
        Ok(notes)
    }

    /// The images that are still to be analyzed, in groups: each element of the result is analyzed together.
    pub(super) fn groups(&self, images: impl Iterator<Item = u32>) -> Vec<Vec<u32>> {
        let open = images.filter(|number| !self.analyses.contains_key(number) && !self.blamed.contains_key(number));
        let (suspects, others): (Vec<u32>, Vec<u32>) = open.partition(|number| self.suspects.contains(number));
        let others = Some(others).filter(|others| !others.is_empty());
        others.into_iter().chain(suspects.into_iter().map(|number| vec![number])).collect()
    }

    pub(super) fn begin(&mut self, images: &[u32]) -> Result<(), StepError> {
        self.write(&[Line::Begun(images.to_vec())])
    }

    pub(super) fn done(&mut self, analyses: Vec<(u32, Analysis)>) -> Result<(), StepError> {
        let lines: Vec<Line> =
            analyses.iter().map(|(number, analysis)| Line::Analyzed(Box::new(Noted::of(*number, analysis)))).collect();
        self.write(&lines)?;
        self.analyses.extend(analyses);
        Ok(())
    }

    /// Takes the analysis of an image; for one that ended the process, a row that says so.
    pub(super) fn take(&mut self, number: u32, entry: &Entry) -> Option<Analysis> {
        let error = self.blamed.get(&number).map(|code| ended(entry, code.clone()));
        match error {
            Some(error) => Some(Analysis::failed(Row::failed(&entry.path, None, entry.bytes, error))),
            None => self.analyses.remove(&number),
        }
    }

    /// How many images ended the process.
    pub(super) fn blamed(&self) -> usize {
        self.blamed.len()
    }

    /// Writes all lines in one piece, so that those of the runtime come before or after, not in between.
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
    fn of(number: u32, analysis: &Analysis) -> Self {
        let bytes = |vector: &Vec<f32>| vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        Self {
            number,
            row: analysis.row.clone(),
            embedding: analysis.embedding.as_ref().map(|vector| STANDARD.encode(bytes(vector))),
            thumbnail: analysis.thumbnail.as_ref().map(|jpeg| STANDARD.encode(jpeg)),
        }
    }

    /// None when the line is damaged; the image is then analyzed again.
    fn read(self) -> Option<(u32, Analysis)> {
        let decode = |text: Option<String>| text.map(|text| STANDARD.decode(text)).transpose().ok();
        let vector = |bytes: Vec<u8>| bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        let embedding = decode(self.embedding)?.map(vector);
        Some((self.number, Analysis { row: self.row, embedding, thumbnail: decode(self.thumbnail)? }))
    }
}

/// The error of an image that ended the process.
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
    use medley_media::source::Location;

    fn analysis(path: &str) -> Analysis {
        let row = Row { path: path.into(), sharpness: 0.1, ..Row::default() };
        Analysis { row, embedding: Some(vec![0.6, -0.8, 1e-9]), thumbnail: Some(b"jpeg".to_vec()) }
    }

    fn die(path: &Path, code: &str) {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        write!(file, "\n{{\"died\":\"{code}\"}}\n").unwrap();
    }

    fn entry(path: &str) -> Entry {
        Entry { path: path.into(), bytes: 7, stamp: "s".into(), at: Location::Path, error: None }
    }

    #[test]
    fn the_one_that_kills_alone_is_to_blame_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..4), [[0, 1, 2, 3]]);
        notes.begin(&[0, 1]).unwrap();
        notes.done(vec![(0, analysis("0")), (1, analysis("1"))]).unwrap();
        notes.begin(&[2, 3]).unwrap();
        // Killed in the middle of a line.
        notes.file.write_all(b"{\"seen\":{\"numb").unwrap();
        die(&path, "compute_crashed");

        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..6), [vec![4, 5], vec![2], vec![3]]);
        notes.begin(&[2]).unwrap();
        notes.done(vec![(2, analysis("2"))]).unwrap();
        notes.begin(&[3]).unwrap();
        die(&path, "memory_exceeded");

        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..4), Vec::<Vec<u32>>::new());
        assert_eq!(
            (0..3).map(|n| notes.take(n, &entry("x"))).collect::<Vec<_>>(),
            ["0", "1", "2"].map(|p| Some(analysis(p)))
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
        notes.done(vec![(0, analysis("0"))]).unwrap();
        // Another step's death: nothing stands below.
        let notes = Notes::open(&path).unwrap();
        assert_eq!(notes.groups(0..3), [[1, 2]]);
    }
}
