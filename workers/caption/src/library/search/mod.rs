//! Finds images in a finished data set: by words, by text in the image, by a picture, or by one of its own rows.
//!
//! The files are mapped into memory, and none is loaded: `search.idx` has the start and the perceptual hash of each row,
//! `embeddings.npy` is scanned exactly (docs/decisions/0047-search-is-an-exact-scan.md).

mod index;
mod top;
mod vectors;
mod words;

use std::{
    io,
    path::{Path, PathBuf},
};

use medley_clip::{Clip, ClipError, ClipSpec, Embedder, Sentences};
use medley_models::{Models, SessionOptions};
use medley_proto::{ErrorCode, Manifest};
use medley_step::{Host, Retryable, StepError};

pub(super) use self::index::Writer as IndexWriter;
use self::{index::Index, top::Top, vectors::Vectors};
use super::{LibraryParams, LibraryRow};
use crate::{Analyzer, AnalyzerSlots, CaptionConfig, CaptionError, CaptionParams, PHash, analyzer::in_english};

const EMBEDDINGS: &str = "embeddings.npy";
/// A manifest has some kilobytes; a larger file is none.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// What to search for.
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

/// An image of the results.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Hit {
    /// The line of `captions.jsonl`, from 0.
    pub number: u32,
    /// The higher the better: a cosine, the share of a hash's bits that are equal, or the weight of words.
    pub score: f32,
    #[serde(flatten)]
    pub row: LibraryRow,
}

/// What images were compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparedBy {
    Embedding,
    PerceptualHash,
    Words,
}

/// The results of a search.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SearchResults {
    pub by: ComparedBy,
    /// The best first.
    pub hits: Vec<Hit>,
}

/// Why a search fails.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("{}: {what}; give the folder that `medley run library … -o` made", path.display())]
    NoDataSet {
        path: PathBuf,
        what: String,
        #[source]
        source: io::Error,
    },
    /// A file of the data set is not what `medley run library` wrote.
    #[error("{} is damaged: {what}; run `medley run library` again, into an empty folder", path.display())]
    Damaged {
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
    Analyze(#[from] CaptionError),
    #[error(transparent)]
    Clip(#[from] ClipError),
}

impl SearchError {
    /// A file of a data set cannot be searched as it is.
    pub const INDEX_DAMAGED: ErrorCode = ErrorCode::new("index_damaged");
}

impl Retryable for SearchError {
    fn into_step_error(self) -> StepError {
        let code = match self {
            Self::Analyze(error) => return error.into_step_error(),
            Self::Clip(error) => return error.into_step_error(),
            Self::NoDataSet { .. } | Self::NoSuchRow { .. } => ErrorCode::INPUT_NOT_FOUND,
            Self::Damaged { .. } => Self::INDEX_DAMAGED,
            Self::NothingToCompare(_) => ErrorCode::MEDIA_UNDECODABLE,
        };
        StepError::permanent(code, self.to_string()).because(self)
    }
}

/// A finished data set, opened for searching.
#[derive(Debug)]
pub struct Searcher {
    index: Index,
    vectors: Option<Vectors>,
    /// The CLIP model that made the embeddings.
    model: Option<String>,
    /// The owner's CLIP models.
    config: CaptionConfig,
}

impl Searcher {
    /// Opens the folder of a data set.
    ///
    /// # Errors
    /// When there is none, or it was changed after it was made.
    pub fn open(folder: &Path) -> Result<Self, SearchError> {
        let index = Index::open(folder)?;
        let vectors = Vectors::open(&folder.join(EMBEDDINGS))?;
        if let Some(vectors) = &vectors
            && vectors.rows() as usize != index.rows_of_embeddings().len()
        {
            let what = "search.idx knows of another number of embeddings".into();
            return Err(SearchError::Damaged { path: folder.join(EMBEDDINGS), what, source: None });
        }
        let manifest: Option<Manifest> = manifest(folder).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let params =
            manifest.and_then(|manifest| serde_json::from_value::<LibraryParams>(manifest.provenance.params).ok());
        let model = params.and_then(|params| params.analysis.model);
        Ok(Self { index, vectors, model, config: CaptionConfig::default() })
    }

    /// Adds the CLIP models of the machine's owner.
    #[must_use]
    pub fn configured(self, config: CaptionConfig) -> Self {
        Self { config, ..self }
    }

    /// The number of images.
    pub fn images(&self) -> u32 {
        self.index.rows()
    }

    /// Whether its vectors are of what is said of its images, which no CLIP model made.
    pub fn has_said_vectors(&self) -> bool {
        self.vectors.is_some() && self.model.is_none()
    }

    /// The CLIP model that made its embeddings, if one did.
    pub fn model(&self) -> Option<&str> {
        self.vectors.as_ref().and(self.model.as_deref())
    }

    /// The best images, at most `limit`.
    ///
    /// # Errors
    /// When the query's image cannot be read, or there is no such row.
    pub fn search(
        &self,
        query: &Query,
        limit: usize,
        models: &Models,
        host: &dyn Host,
    ) -> Result<SearchResults, SearchError> {
        match query {
            Query::Words(text) => match self.embed(text, models)? {
                Some(vector) => self.nearest_with_words(&vector, text, limit),
                None => self.results(ComparedBy::Words, words::search(&self.index, text, limit)?),
            },
            Query::Text(text) => self.results(ComparedBy::Words, words::read_in_images(&self.index, text, limit)?),
            Query::Like(row) => self.like(*row, limit),
            Query::Image(path) => self.like_image(path, limit, models, host),
        }
    }

    /// Embeds a text with the data set's model; none when the data set has no embeddings or the model is not here.
    fn embed(&self, text: &str, models: &Models) -> Result<Option<Vec<f32>>, SearchError> {
        let Some(model) = self.model() else { return self.embed_as_said(text, models) };
        match ClipSpec::named(model, &self.config.models).and_then(|spec| Clip::open(models, spec, 1)) {
            Ok(clip) => Ok(clip.texts(&[text])?.pop()),
            Err(ClipError::Model(_) | ClipError::Params(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same for a data set whose vectors are of what is said of its images.
    fn embed_as_said(&self, text: &str, models: &Models) -> Result<Option<Vec<f32>>, SearchError> {
        if self.vectors.as_ref().is_none_or(|vectors| vectors.dim() != Sentences::DIM) {
            return Ok(None);
        }
        match Sentences::open(models, SessionOptions::default()) {
            Ok(sentences) => Ok(Some(sentences.embed(&in_english(text).unwrap_or_else(|| text.to_owned()))?)),
            Err(ClipError::Model(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The images that have all the words of a text, then all others; both the nearest first. With a CLIP model, whose
    /// vectors are of the images themselves, words count for nothing.
    fn nearest_with_words(&self, vector: &[f32], text: &str, limit: usize) -> Result<SearchResults, SearchError> {
        if self.model.is_some() {
            return self.nearest(vector, limit);
        }
        let mut with_words = words::with_all(&self.index, text)?;
        if let Some(english) = in_english(text) {
            with_words.extend(words::with_all(&self.index, &english)?);
            with_words.sort_unstable();
            with_words.dedup();
        }
        let Some(vectors) = self.vectors.as_ref().filter(|vectors| vectors.dim() == vector.len()) else {
            return self.nearest(vector, limit);
        };
        let rows = self.index.rows_of_embeddings();
        let mut first = Top::new(limit);
        for row in &with_words {
            let embedding = self.index.record(*row).and_then(|record| record.embedding);
            if let Some(embedding) = embedding.filter(|embedding| *embedding < vectors.rows()) {
                first.add(*row, vectors.cosine(embedding, vector));
            }
        }
        let mut hits = first.finish();
        // Enough to fill up what is left, whichever of them came first already.
        let nearest = vectors.nearest(vector, limit.saturating_add(hits.len()));
        let rest = nearest.into_iter().filter_map(|(embedding, score)| Some((*rows.get(embedding as usize)?, score)));
        hits.extend(rest.filter(|(row, _)| with_words.binary_search(row).is_err()));
        hits.truncate(limit);
        self.results(ComparedBy::Embedding, hits)
    }

    /// The images nearest to an embedding by the data set's model, of a sentence or an image.
    ///
    /// # Errors
    /// When the data set has no embeddings of that length.
    pub fn nearest(&self, vector: &[f32], limit: usize) -> Result<SearchResults, SearchError> {
        let vectors = self.vectors.as_ref().filter(|vectors| vectors.dim() == vector.len()).ok_or_else(|| {
            SearchError::NothingToCompare(format!("the data set has no embeddings of {} values", vector.len()))
        })?;
        let nearest = vectors.nearest(vector, limit);
        let rows = self.index.rows_of_embeddings();
        let hits = nearest.into_iter().filter_map(|(embedding, score)| Some((*rows.get(embedding as usize)?, score)));
        self.results(ComparedBy::Embedding, hits.collect())
    }

    fn like(&self, row: u32, limit: usize) -> Result<SearchResults, SearchError> {
        let last = self.images().saturating_sub(1);
        let record = self.index.record(row).ok_or(SearchError::NoSuchRow { row, last })?;
        let mut results = match (&self.vectors, record.embedding, record.phash) {
            (Some(vectors), Some(embedding), _) if embedding < vectors.rows() => {
                let vector = vectors.vector(embedding).to_vec();
                self.nearest(&vector, limit.saturating_add(1))?
            }
            (_, _, Some(phash)) => self.by_hash(phash, limit.saturating_add(1))?,
            _ => return Err(SearchError::NothingToCompare(format!("row {row} was not readable; choose another"))),
        };
        results.hits.retain(|hit| hit.number != row);
        results.hits.truncate(limit);
        Ok(results)
    }

    fn like_image(
        &self,
        path: &Path,
        limit: usize,
        models: &Models,
        host: &dyn Host,
    ) -> Result<SearchResults, SearchError> {
        let model = self.model().map(str::to_owned);
        let objects = model.is_none() && self.vectors.is_some();
        let params =
            CaptionParams { model, objects, text: false, people: false, nsfw: false, ..CaptionParams::default() };
        let analyzer = Analyzer::with_config(models, &params, AnalyzerSlots { threads: 1, calls: 1 }, &self.config)?;
        let files = [(path.display().to_string(), path.to_owned())];
        let analysis = analyzer.analyze(&files, host)?.pop();
        let analysis =
            analysis.ok_or_else(|| SearchError::NothingToCompare(format!("{} was not looked at", path.display())))?;
        match (analysis.embedding, analysis.row.phash, analysis.row.error) {
            (_, _, Some(error)) => Err(SearchError::NothingToCompare(error.message)),
            (Some(vector), ..) if self.vectors.is_some() => self.nearest(&vector, limit),
            (_, Some(PHash(phash)), _) => self.by_hash(phash, limit),
            _ => Err(SearchError::NothingToCompare(format!("{} has no hash", path.display()))),
        }
    }

    fn by_hash(&self, phash: u64, limit: usize) -> Result<SearchResults, SearchError> {
        let mut best = Top::new(limit);
        for number in 0..self.images() {
            let other = self.index.record(number).and_then(|record| record.phash);
            if let Some(other) = other {
                best.add(number, 1.0 - (phash ^ other).count_ones() as f32 / 64.0);
            }
        }
        self.results(ComparedBy::PerceptualHash, best.finish())
    }

    fn results(&self, by: ComparedBy, hits: Vec<(u32, f32)>) -> Result<SearchResults, SearchError> {
        let hits = hits.into_iter().map(|(number, score)| Ok(Hit { number, score, row: self.index.row(number)? }));
        Ok(SearchResults { by, hits: hits.collect::<Result<_, SearchError>>()? })
    }
}

/// The job's manifest, if it is there. Without it, a data set is searched by words and hashes.
fn manifest(folder: &Path) -> Option<Vec<u8>> {
    let path = folder.join("manifest.json");
    let fits = std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_MANIFEST_BYTES);
    fits.then(|| std::fs::read(path).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use medley_step::testing::QuietHost;

    use super::*;
    use crate::{Row, npy};

    /// Three rows, two of them with an embedding.
    fn data_set(folder: &Path) {
        let mut index = IndexWriter::create(&folder.join("search.idx")).unwrap();
        let mut lines = Vec::new();
        for (number, name) in (0..).zip(["red mug.jpg", "green mug.jpg", "broken.jpg"]) {
            let known = number < 2;
            let row = Row {
                path: name.into(),
                caption: format!("an image of a {name}"),
                text: vec!["TOTAL 12.50".into()],
                phash: known.then_some(PHash(0x0f0f << number)),
                embedding: known.then_some(number),
                ..Row::default()
            };
            let row = LibraryRow { row, group: None, outlier: None, dropped: None };
            let start = lines.len();
            serde_json::to_writer(&mut lines, &row).unwrap();
            lines.push(b'\n');
            index.add(&row.row, (lines.len() - start) as u64).unwrap();
        }
        index.finish().unwrap();
        std::fs::write(folder.join("captions.jsonl"), lines).unwrap();
        let vectors: Vec<u8> = [1.0_f32, 0.0, 0.6, 0.8].iter().flat_map(|value| value.to_le_bytes()).collect();
        npy::write(&folder.join("embeddings.npy"), 2, 2, &vectors[..]).unwrap();
    }

    fn search(folder: &Path) -> Vec<Result<SearchResults, SearchError>> {
        let models = Models::open(folder);
        let queries = [Query::Words("mug".into()), Query::Text("total".into()), Query::Like(0), Query::Like(2)];
        let ask = |query: &Query| Searcher::open(folder)?.search(query, usize::MAX, &models, &QuietHost::default());
        let mut answers: Vec<_> = queries.iter().map(ask).collect();
        answers.push(Searcher::open(folder).and_then(|library| library.nearest(&[1.0, 0.0], 2)));
        answers
    }

    #[test]
    fn whatever_is_changed_or_cut_off_is_an_answer_and_never_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        data_set(folder.path());
        let sound = search(folder.path());
        assert_eq!(sound[0].as_ref().unwrap().hits.len(), 2);
        assert_eq!(sound[4].as_ref().unwrap().hits[0].row.row.path, "red mug.jpg");
        assert!(matches!(sound[3], Err(SearchError::NothingToCompare(_))), "{:?}", sound[3]);
        let mut refused = 0;
        for name in ["search.idx", "captions.jsonl", "embeddings.npy"] {
            let path = folder.path().join(name);
            let whole = std::fs::read(&path).unwrap();
            let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
            let changed = (0..whole.len()).flat_map(|at| {
                [0x01, 0xff].map(|bits| {
                    let mut bytes = whole.clone();
                    bytes[at] ^= bits;
                    bytes
                })
            });
            let longer = [&whole[..], b"x"].concat();
            for bytes in cut.chain(changed).chain([longer]) {
                std::fs::write(&path, bytes).unwrap();
                for error in search(folder.path()).into_iter().filter_map(Result::err) {
                    let code = error.into_step_error().code();
                    refused += u32::from(code == SearchError::INDEX_DAMAGED);
                    assert!([SearchError::INDEX_DAMAGED, ErrorCode::MEDIA_UNDECODABLE].contains(&code), "{code}");
                }
            }
            std::fs::write(&path, &whole).unwrap();
        }
        assert!(refused > 1_000, "{refused}");
    }

    #[test]
    fn lies_about_sizes_are_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = |name: &str, bytes: &[u8]| {
            data_set(folder.path());
            std::fs::write(folder.path().join(name), bytes).unwrap();
            let error = Searcher::open(folder.path()).unwrap_err();
            assert!(matches!(error, SearchError::Damaged { .. }), "{name}: {error}");
            assert!(error.to_string().contains(name) && error.to_string().contains("medley run library"), "{error}");
        };
        damaged("search.idx", b"MEDLEYX1");
        damaged("search.idx", b"");
        damaged("search.idx", &[b"MEDLEYX1", &u64::MAX.to_le_bytes()[..], &[0xff; 24]].concat());
        for shape in
            ["(4611686018427387905, 4)", "(2, 4611686018427387904)", "(18446744073709551615, 1)", "(2, 0)", "(3, 1)"]
        {
            let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let head = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
            damaged("embeddings.npy", &[&head[..], &[0; 16]].concat());
        }
        damaged("embeddings.npy", b"\x93NUMPY\x01\x00\xff\xff");
        std::fs::remove_file(folder.path().join("search.idx")).unwrap();
        assert!(matches!(Searcher::open(folder.path()), Err(SearchError::NoDataSet { .. })));
    }
}
