//! Inverse depth of a scene, from whatever can be had.

mod network;
mod people;
mod stereo;

use medley_models::State;
use opencv::{core::Mat, prelude::*};

use crate::{ControlError, DepthSource, Scene, mat, network::Network};

pub(crate) use network::DepthContract;
#[cfg(test)]
pub(crate) use network::dpt_planes;

/// Inverse depth up to scale and shift at the working size: more is nearer.
#[derive(Debug)]
pub(crate) struct Relief {
    /// f32, one channel.
    values: Mat,
    source: String,
    /// The values are of MiDaS's range, a thousand or so, already.
    of_midas: bool,
}

/// The range that the reference's normals expect of depth.
const MIDAS_RANGE: f32 = 1000.0;
const DEPTH_ANYTHING: (&str, &str) = ("depth-anything-v2-small", "depth.onnx");
const MIDAS: (&str, &str) = ("midas-v2.1-small", "midas.onnx");

impl Relief {
    pub(crate) fn of(scene: &Scene<'_>) -> Result<Self, ControlError> {
        let kit = scene.kit();
        let there = |model: (&str, &str)| matches!(kit.models.state(model.0), Ok(State::Present));
        let registered = |model: (&str, &str)| Network::of_registry(&kit.models, model.0, model.1, kit.threads);
        match (scene.params().depth_source, &kit.config.depth_model) {
            (DepthSource::Auto, _) if scene.right_view().is_some() => Self::by_stereo(scene),
            (DepthSource::Auto, Some(path)) => {
                Self::by_network(&Network::of_owner(&kit.models, path, kit.threads)?, DepthContract::Dpt, scene)
            }
            (DepthSource::Auto, None) if there(DEPTH_ANYTHING) => {
                Self::by_network(&registered(DEPTH_ANYTHING)?, DepthContract::Dpt, scene)
            }
            (DepthSource::Auto, None) if there(MIDAS) => {
                Self::by_network(&registered(MIDAS)?, DepthContract::Midas, scene)
            }
            (DepthSource::Auto, None) | (DepthSource::People, _) => Self::by_people(scene),
            (DepthSource::DepthAnything, _) => {
                Self::by_network(&registered(DEPTH_ANYTHING)?, DepthContract::Dpt, scene)
            }
            (DepthSource::Midas, _) => Self::by_network(&registered(MIDAS)?, DepthContract::Midas, scene),
        }
    }

    fn by_network(network: &Network, contract: DepthContract, scene: &Scene<'_>) -> Result<Self, ControlError> {
        let values = network::inverse_depth(network, contract, scene.view())?;
        Ok(Self { values, source: network.label.clone(), of_midas: contract == DepthContract::Midas })
    }

    fn by_stereo(scene: &Scene<'_>) -> Result<Self, ControlError> {
        let right = scene.right_view().expect("asked only of pairs");
        Ok(Self { values: stereo::disparity(scene.view(), right)?, source: "stereo".into(), of_midas: false })
    }

    fn by_people(scene: &Scene<'_>) -> Result<Self, ControlError> {
        let values = people::inverse_depth(scene)?;
        let values = values.ok_or_else(|| ControlError::NoDepth { name: scene.name().into() })?;
        let values = mat::of_values(&values, scene.view_size()[1], 1)?;
        Ok(Self { values, source: "people".into(), of_midas: false })
    }

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

    /// In the range that MiDaS gives: the slopes of normals hang on it.
    pub(crate) fn as_of_midas(&self) -> mat::Result<Mat> {
        if self.of_midas {
            return self.values.try_clone();
        }
        let values: Vec<f32> = self.normalised()?.iter().map(|value| value * MIDAS_RANGE).collect();
        mat::of_values(&values, mat::size(&self.values)[1], 1)
    }
}
