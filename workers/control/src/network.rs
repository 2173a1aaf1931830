//! Networks with one input and one output, whatever their names and sizes.

use std::path::Path;

use medley_models::{Models, Session, SessionOptions};
use ort::value::Tensor;

use crate::ControlError;

/// A network from the registry or from a file in the config.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    session: Session,
    /// Its name in messages and in the manifest.
    pub(crate) label: String,
}

/// The output tensor.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Network {
    pub(crate) fn of_registry(models: &Models, model: &str, file: &str, threads: usize) -> Result<Self, ControlError> {
        let session = models.session(model, file, SessionOptions { threads, parallel: 1 })?;
        Ok(Self { session, label: model.into() })
    }

    pub(crate) fn of_owner(models: &Models, path: &Path, threads: usize) -> Result<Self, ControlError> {
        let session = models.session_at(path, SessionOptions { threads, parallel: 1 })?;
        let label = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { session, label })
    }

    /// Height and width of the input, if they are fixed.
    pub(crate) fn fixed_size(&self) -> Option<[usize; 2]> {
        self.session.with(|session| {
            let shape = session.inputs().first()?.dtype().tensor_shape()?;
            let [.., height, width] = shape[..] else { return None };
            Some([usize::try_from(height).ok()?, usize::try_from(width).ok()?])
        })
    }

    /// Runs a tensor of this shape through the graph.
    pub(crate) fn run(&self, shape: [usize; 4], tensor: Vec<f32>) -> Result<Output, ControlError> {
        self.session.with(|session| {
            let unnamed = || self.breach("it has no input or no output");
            let input = session.inputs().first().ok_or_else(unnamed)?.name().to_owned();
            let output = session.outputs().first().ok_or_else(unnamed)?.name().to_owned();
            let tensor = Tensor::from_array((shape, tensor))?;
            let outputs = session.run(ort::inputs![input => tensor])?;
            let (shape, values) = outputs.get(&output).ok_or_else(unnamed)?.try_extract_tensor::<f32>()?;
            let shape = shape.iter().map(|side| usize::try_from(*side).unwrap_or(0)).collect();
            Ok(Output { shape, values: values.to_vec() })
        })
    }

    pub(crate) fn breach(&self, what: &str) -> ControlError {
        ControlError::Contract { file: self.label.clone(), what: what.into() }
    }
}

/// RGB pixels, row by row, as one plane for each channel: `(value / 255 - mean) / deviation`.
pub(crate) fn normalised_planes(rgb: &[f32], mean: [f32; 3], deviation: [f32; 3]) -> Vec<f32> {
    let pixels = rgb.len() / 3;
    let mut planes = vec![0.0; rgb.len()];
    for (i, pixel) in rgb.chunks_exact(3).enumerate() {
        for channel in 0..3 {
            planes[channel * pixels + i] = (pixel[channel] / 255.0 - mean[channel]) / deviation[channel];
        }
    }
    planes
}

/// Mean and deviation of ImageNet's photos.
pub(crate) const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub(crate) const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
