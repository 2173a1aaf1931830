//! Finding images in a finished data set: by words, by text in the image, by a picture, by one of its own rows.
//!
//! Everything is mapped into memory and nothing is loaded: `search.idx` says where each row starts and carries its
//! perceptual hash, `embeddings.npy` is scanned exactly (docs/decisions/0047-search-is-an-exact-scan.md).

mod index;
mod vectors;
mod words;

use std::{
    io,
    path::{Path, PathBuf},
};

use medley_models::Models;
use medley_proto::{ErrorCode, Manifest};
use medley_step::{Host, Retryable, StepError};

pub(super) use self::index::Writer as IndexWriter;
use self::{index::Index, vectors::Vectors};
use super::{LibraryParams, LibraryRow};
use crate::{
    CaptionConfig, CaptionError, LookParams, LookSlots, Looker, PHash,
    clip::{Clip, ClipSpec, Embedder},
};

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// Words in captions, tags, text and names.
    Words(String),
    /// This text, read in the image, whatever its case.
    Text(String),
    /// Images like this row of the data set.
    Like(u32),
    /// Images like this file.
    Image(PathBuf),
}

/// An image that was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Hit {
    /// The line of `captions.jsonl`, from 0.
    pub number: u32,
    /// The higher the better: a cosine, the share of a hash's bits that are equal, or the weight of words.
    pub score: f32,
    #[serde(flatten)]
    pub row: LibraryRow,
}

/// How images were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Embedding,
    PerceptualHash,
    Words,
}

/// What a search gives.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Found {
    pub by: By,
    /// The best first.
    pub hits: Vec<Hit>,
}

/// Why nothing can be searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("{}: {what}; give the folder that `medley run library … -o` made", path.display())]
    NoDataSet {
        path: PathBuf,
        what: String,
        #[source]
        source: Option<io::Error>,
    },
    #[error("row {row}: the data set has rows 0 to {last}")]
    NoSuchRow { row: u32, last: u32 },
    #[error("{0}")]
    NothingToCompare(String),
    #[error(transparent)]
    Look(#[from] CaptionError),
}

impl Retryable for SearchError {
    fn into_step_error(self) -> StepError {
        let code = match self {
            Self::Look(error) => return error.into_step_error(),
            Self::NoDataSet { .. } | Self::NoSuchRow { .. } => ErrorCode::INPUT_NOT_FOUND,
            Self::NothingToCompare(_) => ErrorCode::MEDIA_UNDECODABLE,
        };
        StepError::permanent(code, self.to_string()).because(self)
    }
}

/// A finished data set.
#[derive(Debug)]
pub struct Library {
    index: Index,
    vectors: Option<Vectors>,
    /// The CLIP model that made the embeddings.
    model: Option<String>,
    /// Where a model of the owner's is.
    config: CaptionConfig,
}

impl Library {
    /// Opens the folder of a data set.
    ///
    /// # Errors
    /// When there is none, or it was changed after it was made.
    pub fn open(folder: &Path) -> Result<Self, SearchError> {
        let index = Index::open(folder)?;
        let vectors = Vectors::open(&folder.join("embeddings.npy"))?;
        let manifest = std::fs::read(folder.join("manifest.json")).ok();
        let manifest: Option<Manifest> = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let params =
            manifest.and_then(|manifest| serde_json::from_value::<LibraryParams>(manifest.provenance.params).ok());
        let model = params.and_then(|params| params.look.model);
        Ok(Self { index, vectors, model, config: CaptionConfig::default() })
    }

    /// With the models that the owner of the machine has named.
    #[must_use]
    pub fn configured(self, config: CaptionConfig) -> Self {
        Self { config, ..self }
    }

    /// How many images it has.
    pub fn images(&self) -> u32 {
        self.index.rows()
    }

    /// The CLIP model that made its embeddings, if it has any.
    pub fn model(&self) -> Option<&str> {
        self.vectors.as_ref().and(self.model.as_deref())
    }

    /// The best `most` images.
    ///
    /// # Errors
    /// When the query's image cannot be read, or there is no such row.
    pub fn search(&self, query: &Query, most: usize, models: &Models, host: &dyn Host) -> Result<Found, SearchError> {
        match query {
            Query::Words(text) => match self.embed(text, models)? {
                Some(vector) => self.nearest(&vector, most),
                None => self.found(By::Words, words::search(&self.index, text, most)),
            },
            Query::Text(text) => self.found(By::Words, words::read_in_images(&self.index, text, most)),
            Query::Like(row) => self.like(*row, most),
            Query::Image(path) => self.like_image(path, most, models, host),
        }
    }

    /// The text in the space of the data set's embeddings; none without embeddings, or without their model here.
    fn embed(&self, text: &str, models: &Models) -> Result<Option<Vec<f32>>, SearchError> {
        let Some(model) = self.model() else { return Ok(None) };
        match ClipSpec::named(model, &self.config).and_then(|spec| Clip::open(models, spec, 1)) {
            Ok(clip) => Ok(clip.texts(&[text])?.pop()),
            Err(CaptionError::Model(_) | CaptionError::Params(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The best `most` images for an embedding of the data set's model: a sentence's, an image's.
    ///
    /// # Errors
    /// When the data set has none of so many values.
    pub fn nearest(&self, vector: &[f32], most: usize) -> Result<Found, SearchError> {
        let vectors = self.vectors.as_ref().filter(|vectors| vectors.dim() == vector.len()).ok_or_else(|| {
            SearchError::NothingToCompare(format!("the data set has no embeddings of {} values", vector.len()))
        })?;
        let nearest = vectors.nearest(vector, most);
        let rows = self.index.rows_of_embeddings();
        let hits = nearest.into_iter().filter_map(|(embedding, score)| Some((*rows.get(embedding as usize)?, score)));
        self.found(By::Embedding, hits.collect())
    }

    fn like(&self, row: u32, most: usize) -> Result<Found, SearchError> {
        let last = self.images().saturating_sub(1);
        let record = self.index.record(row).ok_or(SearchError::NoSuchRow { row, last })?;
        let mut found = match (&self.vectors, record.embedding, record.phash) {
            (Some(vectors), Some(embedding), _) if embedding < vectors.rows() => {
                let vector = vectors.vector(embedding).to_vec();
                self.nearest(&vector, most + 1)?
            }
            (_, _, Some(phash)) => self.by_hash(phash, most + 1)?,
            _ => return Err(SearchError::NothingToCompare(format!("row {row} was not readable; choose another"))),
        };
        found.hits.retain(|hit| hit.number != row);
        found.hits.truncate(most);
        Ok(found)
    }

    fn like_image(&self, path: &Path, most: usize, models: &Models, host: &dyn Host) -> Result<Found, SearchError> {
        let model = self.model().map(str::to_owned);
        let params = LookParams { model, text: false, people: false, nsfw: false, ..LookParams::default() };
        let looker = Looker::configured(models, &params, LookSlots { threads: 1, calls: 1 }, &self.config)?;
        let files = [(path.display().to_string(), path.to_owned())];
        let seen = looker.look(&files, host)?.pop();
        let seen =
            seen.ok_or_else(|| SearchError::NothingToCompare(format!("{} was not looked at", path.display())))?;
        match (seen.embedding, seen.row.phash, seen.row.error) {
            (_, _, Some(error)) => Err(SearchError::NothingToCompare(error.message)),
            (Some(vector), ..) if self.vectors.is_some() => self.nearest(&vector, most),
            (_, Some(PHash(phash)), _) => self.by_hash(phash, most),
            _ => Err(SearchError::NothingToCompare(format!("{} has no hash", path.display()))),
        }
    }

    fn by_hash(&self, phash: u64, most: usize) -> Result<Found, SearchError> {
        let mut best = Best::new(most);
        for number in 0..self.images() {
            let other = self.index.record(number).and_then(|record| record.phash);
            if let Some(other) = other {
                best.add(number, 1.0 - (phash ^ other).count_ones() as f32 / 64.0);
            }
        }
        self.found(By::PerceptualHash, best.finish())
    }

    fn found(&self, by: By, hits: Vec<(u32, f32)>) -> Result<Found, SearchError> {
        let hits = hits.into_iter().map(|(number, score)| Ok(Hit { number, score, row: self.index.row(number)? }));
        Ok(Found { by, hits: hits.collect::<Result<_, SearchError>>()? })
    }
}

/// The best of many, the first of equals.
#[derive(Debug)]
struct Best {
    most: usize,
    /// The worst first.
    kept: Vec<(u32, f32)>,
}

impl Best {
    fn new(most: usize) -> Self {
        Self { most, kept: Vec::with_capacity(most.min(1_000) + 1) }
    }

    fn add(&mut self, number: u32, score: f32) {
        if self.kept.len() == self.most && self.kept.first().is_none_or(|worst| score <= worst.1) {
            return;
        }
        let at = self.kept.partition_point(|kept| kept.1 < score);
        self.kept.insert(at, (number, score));
        if self.kept.len() > self.most {
            self.kept.remove(0);
        }
    }

    /// The best first.
    fn finish(mut self) -> Vec<(u32, f32)> {
        self.kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order() {
        let mut best = Best::new(3);
        [0.1, 0.9, 0.5, 0.9, 0.2].iter().zip(0..).for_each(|(score, number)| best.add(number, *score));
        assert_eq!(best.finish(), [(1, 0.9), (3, 0.9), (2, 0.5)]);
        let mut none = Best::new(0);
        none.add(1, 1.0);
        assert!(none.finish().is_empty());
    }
}
