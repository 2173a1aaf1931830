use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use medley_models::{Models, Session, SessionOptions};

use super::{
    Embedder, Family, Preprocess, Scoring,
    tokens::{Context, Tokenizer},
    tower::Tower,
};
use crate::{CaptionError, OwnModel, look::spread::spread};

/// Texts of one run of the text tower.
const TEXTS_AT_ONCE: usize = 32;
/// Runs of a tower at the same time, each on its share of the threads: where one waits for its threads to meet, the other
/// works. More would each hold the weights once more.
const RUNS_AT_ONCE: usize = 2;

/// Where the towers are in a folder of the owner's: as clip-as-service has them, and as Optimum and transformers.js do.
const IMAGE_TOWERS: [&str; 3] = ["visual.onnx", "vision_model.onnx", "onnx/vision_model.onnx"];
const TEXT_TOWERS: [&str; 3] = ["textual.onnx", "text_model.onnx", "onnx/text_model.onnx"];

/// The models of the registry, their families and the side of their images in px.
const KNOWN: [(&str, Family, u32); 9] = [
    ("clip-vit-base-patch32", Family::Clip, 224),
    ("clip-vit-base-patch32-8bit", Family::Clip, 224),
    ("clip-vit-base-patch16", Family::Clip, 224),
    ("clip-vit-large-patch14", Family::Clip, 224),
    ("clip-vit-large-patch14-8bit", Family::Clip, 224),
    ("clip-vit-large-patch14-336", Family::Clip, 336),
    ("siglip-base-patch16-224", Family::Siglip, 224),
    ("chinese-clip-vit-base-patch16", Family::ChineseClip, 224),
    ("chinese-clip-vit-large-patch14", Family::ChineseClip, 224),
];

/// Which two towers, and what they expect.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipSpec {
    /// The name in the registry, or of the owner's folder.
    pub name: String,
    /// A folder of the machine's owner with both towers, instead of the registry.
    pub folder: Option<PathBuf>,
    pub family: Family,
    pub preprocess: Preprocess,
    pub scoring: Scoring,
}

impl ClipSpec {
    /// A model of the registry.
    ///
    /// # Errors
    /// When the registry has no such CLIP model.
    pub fn of_registry(name: &str) -> Result<Self, CaptionError> {
        let Some((_, family, side_px)) = KNOWN.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> = KNOWN.iter().map(|(known, ..)| *known).collect();
            let known = known.join(", ");
            return Err(CaptionError::Params(format!(
                "'{name}' is no CLIP model that is known: give {known}, or one of [caption.models] in medley.toml"
            )));
        };
        let (preprocess, scoring) = (family.preprocess(*side_px), family.scoring());
        Ok(Self { name: name.into(), folder: None, family: *family, preprocess, scoring })
    }

    /// Two towers of the owner's to the contract of their family.
    pub fn of_owner(name: &str, own: &OwnModel) -> Self {
        Self {
            name: name.into(),
            folder: Some(own.folder.clone()),
            family: own.family,
            preprocess: own.family.preprocess(own.side_px),
            scoring: own.family.scoring().with(own.logit_scale, own.logit_bias),
        }
    }

    fn session(&self, models: &Models, places: &[&str], options: SessionOptions) -> Result<Session, CaptionError> {
        match &self.folder {
            None => Ok(models.session(&self.name, places[0], options)?),
            Some(folder) => {
                let there = places.iter().map(|place| folder.join(place)).find(|path| path.is_file());
                let path = there.ok_or_else(|| self.lacks(folder, &places.join(" or ")))?;
                Ok(models.session_at(&path, options)?)
            }
        }
    }

    /// The vocabulary: the folder's, else the one that all models of the family share.
    fn vocabulary(&self, models: &Models) -> Result<PathBuf, CaptionError> {
        let own = |file: &str| self.folder.as_ref().map(|folder| folder.join(file)).filter(|path| path.is_file());
        match (self.family, &self.folder) {
            (Family::Clip, _) => Ok(models.file("clip-vocabulary", "bpe.txt.gz")?),
            (Family::ChineseClip, _) => match own("vocab.txt") {
                Some(path) => Ok(path),
                None => Ok(models.file("chinese-clip-vocabulary", "vocab.txt")?),
            },
            (Family::Siglip, None) => Ok(models.file(&self.name, "spiece.model")?),
            (Family::Siglip, Some(folder)) => own("spiece.model").ok_or_else(|| self.lacks(folder, "spiece.model")),
        }
    }

    fn lacks(&self, folder: &Path, files: &str) -> CaptionError {
        let what = format!("[caption.models.{}]: the folder {} has no {files}", self.name, folder.display());
        CaptionError::Params(what)
    }
}

/// Two towers on ONNX Runtime.
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
    /// Loads both towers, for so many threads in all, and checks that they keep the contract.
    ///
    /// # Errors
    /// When a file is missing (the sentence names the command that gets it) or is another kind of graph.
    pub fn open(models: &Models, spec: ClipSpec, threads: usize) -> Result<Arc<Self>, CaptionError> {
        let runs = RUNS_AT_ONCE.min(threads.max(1));
        let options = SessionOptions { threads: (threads / runs).max(1), parallel: runs };
        let (visual, textual) =
            (spec.session(models, &IMAGE_TOWERS, options)?, spec.session(models, &TEXT_TOWERS, options)?);
        let visual = Tower::of_images(&spec.name, spec.family, visual)?;
        let textual = Tower::of_texts(&spec.name, spec.family, textual)?;
        let tokenizer = Tokenizer::open(spec.family, &spec.vocabulary(models)?)?;
        let mut clip = Self { visual, textual, tokenizer, dim: 0, runs, spec };
        // What the graphs give, they show: shapes in their headers are often symbolic.
        let image = vec![0.0; clip.spec.preprocess.values()];
        clip.dim = clip.images(&image)?.first().map_or(0, Vec::len);
        let text = clip.texts(&[""])?.first().map_or(0, Vec::len);
        if clip.dim != text {
            let what = format!("its towers give vectors of {} and {text} values", clip.dim);
            return Err(CaptionError::Contract { model: clip.spec.name, what });
        }
        Ok(Arc::new(clip))
    }

    pub fn spec(&self) -> &ClipSpec {
        &self.spec
    }
}

/// The same direction, of length 1.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
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

    fn side_by_side(&self) -> usize {
        self.runs
    }

    fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, CaptionError> {
        let rows = self.visual.images(pixels, self.spec.preprocess.side_px as usize)?;
        Ok(rows.into_iter().map(unit).collect())
    }

    fn texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, CaptionError> {
        let some: Vec<&[&str]> = texts.chunks(TEXTS_AT_ONCE).collect();
        let vectors = spread(&some, self.runs, |texts| {
            let contexts: Vec<Context> = texts.iter().map(|text| self.tokenizer.context(text)).collect();
            self.textual.texts(&contexts)
        })?;
        Ok(vectors.into_iter().flatten().map(unit).collect())
    }
}
