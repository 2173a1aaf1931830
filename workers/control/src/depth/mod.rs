//! Inverse depth of a scene, from the best source there is: a stereo pair, a network, or people's landmarks.

mod network;
mod people;
mod stereo;

use medley_models::State;
pub(crate) use network::DepthContract;
#[cfg(test)]
pub(crate) use network::dpt_planes;

use crate::{ControlError, DepthSource, Scene, mat, network::Network, relief::Relief};

const DEPTH_ANYTHING: (&str, &str) = ("depth-anything-v2-small", "depth.onnx");
const MIDAS: (&str, &str) = ("midas-v2.1-small", "midas.onnx");

/// Inverse depth at the working size, estimated once for each scene.
pub(crate) fn relief<'s>(scene: &'s Scene<'_>) -> Result<&'s Relief, ControlError> {
    scene.relief_or_else(|| estimate(scene))
}

fn estimate(scene: &Scene<'_>) -> Result<Relief, ControlError> {
    let resources = scene.resources();
    let there = |model: (&str, &str)| matches!(resources.models.state(model.0), Ok(State::Present));
    let registered = |model: (&str, &str)| Network::of_registry(&resources.models, model.0, model.1, resources.threads);
    match (scene.params().depth_source, &resources.config.depth_model) {
        (DepthSource::Auto, _) if scene.right_view().is_some() => by_stereo(scene),
        (DepthSource::Auto, Some(path)) => {
            by_network(&Network::of_owner(&resources.models, path, resources.threads)?, DepthContract::Dpt, scene)
        }
        (DepthSource::Auto, None) if there(DEPTH_ANYTHING) => {
            by_network(&registered(DEPTH_ANYTHING)?, DepthContract::Dpt, scene)
        }
        (DepthSource::Auto, None) if there(MIDAS) => by_network(&registered(MIDAS)?, DepthContract::Midas, scene),
        (DepthSource::Auto, None) | (DepthSource::People, _) => by_people(scene),
        (DepthSource::DepthAnything, _) => by_network(&registered(DEPTH_ANYTHING)?, DepthContract::Dpt, scene),
        (DepthSource::Midas, _) => by_network(&registered(MIDAS)?, DepthContract::Midas, scene),
    }
}

fn by_network(network: &Network, contract: DepthContract, scene: &Scene<'_>) -> Result<Relief, ControlError> {
    let values = network::inverse_depth(network, contract, scene.view())?;
    Ok(Relief { values, source: network.label.clone(), of_midas: contract == DepthContract::Midas })
}

fn by_stereo(scene: &Scene<'_>) -> Result<Relief, ControlError> {
    let right = scene.right_view().expect("asked only of pairs");
    Ok(Relief { values: stereo::disparity(scene.view(), right)?, source: "stereo".into(), of_midas: false })
}

fn by_people(scene: &Scene<'_>) -> Result<Relief, ControlError> {
    let values = people::inverse_depth(scene)?;
    let values = values.ok_or_else(|| ControlError::NoDepth { name: scene.name().into() })?;
    let values = mat::of_values(&values, scene.view_size()[1], 1)?;
    Ok(Relief { values, source: "people".into(), of_midas: false })
}
