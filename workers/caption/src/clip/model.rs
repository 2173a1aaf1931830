use std::{fmt, path::PathBuf, sync::Arc};

use medley_models::{Models, Session, SessionOptions};
use ort::{
    inputs,
    value::{Outlet, TensorElementType, TensorRef, ValueType},
};

use super::{
    Embedder,
    preprocess::Preprocess,
    tokens::{CONTEXT, Tokenizer},
};
use crate::CaptionError;

/// Texts of one run of the text tower.
const TEXTS_AT_ONCE: usize = 32;
/// What CLIP's temperature was when training ended; similarities times this are logits.
const LOGIT_SCALE: f32 = 100.0;

/// Which two towers, and what they expect.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipSpec {
    /// The name in the registry, or of the owner's folder.
    pub name: String,
    /// A folder of the machine's owner with `visual.onnx` and `textual.onnx`, instead of the registry.
    pub folder: Option<PathBuf>,
    pub preprocess: Preprocess,
    /// Cosines times this are logits.
    pub logit_scale: f32,
}

impl ClipSpec {
    /// A model of the registry: one of OpenAI's that clip-as-service publishes as two ONNX towers.
    ///
    /// # Errors
    /// When the registry has no such CLIP model.
    pub fn of_registry(name: &str) -> Result<Self, CaptionError> {
        let side_px = match name {
            "clip-vit-base-patch32" | "clip-vit-base-patch16" | "clip-vit-large-patch14" => 224,
            "clip-vit-large-patch14-336" => 336,
            _ => {
                let known = "clip-vit-base-patch32, clip-vit-base-patch16, clip-vit-large-patch14, \
                    clip-vit-large-patch14-336, or one of [caption.models] in medley.toml";
                return Err(CaptionError::Params(format!("'{name}' is no CLIP model that is known: give {known}")));
            }
        };
        let preprocess = Preprocess::clip(side_px);
        Ok(Self { name: name.into(), folder: None, preprocess, logit_scale: LOGIT_SCALE })
    }

    /// Two towers of the owner's to CLIP's contract: `visual.onnx` [N, 3, side, side] → [N, dim] and `textual.onnx`
    /// [N, 77] → [N, dim].
    pub fn of_folder(name: &str, folder: PathBuf, side_px: u32) -> Self {
        let preprocess = Preprocess::clip(side_px);
        Self { name: name.into(), folder: Some(folder), preprocess, logit_scale: LOGIT_SCALE }
    }
}

/// CLIP's two towers on ONNX Runtime.
pub struct Clip {
    spec: ClipSpec,
    visual: Session,
    textual: Session,
    tokenizer: Tokenizer,
    ids: TensorElementType,
    dim: usize,
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clip").field("spec", &self.spec).field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl Clip {
    /// Loads both towers and checks that they keep the contract.
    ///
    /// # Errors
    /// When a file is missing (the sentence names the command that gets it) or is another kind of graph.
    pub fn open(models: &Models, spec: ClipSpec, options: SessionOptions) -> Result<Arc<Self>, CaptionError> {
        let session = |file: &str| match &spec.folder {
            None => models.session(&spec.name, file, options),
            Some(folder) => models.session_at(&folder.join(file), options),
        };
        let (visual, textual) = (session("visual.onnx")?, session("textual.onnx")?);
        let tokenizer = Tokenizer::open(&models.file("clip-vocabulary", "bpe.txt.gz")?)?;
        let ids = textual.with(|session| element(session.inputs().first()));
        let mut clip = Self { visual, textual, tokenizer, ids: TensorElementType::Int64, dim: 0, spec };
        clip.ids = match ids {
            Some(ty @ (TensorElementType::Int32 | TensorElementType::Int64)) => ty,
            _ => return Err(clip.broken("textual.onnx takes no token ids")),
        };
        // What the graphs give, they show: shapes in their headers are often symbolic.
        let image = vec![0.0; clip.spec.preprocess.values()];
        clip.dim = clip.raw_images(&image)?.first().map_or(0, Vec::len);
        let text = clip.raw_texts(&[clip.tokenizer.context("")])?.first().map_or(0, Vec::len);
        if clip.dim == 0 || clip.dim != text {
            return Err(clip.broken(&format!("its towers give vectors of {} and {text} values", clip.dim)));
        }
        Ok(Arc::new(clip))
    }

    pub fn spec(&self) -> &ClipSpec {
        &self.spec
    }

    fn broken(&self, what: &str) -> CaptionError {
        CaptionError::Contract { model: self.spec.name.clone(), what: what.into() }
    }

    fn raw_images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, CaptionError> {
        let side = self.spec.preprocess.side_px as usize;
        let count = pixels.len() / self.spec.preprocess.values();
        let failed = |source| CaptionError::Run { model: self.spec.name.clone(), source };
        self.visual.with(|session| {
            let input = TensorRef::from_array_view(([count, 3, side, side], pixels)).map_err(failed)?;
            let outputs = session.run(inputs![input]).map_err(failed)?;
            let (shape, values) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
            self.rows(shape, values, count)
        })
    }

    fn raw_texts(&self, contexts: &[[u32; CONTEXT]]) -> Result<Vec<Vec<f32>>, CaptionError> {
        let failed = |source| CaptionError::Run { model: self.spec.name.clone(), source };
        let shape = [contexts.len(), CONTEXT];
        let ids = contexts.as_flattened();
        self.textual.with(|session| {
            let outputs = if self.ids == TensorElementType::Int32 {
                let ids: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
                let input = TensorRef::from_array_view((shape, ids.as_slice())).map_err(failed)?;
                session.run(inputs![input]).map_err(failed)?
            } else {
                let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
                let input = TensorRef::from_array_view((shape, ids.as_slice())).map_err(failed)?;
                session.run(inputs![input]).map_err(failed)?
            };
            let (shape, values) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
            self.rows(shape, values, contexts.len())
        })
    }

    fn rows(&self, shape: &[i64], values: &[f32], count: usize) -> Result<Vec<Vec<f32>>, CaptionError> {
        if shape.len() != 2 || shape[0] != count as i64 || shape[1] < 1 {
            return Err(self.broken(&format!("a tower gives {shape:?} for {count} inputs")));
        }
        let rows: Vec<Vec<f32>> = values.chunks_exact(shape[1] as usize).map(|row| unit(row.to_vec())).collect();
        if rows.iter().flatten().all(|value| value.is_finite()) { Ok(rows) } else { Err(self.broken("it gives NaN")) }
    }
}

fn element(outlet: Option<&Outlet>) -> Option<TensorElementType> {
    match outlet?.dtype() {
        ValueType::Tensor { ty, .. } => Some(*ty),
        _ => None,
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

    fn logit_scale(&self) -> f32 {
        self.spec.logit_scale
    }

    fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, CaptionError> {
        self.raw_images(pixels)
    }

    fn texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, CaptionError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(TEXTS_AT_ONCE) {
            let contexts: Vec<_> = texts.iter().map(|text| self.tokenizer.context(text)).collect();
            vectors.extend(self.raw_texts(&contexts)?);
        }
        Ok(vectors)
    }
}
