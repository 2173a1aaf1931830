//! One tower on ONNX Runtime: which of its graph's inputs and outputs are which, and vectors out of it.

use medley_models::Session;
use ort::{
    session::SessionInputValue,
    value::{Outlet, Tensor, TensorElementType, TensorRef, ValueType},
};

use crate::{ClipError, Family, tokenizer::Context};

/// A tower, and what was found out about its graph.
pub(crate) struct Tower {
    session: Session,
    /// The model's name, for sentences.
    model: String,
    inputs: Vec<Input>,
    output: String,
    /// The graph was exported for one image or text at a time.
    one_by_one: bool,
    masks_padding: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Input {
    name: String,
    holds: Holds,
    ty: TensorElementType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// [N, 3, side, side]
    Pixels,
    /// [N, context], as those below.
    Ids,
    /// 1 where the text is, 0 where padding is.
    Mask,
    /// Which sentence of a pair a token is of: 0.
    Types,
}

impl Tower {
    /// A tower for images: takes pixels and nothing else.
    ///
    /// # Errors
    /// When its graph takes or gives something else.
    pub(crate) fn of_images(model: &str, family: Family, session: Session) -> Result<Self, ClipError> {
        let tower = Self::new(model, family, session)?;
        match &tower.inputs[..] {
            [Input { holds: Holds::Pixels, .. }] => Ok(tower),
            inputs => Err(tower.broken(&format!("its image tower takes {}, not pixels alone", listed(inputs)))),
        }
    }

    /// A tower for texts: takes token ids, and a mask and types where it wants them.
    ///
    /// # Errors
    /// As [`Tower::of_images`].
    pub(crate) fn of_texts(model: &str, family: Family, session: Session) -> Result<Self, ClipError> {
        let tower = Self::new(model, family, session)?;
        let count = |holds| tower.inputs.iter().filter(|input| input.holds == holds).count();
        if count(Holds::Pixels) == 0 && count(Holds::Ids) == 1 {
            return Ok(tower);
        }
        Err(tower.broken(&format!("its text tower takes {}, not token ids", listed(&tower.inputs))))
    }

    fn new(model: &str, family: Family, session: Session) -> Result<Self, ClipError> {
        let (inputs, outputs, one_by_one) = session.with(|session| {
            let inputs: Option<Vec<Input>> = session.inputs().iter().map(Input::of).collect();
            let outputs: Vec<String> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
            (inputs, outputs, session.inputs().first().and_then(batch) == Some(1))
        });
        let broken = |what| ClipError::Contract { model: model.into(), what };
        let inputs =
            inputs.ok_or_else(|| broken("a tower takes neither images of f32 nor ids of i32 or i64".into()))?;
        let output = output_of(family, &outputs).ok_or_else(|| {
            let wanted = family.outputs().join(" nor ");
            broken(format!("a tower gives {}, neither {wanted}", outputs.join(", ")))
        })?;
        let output = output.to_owned();
        Ok(Self { session, model: model.into(), inputs, output, one_by_one, masks_padding: family.masks_padding() })
    }

    fn broken(&self, what: &str) -> ClipError {
        ClipError::Contract { model: self.model.clone(), what: what.into() }
    }

    fn failed(&self, source: ort::Error) -> ClipError {
        ClipError::Run { model: self.model.clone(), source }
    }

    /// Vectors of preprocessed images, [N, 3, side, side], as the graph gives them.
    pub(crate) fn images(&self, pixels: &[f32], side: usize) -> Result<Vec<Vec<f32>>, ClipError> {
        let values = 3 * side * side;
        let at_once = if self.one_by_one { values } else { pixels.len().max(values) };
        let mut rows = Vec::with_capacity(pixels.len() / values);
        for pixels in pixels.chunks_exact(at_once) {
            let count = pixels.len() / values;
            let tensor = TensorRef::from_array_view(([count, 3, side, side], pixels));
            let tensor = tensor.map_err(|error| self.failed(error))?;
            rows.extend(self.run(vec![tensor.into()], count)?);
        }
        Ok(rows)
    }

    /// Vectors of texts, as the graph gives them.
    pub(crate) fn texts(&self, contexts: &[Context]) -> Result<Vec<Vec<f32>>, ClipError> {
        let at_once = if self.one_by_one { 1 } else { contexts.len().max(1) };
        let mut rows = Vec::with_capacity(contexts.len());
        for contexts in contexts.chunks(at_once) {
            let values = self.inputs.iter().map(|input| self.tensor(input, contexts)).collect::<Result<_, _>>()?;
            rows.extend(self.run(values, contexts.len())?);
        }
        Ok(rows)
    }

    fn tensor(&self, input: &Input, contexts: &[Context]) -> Result<SessionInputValue<'static>, ClipError> {
        let shape = [contexts.len(), contexts.first().map_or(0, |context| context.ids.len())];
        let of = |context: &Context, at: usize| match input.holds {
            Holds::Mask => u32::from(!self.masks_padding || at < context.used),
            Holds::Types => 0,
            Holds::Ids | Holds::Pixels => context.ids[at],
        };
        let values = contexts.iter().flat_map(|context| (0..context.ids.len()).map(move |at| of(context, at)));
        let tensor = if input.ty == TensorElementType::Int32 {
            Tensor::from_array((shape, values.map(|value| value as i32).collect::<Vec<_>>())).map(Tensor::into_dyn)
        } else {
            Tensor::from_array((shape, values.map(i64::from).collect::<Vec<_>>())).map(Tensor::into_dyn)
        };
        Ok(tensor.map_err(|error| self.failed(error))?.into())
    }

    /// Runs the graph on `values`, which are in the order of its inputs.
    fn run(&self, values: Vec<SessionInputValue<'_>>, count: usize) -> Result<Vec<Vec<f32>>, ClipError> {
        let named: Vec<_> = self.inputs.iter().map(|input| input.name.as_str()).zip(values).collect();
        self.session.with(|session| {
            let outputs = session.run(named).map_err(|error| self.failed(error))?;
            let vectors = outputs[self.output.as_str()].try_extract_tensor::<f32>();
            let (shape, values) = vectors.map_err(|error| self.failed(error))?;
            if shape.len() != 2 || shape[0] != count as i64 || shape[1] < 1 {
                return Err(self.broken(&format!("a tower gives {shape:?} for {count} inputs")));
            }
            if !values.iter().all(|value| value.is_finite()) {
                return Err(self.broken("it gives NaN"));
            }
            Ok(values.chunks_exact(shape[1] as usize).map(<[f32]>::to_vec).collect())
        })
    }
}

impl Input {
    /// By its type and, of several for texts, its name.
    fn of(outlet: &Outlet) -> Option<Self> {
        let ValueType::Tensor { ty, .. } = *outlet.dtype() else { return None };
        let holds = match (ty, outlet.name()) {
            (TensorElementType::Float32, _) => Holds::Pixels,
            (TensorElementType::Int32 | TensorElementType::Int64, name) if name.contains("mask") => Holds::Mask,
            (TensorElementType::Int32 | TensorElementType::Int64, name) if name.contains("type") => Holds::Types,
            (TensorElementType::Int32 | TensorElementType::Int64, _) => Holds::Ids,
            _ => return None,
        };
        Some(Self { name: outlet.name().into(), holds, ty })
    }
}

fn listed(inputs: &[Input]) -> String {
    inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The length of an input's first axis, where the graph fixes it.
fn batch(outlet: &Outlet) -> Option<i64> {
    match outlet.dtype() {
        ValueType::Tensor { shape, .. } => shape.first().copied().filter(|length| *length > 0),
        _ => None,
    }
}

/// The only output, or of several the one whose name says that it is the vector.
fn output_of(family: Family, outputs: &[String]) -> Option<&str> {
    match outputs {
        [only] => Some(only),
        several => {
            family.outputs().iter().find_map(|known| several.iter().find(|output| output == known)).map(String::as_str)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_found_by_name() {
        let found = |family, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            output_of(family, &names).map(str::to_owned)
        };
        assert_eq!(found(Family::Clip, &["whatever"]).unwrap(), "whatever");
        assert_eq!(found(Family::Siglip, &["last_hidden_state", "pooler_output"]).unwrap(), "pooler_output");
        assert_eq!(found(Family::ChineseClip, &["last_hidden_state", "text_embeds"]).unwrap(), "text_embeds");
        // Before its projection a vector of CLIP's is in no common space.
        assert_eq!(found(Family::Clip, &["last_hidden_state", "pooler_output"]), None);
    }
}
