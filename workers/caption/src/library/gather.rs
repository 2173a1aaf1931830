//! The data set, of the one part that is left: duplicates and outliers over all, then every row written once.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::PathBuf,
};

use medley_step::{StepContext, StepError};
use serde::{Deserialize, Serialize};

use super::{
    DataSet, LibraryOutput, LibraryParams, LibraryRow,
    merge::{self, read_thumbnail},
    near::{self, Likeness},
    outliers::Ordinary,
    pack,
    rows::Fact,
    source::Entry,
    step::{Merged, Pack},
    write::{self, Writers},
};
use crate::Row;

/// What goes into training archives, for the steps that pack them.
pub(super) const PACK_LIST: &str = "pack.jsonl";
const EMBEDDINGS: &str = "embeddings.npy";
const TELL_EVERY: u32 = 1_000;

/// A line of the list for packing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ToPack {
    pub(super) number: u32,
    pub(super) entry: Entry,
    pub(super) row: Row,
}

pub(super) fn gather(params: &LibraryParams, of: Merged, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
    let LibraryOutput::List(listing) = cx.input_json(0)? else {
        return Err(StepError::internal("the first input of a gather is the listing"));
    };
    let part = Part { cx, dim: of.dim as usize };
    let facts = part.facts()?;
    let verdicts = Verdicts::reach(&facts, &part, params)?;
    let mut tally = Tally::default();
    let mut packing = if params.writes(DataSet::Webdataset) { Some(Packing::create(cx)?) } else { None };
    let mut writers = Writers::create(params, of.images, cx)?;
    let mut list = part.lines(merge::LIST)?;
    let mut rows = part.lines(merge::ROWS)?;
    let mut thumbnails = part.open(merge::THUMBNAILS)?;
    let mut distances = verdicts.distances(&part)?;
    for (number, fact) in (0_u32..).zip(&facts) {
        if number.is_multiple_of(TELL_EVERY) {
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
        if let Some(packing) = &mut packing
            && row.dropped.is_none()
        {
            packing.add(&ToPack { number, entry, row: row.row })?;
        }
    }
    writers.finish()?;
    if tally.embedded > 0 {
        let path = cx.place(EMBEDDINGS)?;
        write::write_npy(&path, tally.embedded.into(), of.dim, part.open(merge::VECTORS)?)?;
        cx.publish_file(EMBEDDINGS, "application/x-npy", &path)?;
    }
    cx.quality("images", of.images);
    cx.quality("files_passed_over", listing.files_passed_over);
    cx.quality("folders_passed_over", listing.folders_passed_over);
    tally.tell(cx);
    let packs = packing.map(Packing::finish).transpose()?.unwrap_or_default();
    Ok(LibraryOutput::Gather { images: of.images, packs })
}

fn next<T: serde::de::DeserializeOwned>(lines: &mut io::Lines<BufReader<File>>) -> Result<T, StepError> {
    let line = lines.next().ok_or_else(|| StepError::internal("a part has too few lines"))??;
    Ok(serde_json::from_str(&line)?)
}

/// The files of the part.
struct Part<'c, 'a> {
    cx: &'c StepContext<'a>,
    dim: usize,
}

impl Part<'_, '_> {
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

/// What all images together say about each.
struct Verdicts {
    /// The best of each image's group; the image itself when it is alone.
    best: Vec<u32>,
    /// Whether the image is alone.
    alone: Vec<bool>,
    ordinary: Ordinary,
    mean: Vec<f32>,
}

impl Verdicts {
    fn reach(facts: &[Fact], part: &Part<'_, '_>, params: &LibraryParams) -> Result<Self, StepError> {
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
        let roots = match near::groups(hashes, &likeness, cx.scratch(), checkpoint) {
            Ok(roots) => roots,
            Err(error) => return Err(stop.unwrap_or_else(|| error.into())),
        };
        let (best, alone) = best_of(facts, &roots);
        let mut verdicts = Self { best, alone, ordinary: Ordinary::default(), mean: part.mean(facts)? };
        let mut distances = verdicts.distances(part)?;
        for fact in facts {
            let distance = distances.next(fact)?;
            verdicts.ordinary.add(fact, distance);
        }
        Ok(verdicts)
    }

    fn distances(&self, part: &Part<'_, '_>) -> Result<Distances, StepError> {
        Ok(Distances { vectors: part.vectors()?, mean: self.mean.clone() })
    }

    fn row(&self, number: u32, row: Row, fact: &Fact, distance: Option<f32>, params: &LibraryParams) -> LibraryRow {
        let group = (!self.alone[number as usize]).then_some(self.best[number as usize]);
        let dropped = if !fact.readable {
            Some("unreadable")
        } else if fact.width.min(fact.height) < params.min_side_px {
            Some("too_small")
        } else if params.max_nsfw.is_some_and(|most| fact.nsfw.is_none_or(|score| score > most)) {
            Some("nsfw")
        } else if params.drop_duplicates && group.is_some_and(|best| best != number) {
            Some("duplicate")
        } else {
            None
        };
        let outlier = self.ordinary.judge(fact, distance);
        LibraryRow { row, group, outlier, dropped: dropped.map(str::to_owned) }
    }
}

impl Part<'_, '_> {
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
    // A root stands before all of its group, so what it says is read after it is complete.
    let of_root = best.clone();
    roots.iter().enumerate().for_each(|(row, &root)| best[row] = of_root[root as usize]);
    (best, alone)
}

/// What the manifest says of the whole.
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

    fn tell(&self, cx: &StepContext<'_>) {
        cx.quality("unreadable", self.unreadable);
        cx.quality("groups_of_duplicates", self.groups);
        cx.quality("duplicates", self.duplicates);
        cx.quality("outliers", self.outliers);
        cx.quality("left_out_of_training_sets", self.dropped);
        cx.quality("embeddings", self.embedded);
    }
}

/// Writes down what goes into training archives, and shares it out among steps of whole archives.
struct Packing<'c, 'a> {
    cx: &'c StepContext<'a>,
    out: BufWriter<File>,
    /// Where each archive's lines start.
    starts: Vec<u64>,
    offset: u64,
    images: u32,
}

impl<'c, 'a> Packing<'c, 'a> {
    fn create(cx: &'c StepContext<'a>) -> Result<Self, StepError> {
        let out = BufWriter::new(File::create(cx.place(PACK_LIST)?)?);
        Ok(Self { cx, out, starts: Vec::new(), offset: 0, images: 0 })
    }

    fn add(&mut self, image: &ToPack) -> Result<(), StepError> {
        if self.images.is_multiple_of(pack::IMAGES) {
            self.starts.push(self.offset);
        }
        let mut line = serde_json::to_vec(image)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.offset += line.len() as u64;
        self.images += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Pack>, StepError> {
        self.out.flush()?;
        let cx = self.cx;
        cx.publish_file(PACK_LIST, "application/jsonl", &cx.place(PACK_LIST)?)?;
        let each = self.starts.len().div_ceil(pack::STEPS).max(1);
        let ends = self.starts.iter().skip(each).step_by(each).copied().chain([self.offset]);
        let packs = self.starts.iter().step_by(each).zip(ends).enumerate().map(|(n, (&offset, end))| Pack {
            offset,
            bytes: end - offset,
            first: u32::try_from(n * each).unwrap_or(u32::MAX),
            gathered: Vec::new(),
        });
        Ok(packs.collect())
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
