use std::{fmt, sync::Arc};

use medley_models::{Models, SessionOptions};
use medley_vision::parallel;

use crate::{
    ClipError, ClipSpec, Embedder, Preprocess, Scoring,
    tokenizer::{Context, Tokenizer},
    tower::Tower,
    vector::unit,
};

/// Texts of one run of the text tower.
const TEXTS_AT_ONCE: usize = 32;
/// Runs of a tower at the same time, each on its share of the threads: where one waits for its threads to meet, the other
/// works. More would each hold the weights once more.
const RUNS_AT_ONCE: usize = 2;

/// Two towers on ONNX Runtime: one embeds images, the other texts.
pub struct Clip {
    spec: ClipSpec,
    visual: Tower,
    textual: Tower,
    tokenizer: Tokenizer,
    dim: usize,
    runs: usize,
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clip").field("spec", &self.spec).field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl Clip {
    /// Loads both towers and checks that they keep the contract. They share `threads` threads.
    ///
    /// # Errors
    /// When a file is missing (the sentence names the command that gets it) or is another kind of graph.
    pub fn open(models: &Models, spec: ClipSpec, threads: usize) -> Result<Arc<Self>, ClipError> {
        let runs = RUNS_AT_ONCE.min(threads.max(1));
        let options = SessionOptions { threads: (threads / runs).max(1), parallel: runs };
        let visual = spec.image_session(models, options)?;
        let textual = spec.text_session(models, options)?;
        let visual = Tower::of_images(&spec.name, spec.family, visual)?;
        let textual = Tower::of_texts(&spec.name, spec.family, textual)?;
        let tokenizer = Tokenizer::open(spec.family, &spec.vocabulary(models)?)?;
        let mut clip = Self { visual, textual, tokenizer, dim: 0, runs, spec };
        // Shapes in a graph's header are often symbolic, so one run of each tower finds the vector's length.
        let image = vec![0.0; clip.spec.preprocess.values()];
        clip.dim = clip.images(&image)?.first().map_or(0, Vec::len);
        let text = clip.texts(&[""])?.first().map_or(0, Vec::len);
        if clip.dim != text {
            let what = format!("its towers give vectors of {} and {text} values", clip.dim);
            return Err(ClipError::Contract { model: clip.spec.name, what });
        }
        Ok(Arc::new(clip))
    }

    pub fn spec(&self) -> &ClipSpec {
        &self.spec
    }
}

impl Embedder for Clip {
    fn dim(&self) -> usize {
        self.dim
    }

    fn preprocess(&self) -> &Preprocess {
        &self.spec.preprocess
    }

    fn scoring(&self) -> Scoring {
        self.spec.scoring
    }

    fn parallel_runs(&self) -> usize {
        self.runs
    }

    fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, ClipError> {
        let rows = self.visual.images(pixels, self.spec.preprocess.side_px as usize)?;
        Ok(rows.into_iter().map(unit).collect())
    }

    fn texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ClipError> {
        let some: Vec<&[&str]> = texts.chunks(TEXTS_AT_ONCE).collect();
        let vectors = parallel::map(&some, self.runs, |texts| {
            let contexts: Vec<Context> = texts.iter().map(|text| self.tokenizer.context(text)).collect();
            self.textual.texts(&contexts)
        })?;
        Ok(vectors.into_iter().flatten().map(unit).collect())
    }
}
