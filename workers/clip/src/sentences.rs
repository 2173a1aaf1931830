use std::fmt;

use medley_models::{Models, Session, SessionOptions};
use ort::value::Tensor;

use crate::{ClipError, tokenizer::WordPiece, vector::unit};

const MODEL: &str = "minilm";
/// A longer sentence loses its end.
const MAX_TOKENS: usize = 64;

/// English sentences as vectors: what means the same is near (all-MiniLM-L6-v2; Reimers and Gurevych, arXiv:1908.10084).
/// No image has a vector in this space but by the words that are said of it.
#[derive(Clone)]
pub struct Sentences {
    session: Session,
    words: std::sync::Arc<WordPiece>,
}

impl fmt::Debug for Sentences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sentences")
    }
}

impl Sentences {
    /// The length of a vector.
    pub const DIM: usize = 384;

    /// # Errors
    /// When the model `minilm` is missing or damaged.
    pub fn open(models: &Models, options: SessionOptions) -> Result<Self, ClipError> {
        let path = models.file(MODEL, "vocab.txt")?;
        let words = WordPiece::open(&path).map_err(|what| ClipError::Vocabulary { path, what })?;
        Ok(Self { session: models.session(MODEL, "minilm.onnx", options)?, words: words.into() })
    }

    /// The sentence's vector, of length 1.
    ///
    /// # Errors
    /// When the model cannot be run or does not keep its contract.
    pub fn embed(&self, sentence: &str) -> Result<Vec<f32>, ClipError> {
        let failed = |source| ClipError::Run { model: MODEL.into(), source };
        let ids = self.ids(sentence);
        let shape = [1, ids.len()];
        let (mask, types) = (vec![1_i64; ids.len()], vec![0_i64; ids.len()]);
        self.session.with(|session| {
            let inputs = ort::inputs![
                "input_ids" => Tensor::from_array((shape, ids)).map_err(failed)?,
                "attention_mask" => Tensor::from_array((shape, mask)).map_err(failed)?,
                "token_type_ids" => Tensor::from_array((shape, types)).map_err(failed)?,
            ];
            let outputs = session.run(inputs).map_err(failed)?;
            let (_, states) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
            if states.is_empty() || !states.len().is_multiple_of(Self::DIM) {
                let what = format!("it gives no {} values for each token", Self::DIM);
                return Err(ClipError::Contract { model: MODEL.into(), what });
            }
            let mut mean = vec![0.0; Self::DIM];
            for state in states.chunks_exact(Self::DIM) {
                mean.iter_mut().zip(state).for_each(|(sum, value)| *sum += value);
            }
            Ok(unit(mean))
        })
    }

    fn ids(&self, sentence: &str) -> Vec<i64> {
        let words = self.words.encode(sentence).into_iter().take(MAX_TOKENS - 2);
        std::iter::once(self.words.start()).chain(words).chain([self.words.end()]).map(i64::from).collect()
    }
}
