//! Whisper's decoder, a step at a time, for several rows at once: `convert/whisper_decoder.py` of the models crate makes
//! the graph and says what goes in and out.

use std::{borrow::Cow, fs::File, io, os::unix::fs::FileExt, path::Path};

use medley_models::Session;
use ort::{
    session::SessionInputValue,
    value::{DynValue, Tensor, TensorRef, ValueType},
};

use crate::error::RecognizerError;

/// The decoder with all that it needs to begin.
pub(super) struct Decoder {
    session: Session,
    embeddings: Embeddings,
    layers: usize,
    heads: usize,
    width: usize,
    /// How many tokens there are.
    pub(super) tokens: usize,
}

/// The output of a step.
pub(super) struct Scores {
    /// `[rows][tokens]`
    logprobs: DynValue,
    tokens: usize,
    attention: DynValue,
}

/// The `nth` of the `of` rows of a window.
#[derive(Clone, Copy)]
pub(super) struct Row {
    window: usize,
    nth: usize,
    of: usize,
}

impl Row {
    /// The only row of a window.
    pub(super) fn of_window(window: usize) -> Self {
        Self { window, nth: 0, of: 1 }
    }

    /// A hypothesis of the only window.
    pub(super) fn of_hypothesis(nth: usize, of: usize) -> Self {
        Self { window: 0, nth, of }
    }
}

/// Rows in the middle of a decode: each is a window, or all are hypotheses of one window.
pub(super) struct Rows<'a> {
    decoder: &'a Decoder,
    /// Of each window, for each layer: keys, values.
    cross: Vec<DynValue>,
    /// Of each row, for each layer: keys, values.
    past: Vec<DynValue>,
    rows: usize,
    /// Tokens so far.
    length: usize,
}

impl Decoder {
    /// # Errors
    /// When the converter did not make the graph.
    pub(super) fn new(session: Session, embeddings: &Path) -> Result<Self, RecognizerError> {
        let shapes: Vec<(String, Vec<i64>)> = session.with(|session| {
            let shape = |of: &ValueType| of.tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default();
            session.inputs().iter().map(|input| (input.name().to_owned(), shape(input.dtype()))).collect()
        });
        let dimension = |name: &str, at: usize| {
            let (_, shape) = shapes.iter().find(|(known, _)| known == name)?;
            usize::try_from(*shape.get(at)?).ok()
        };
        let read = || {
            let state = dimension("embedded", 2)?;
            let (heads, width, tokens) =
                (dimension("past.key.0", 1)?, dimension("past.key.0", 2)?, dimension("bias", 0)?);
            let layers = shapes.iter().filter(|(name, _)| name.starts_with("past.key.")).count();
            (heads * width == state).then_some((layers, heads, width, tokens, state))
        };
        let (layers, heads, width, tokens, state) = read().ok_or(RecognizerError::Contract("decoder.onnx"))?;
        let embeddings = Embeddings { file: File::open(embeddings)?, state };
        Ok(Self { session, embeddings, layers, heads, width, tokens })
    }

    pub(super) fn layers(&self) -> usize {
        self.layers
    }

    /// The size of what it reads of a window's sound.
    pub(super) fn sound_bytes(&self, positions: usize) -> usize {
        2 * self.layers * positions * self.heads * self.width * size_of::<f32>()
    }

    /// Rows before the first step: one for each window of `cross`, the encoder's output.
    pub(super) fn begin(&self, cross: Vec<DynValue>, windows: usize) -> Result<Rows<'_>, RecognizerError> {
        let empty = |shape: [usize; 4]| Ok(Tensor::from_array((shape, Vec::<f32>::new()))?.into_dyn());
        let mut past = Vec::with_capacity(2 * self.layers);
        for _ in 0..self.layers {
            past.push(empty([windows, self.heads, self.width, 0]).map_err(|error: ort::Error| error)?);
            past.push(empty([windows, self.heads, 0, self.width]).map_err(|error: ort::Error| error)?);
        }
        Ok(Rows { decoder: self, cross, past, rows: windows, length: 0 })
    }
}

impl Rows<'_> {
    /// Steps through as many tokens in each row, given row after row; `bias` is added to the logits of what comes next.
    pub(super) fn step(&mut self, tokens: &[i32], bias: &[f32]) -> Result<Scores, RecognizerError> {
        let decoder = self.decoder;
        let count = tokens.len() / self.rows;
        let embedded = decoder.embeddings.of(tokens)?;
        let positions: Vec<i64> = (self.length..self.length + count).map(|at| at as i64).collect();
        let mask: Vec<f32> = (0..count)
            .flat_map(|n| (0..self.length + count).map(move |at| (n, at)))
            .map(|(n, at)| if at <= self.length + n { 0.0 } else { f32::NEG_INFINITY })
            .collect();
        let scores = decoder.session.with(|session| -> Result<Scores, ort::Error> {
            let state = decoder.embeddings.state;
            let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = vec![
                ("embedded".into(), TensorRef::from_array_view(([self.rows, count, state], &*embedded))?.into()),
                ("positions".into(), TensorRef::from_array_view(([count], &*positions))?.into()),
                ("mask".into(), TensorRef::from_array_view(([count, self.length + count], &*mask))?.into()),
                ("bias".into(), TensorRef::from_array_view(([decoder.tokens], bias))?.into()),
            ];
            for (values, of) in [(&self.cross, "cross"), (&self.past, "past")] {
                for (value, name) in values.iter().zip(names(of, decoder.layers)) {
                    inputs.push((name.into(), value.view().into()));
                }
            }
            let mut outputs = session.run(inputs)?;
            let mut take =
                |name: &str| outputs.remove(name).ok_or_else(|| ort::Error::new(format!("no output {name}")));
            let past = names("", decoder.layers).map(|name| take(&name)).collect::<Result<_, _>>()?;
            let (logprobs, attention) = (take("logprobs")?, take("attention")?);
            self.past = past;
            Ok(Scores { logprobs, tokens: decoder.tokens, attention })
        })?;
        self.length += count;
        Ok(scores)
    }

    /// Keeps these rows, in this order; a row may occur several times. All are hypotheses of one window.
    pub(super) fn keep_hypotheses(&mut self, rows: &[usize]) -> Result<(), RecognizerError> {
        if !rows.iter().copied().eq(0..self.rows) {
            self.past = chosen(&self.past, rows)?;
            self.rows = rows.len();
        }
        Ok(())
    }

    /// Keeps these windows, one row each.
    pub(super) fn keep_windows(&mut self, windows: &[usize]) -> Result<(), RecognizerError> {
        if !windows.iter().copied().eq(0..self.rows) {
            self.cross = chosen(&self.cross, windows)?;
            self.past = chosen(&self.past, windows)?;
            self.rows = windows.len();
        }
        Ok(())
    }
}

impl Scores {
    /// The log-probability of each token to come next in a row.
    pub(super) fn row(&self, n: usize) -> Result<&[f32], RecognizerError> {
        let (_, values) = self.logprobs.try_extract_tensor::<f32>()?;
        Ok(&values[n * self.tokens..(n + 1) * self.tokens])
    }

    /// The attention of each of the last `count` tokens of a row, as far as `positions`: `[heads][positions]`, which adds up to
    /// one for each head.
    pub(super) fn last_attention(
        &self,
        at: Row,
        count: usize,
        positions: usize,
    ) -> Result<Vec<Vec<f32>>, RecognizerError> {
        let (shape, values) = self.attention.try_extract_tensor::<f32>()?;
        let [_, heads, queries, all] = [0, 1, 2, 3].map(|at| shape[at] as usize);
        let per_row = queries / at.of;
        let cut = |query: usize| {
            let mut cut = Vec::with_capacity(heads * positions);
            for head in 0..heads {
                let attended = &values[((at.window * heads + head) * queries + query) * all..][..positions.min(all)];
                let share = attended.iter().sum::<f32>().max(f32::MIN_POSITIVE);
                cut.extend(attended.iter().map(|value| value / share));
            }
            cut
        };
        let end = (at.nth + 1) * per_row;
        Ok((end - count..end).map(cut).collect())
    }
}

/// `prefix.key.0`, `prefix.value.0`, `prefix.key.1` …; without a prefix no first dot.
pub(super) fn names(prefix: &str, layers: usize) -> impl Iterator<Item = String> {
    let dotted = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
    (0..layers).flat_map(move |layer| [format!("{dotted}key.{layer}"), format!("{dotted}value.{layer}")])
}

/// These entries of the first dimension of each value.
pub(super) fn chosen(values: &[DynValue], entries: &[usize]) -> Result<Vec<DynValue>, RecognizerError> {
    let choose = |value: &DynValue| {
        let (shape, data) = value.try_extract_tensor::<f32>()?;
        let mut shape = shape.to_vec();
        let size: usize = shape[1..].iter().map(|side| *side as usize).product();
        shape[0] = entries.len() as i64;
        let mut copy = Vec::with_capacity(size * entries.len());
        entries.iter().for_each(|n| copy.extend_from_slice(&data[n * size..(n + 1) * size]));
        Ok(Tensor::from_array((shape, copy))?.into_dyn())
    };
    values.iter().map(choose).collect()
}

/// The table of token embeddings: f16, one row a token. Rows are read from the file when they are needed.
struct Embeddings {
    file: File,
    state: usize,
}

impl Embeddings {
    fn of(&self, tokens: &[i32]) -> io::Result<Vec<f32>> {
        let mut embedded = Vec::with_capacity(tokens.len() * self.state);
        let mut row = vec![0; self.state * 2];
        for token in tokens {
            let at = u64::try_from(*token).map_err(io::Error::other)? * row.len() as u64;
            self.file.read_exact_at(&mut row, at)?;
            embedded.extend(row.chunks_exact(2).map(|two| from_half(u16::from_le_bytes([two[0], two[1]]))));
        }
        Ok(embedded)
    }
}

/// An IEEE half, finite, as a float.
fn from_half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10) & 31, u32::from(bits & 1023));
    let size = if exponent == 0 {
        fraction as f32 * 2.0_f32.powi(-24)
    } else {
        f32::from_bits((exponent + 112) << 23 | fraction << 13)
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read() {
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8), (0, 0.0)]
        {
            assert_eq!(from_half(bits), value);
        }
    }
}
