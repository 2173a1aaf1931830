//! Assembles the data set from the last part: finds duplicates and outliers over all images, then writes every row once.
//!
//! In memory are the facts about each image (`rows::Fact`) and the root of its group; rows, embeddings and thumbnails are
//! streamed from the part's files.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
};

use medley_media::source::Entry;
use medley_step::{StepContext, StepError};
use serde_json::{Map, Value};

use super::{
    DataSet, LibraryOutput, LibraryParams, LibraryRow,
    merge::{self, read_thumbnail},
    near_duplicates::{self, Likeness},
    outliers::Statistics,
    rows::Fact,
    step::{Assembled, Part},
    webdataset::{ListedImage, PackList},
    write::Writers,
};
use crate::{Row, npy};

const EMBEDDINGS: &str = "embeddings.npy";
/// What the manifest says of the data set, from the assembling step to the last one.
const QUALITY: &str = "library.quality.json";
/// Rows between two reports of progress.
const PROGRESS_EVERY: u32 = 1_000;

/// Assembles the data set. The first input is the answer of the listing step, the others are the files of the last part.
pub(super) fn assemble(params: &LibraryParams, of: Part, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
    let LibraryOutput::List(listing) = cx.input_json(0)? else {
        return Err(StepError::internal("the first input of an assembling step is the listing"));
    };
    let part = PartFiles { cx, dim: of.dim as usize };
    let facts = part.facts()?;
    let verdicts = Verdicts::new(&facts, &part, params)?;
    let mut tally = Tally::default();
    let mut pack_list = if params.writes(DataSet::Webdataset) { Some(PackList::create(cx)?) } else { None };
    let mut writers = Writers::create(params, of.images, cx)?;
    let mut list = part.lines(merge::LIST)?;
    let mut rows = part.lines(merge::ROWS)?;
    let mut thumbnails = part.open(merge::THUMBNAILS)?;
    let mut distances = verdicts.distances(&part)?;
    for (number, fact) in (0_u32..).zip(&facts) {
        if number.is_multiple_of(PROGRESS_EVERY) {
            cx.progress(number.into(), facts.len() as f64, "rows");
            cx.checkpoint()?;
        }
        let mut row: Row = next(&mut rows)?;
        row.embedding = fact.embedded.then_some(tally.embedded);
        let distance = distances.next(fact)?;
        let row = verdicts.row(number, row, fact, distance, params);
        tally.add(number, &row);
        writers.add(number, &row, &read_thumbnail(&mut thumbnails)?)?;
        let entry: Entry = next(&mut list)?;
        if let Some(pack_list) = &mut pack_list
            && row.dropped.is_none()
        {
            pack_list.add(&ListedImage { number, entry, row: row.row })?;
        }
    }
    writers.finish()?;
    if tally.embedded > 0 {
        let path = cx.place(EMBEDDINGS)?;
        npy::write(&path, tally.embedded.into(), of.dim, part.open(merge::VECTORS)?)?;
        cx.publish_file(EMBEDDINGS, "application/x-npy", &path)?;
    }
    let mut quality = tally.quality();
    quality.insert("images".into(), of.images.into());
    quality.insert("files_passed_over".into(), listing.files_passed_over.into());
    quality.insert("folders_passed_over".into(), listing.folders_passed_over.into());
    let archives = pack_list.map(PackList::finish).transpose()?.unwrap_or_default();
    if archives.is_empty() {
        quality.into_iter().for_each(|(key, value)| cx.quality(&key, value));
    } else {
        // The manifest has the quality of a job's last step, which this one then is not.
        cx.publish(QUALITY, "application/json", &serde_json::to_vec(&quality)?)?;
    }
    Ok(LibraryOutput::Assemble(Assembled { images: of.images, archives }))
}

/// Ends a library of which archives were packed: hands on what all other steps made, and says how good it is.
pub(super) fn hand_on(cx: &StepContext<'_>) -> Result<(), StepError> {
    for (n, input) in cx.inputs().iter().enumerate() {
        if input.name == QUALITY {
            let quality: Map<String, Value> = cx.input_json(n)?;
            quality.into_iter().for_each(|(key, value)| cx.quality(&key, value));
        } else {
            cx.hand_on(n, &input.name)?;
        }
    }
    Ok(())
}

fn next<T: serde::de::DeserializeOwned>(lines: &mut io::Lines<BufReader<File>>) -> Result<T, StepError> {
    let line = lines.next().ok_or_else(|| StepError::internal("a part has too few lines"))??;
    Ok(serde_json::from_str(&line)?)
}

/// The files of the part, among the step's inputs.
struct PartFiles<'c, 'a> {
    cx: &'c StepContext<'a>,
    dim: usize,
}

impl PartFiles<'_, '_> {
    fn path(&self, name: &str) -> Result<PathBuf, StepError> {
        let input = self.cx.inputs().iter().find(|input| input.name == name);
        let input = input.ok_or_else(|| StepError::internal(format!("the part has no {name}")))?;
        Ok(input.path.clone())
    }

    fn open(&self, name: &str) -> Result<BufReader<File>, StepError> {
        Ok(BufReader::with_capacity(1 << 18, File::open(self.path(name)?)?))
    }

    fn lines(&self, name: &str) -> Result<io::Lines<BufReader<File>>, StepError> {
        Ok(self.open(name)?.lines())
    }

    fn facts(&self) -> Result<Vec<Fact>, StepError> {
        let mut reader = self.open(merge::FACTS)?;
        let mut facts = Vec::new();
        while let Some(fact) = Fact::read(&mut reader)? {
            facts.push(fact);
        }
        Ok(facts)
    }

    fn vectors(&self) -> Result<Vectors, StepError> {
        Ok(Vectors { reader: self.open(merge::VECTORS)?, bytes: vec![0; self.dim * 4], vector: vec![0.0; self.dim] })
    }
}

/// Embeddings, one after the other.
struct Vectors {
    reader: BufReader<File>,
    bytes: Vec<u8>,
    vector: Vec<f32>,
}

impl Vectors {
    fn next(&mut self) -> io::Result<&[f32]> {
        self.reader.read_exact(&mut self.bytes)?;
        for (value, bytes) in self.vector.iter_mut().zip(self.bytes.as_chunks::<4>().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(&self.vector)
    }
}

/// The cosine distance of each embedding from the mean of all.
struct Distances {
    vectors: Vectors,
    mean: Vec<f32>,
}

impl Distances {
    fn next(&mut self, fact: &Fact) -> io::Result<Option<f32>> {
        if !fact.embedded {
            return Ok(None);
        }
        let cosine: f32 = self.vectors.next()?.iter().zip(&self.mean).map(|(a, b)| a * b).sum();
        Ok(Some(1.0 - cosine))
    }
}

/// Decisions about each image that depend on all images.
struct Verdicts {
    /// The best of each image's group; the image itself when it is alone.
    best: Vec<u32>,
    /// Whether the image is alone.
    alone: Vec<bool>,
    statistics: Statistics,
    mean: Vec<f32>,
}

impl Verdicts {
    fn new(facts: &[Fact], part: &PartFiles<'_, '_>, params: &LibraryParams) -> Result<Self, StepError> {
        let cx = part.cx;
        let hashes = facts.iter().map(|fact| fact.phash);
        let mut stop = None;
        let checkpoint = || {
            cx.checkpoint().map_err(|error| {
                stop = Some(error);
                io::Error::from(io::ErrorKind::Interrupted)
            })
        };
        let fits = |one: u32, other: u32| facts[one as usize].has_colours_of(&facts[other as usize]);
        let likeness = Likeness { bits: params.duplicate_bits, fits: &fits };
        let roots = match near_duplicates::groups(hashes, &likeness, cx.scratch(), checkpoint) {
            Ok(roots) => roots,
            Err(error) => return Err(stop.unwrap_or_else(|| error.into())),
        };
        let (best, alone) = best_of(facts, &roots);
        let mut verdicts = Self { best, alone, statistics: Statistics::default(), mean: part.mean(facts)? };
        let mut distances = verdicts.distances(part)?;
        for fact in facts {
            let distance = distances.next(fact)?;
            verdicts.statistics.add(fact, distance);
        }
        Ok(verdicts)
    }

    fn distances(&self, part: &PartFiles<'_, '_>) -> Result<Distances, StepError> {
        Ok(Distances { vectors: part.vectors()?, mean: self.mean.clone() })
    }

    fn row(&self, number: u32, row: Row, fact: &Fact, distance: Option<f32>, params: &LibraryParams) -> LibraryRow {
        let group = (!self.alone[number as usize]).then_some(self.best[number as usize]);
        let dropped = if !fact.readable {
            Some("unreadable")
        } else if fact.width.min(fact.height) < params.min_side_px {
            Some("too_small")
        } else if params.max_nsfw.is_some_and(|max| fact.nsfw.is_none_or(|score| score > max)) {
            Some("nsfw")
        } else if params.drop_duplicates && group.is_some_and(|best| best != number) {
            Some("duplicate")
        } else {
            None
        };
        let outlier = self.statistics.judge(fact, distance);
        LibraryRow { row, group, outlier, dropped: dropped.map(str::to_owned) }
    }
}

impl PartFiles<'_, '_> {
    /// The direction of the mean of all embeddings.
    fn mean(&self, facts: &[Fact]) -> Result<Vec<f32>, StepError> {
        let mut sum = vec![0.0_f64; self.dim];
        let mut vectors = self.vectors()?;
        for _ in facts.iter().filter(|fact| fact.embedded) {
            for (sum, value) in sum.iter_mut().zip(vectors.next()?) {
                *sum += f64::from(*value);
            }
        }
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-12);
        Ok(sum.into_iter().map(|value| (value / length) as f32).collect())
    }
}

/// Of each group the image with most pixels; of equals the largest file, then the first.
fn best_of(facts: &[Fact], roots: &[u32]) -> (Vec<u32>, Vec<bool>) {
    let rank = |row: u32| {
        let fact = &facts[row as usize];
        (fact.pixels(), fact.bytes, std::cmp::Reverse(row))
    };
    let mut best: Vec<u32> = (0..).take(roots.len()).collect();
    let mut alone = vec![true; roots.len()];
    for (row, &root) in (0_u32..).zip(roots) {
        if row != root {
            (alone[row as usize], alone[root as usize]) = (false, false);
            if rank(row) > rank(best[root as usize]) {
                best[root as usize] = row;
            }
        }
    }
    // Now that every row was compared, all of a group take over what their root found.
    let of_root = best.clone();
    roots.iter().enumerate().for_each(|(row, &root)| best[row] = of_root[root as usize]);
    (best, alone)
}

/// Counts over the whole data set, for the manifest.
#[derive(Default)]
struct Tally {
    embedded: u32,
    unreadable: u64,
    groups: u64,
    duplicates: u64,
    outliers: u64,
    dropped: u64,
}

impl Tally {
    fn add(&mut self, number: u32, row: &LibraryRow) {
        self.embedded += u32::from(row.row.embedding.is_some());
        self.unreadable += u64::from(row.row.error.is_some());
        self.groups += u64::from(row.group == Some(number));
        self.duplicates += u64::from(row.group.is_some_and(|best| best != number));
        self.outliers += u64::from(row.outlier.is_some());
        self.dropped += u64::from(row.dropped.is_some());
    }

    fn quality(&self) -> Map<String, Value> {
        let counts = [
            ("unreadable", self.unreadable),
            ("groups_of_duplicates", self.groups),
            ("duplicates", self.duplicates),
            ("outliers", self.outliers),
            ("left_out_of_training_sets", self.dropped),
            ("embeddings", self.embedded.into()),
        ];
        counts.into_iter().map(|(key, count)| (key.into(), count.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_a_group_has_most_pixels() {
        let fact = |width: u32, bytes: u64| Fact { width, height: 1, bytes, ..Fact::default() };
        let facts = [fact(5, 1), fact(9, 1), fact(9, 2), fact(7, 1), fact(9, 2)];
        let (best, alone) = best_of(&facts, &[0, 0, 0, 3, 0]);
        assert_eq!(best, [2, 2, 2, 3, 2]);
        assert_eq!(alone, [false, false, false, true, false]);
    }
}
