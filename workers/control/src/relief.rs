use opencv::{core::Mat, prelude::*};

use crate::mat;

/// Inverse depth up to scale and shift at the working size: more is nearer.
#[derive(Debug)]
pub(crate) struct Relief {
    /// f32, one channel.
    pub(crate) values: Mat,
    /// For the manifest: the name of a model, `people` or `stereo`.
    pub(crate) source: String,
    /// Whether the values are in the range of MiDaS already, about a thousand.
    pub(crate) of_midas: bool,
}

/// The range of depth that the reference's normals expect.
const MIDAS_RANGE: f32 = 1000.0;

impl Relief {
    /// For the manifest: a model's name, `people` or `stereo`.
    pub(crate) fn source(&self) -> String {
        self.source.clone()
    }

    /// `(depth - min) / max`, 0 to 1.
    pub(crate) fn normalised(&self) -> mat::Result<Vec<f32>> {
        let values = self.values.data_typed::<f32>()?;
        let low = values.iter().copied().fold(f32::MAX, f32::min);
        let range = values.iter().map(|value| value - low).fold(0.0, f32::max);
        Ok(values.iter().map(|value| if range > 0.0 { (value - low) / range } else { 0.0 }).collect())
    }

    /// The values in the range of MiDaS, on which the slopes of normals depend.
    pub(crate) fn as_of_midas(&self) -> mat::Result<Mat> {
        if self.of_midas {
            return self.values.try_clone();
        }
        let values: Vec<f32> = self.normalised()?.iter().map(|value| value * MIDAS_RANGE).collect();
        mat::of_values(&values, mat::size(&self.values)[1], 1)
    }
}
