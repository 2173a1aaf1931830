use medley_models::Session;
use ort::value::Tensor;

use crate::VisionError;

/// Runs a graph of one f32 input and returns the named outputs, flat.
pub(crate) fn run<const N: usize>(
    (session, model): (&Session, &'static str),
    input: &str,
    shape: &[usize],
    tensor: Vec<f32>,
    outputs: [&str; N],
) -> Result<[Vec<f32>; N], VisionError> {
    let failed = |source| VisionError::Run { model, source };
    session.with(|session| {
        let tensor = Tensor::from_array((shape, tensor)).map_err(failed)?;
        let found = session.run(ort::inputs![input => tensor]).map_err(failed)?;
        let mut values: [Vec<f32>; N] = std::array::from_fn(|_| Vec::new());
        for (value, name) in values.iter_mut().zip(outputs) {
            let output = found.get(name).ok_or_else(|| missing(model, name))?;
            *value = output.try_extract_tensor::<f32>().map_err(failed)?.1.to_vec();
        }
        Ok(values)
    })
}

pub(crate) fn missing(model: &'static str, what: &str) -> VisionError {
    VisionError::Contract { model, what: what.to_owned() }
}
