use opencv::{imgproc, prelude::*};

use super::ade20k::PALETTE;
use crate::{
    Annotator, ControlError, Map, Scene, mat,
    network::{DEVIATION, MEAN, Network, normalised_planes},
};

/// Classes in ADE20K's colours: all classes by the network in the config, else people by BlazePose's masks on black.
#[derive(Debug)]
pub(crate) struct Segmentation;

/// "person".
const PERSON: usize = 12;

impl Annotator for Segmentation {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let resources = scene.resources();
        match &resources.config.segmentation_model {
            Some(path) => by_network(&Network::of_owner(&resources.models, path, resources.threads)?, scene),
            None => of_people(scene),
        }
    }
}

fn of_people(scene: &Scene<'_>) -> Result<Map, ControlError> {
    let masks = scene.masks()?;
    let [width, height] = scene.view_size();
    let mut pixels = vec![0u8; width as usize * height as usize * 3];
    for mask in masks {
        mask.each_pixel([width, height], scene.scale(), |index, probability| {
            if probability > 0.5 {
                pixels[index * 3..index * 3 + 3].copy_from_slice(&PALETTE[PERSON]);
            }
        });
    }
    let map = Map::new(mat::of_values(&pixels, height, 3)?).hard();
    Ok(map.quality("segmentation_by", "blazepose").quality("segmentation_people", masks.len()))
}

/// Contract: [1, 3, H, W], ImageNet's mean and deviation, gives logits [1, 150, h, w] (SegFormer, arXiv:2105.15203, h =
/// H/4).
fn by_network(network: &Network, scene: &Scene<'_>) -> Result<Map, ControlError> {
    let own = scene.view_size();
    let shown = network.fixed_size().map_or(own, |[height, width]| [width as u32, height as u32]);
    let view = mat::resize(scene.view(), shown, imgproc::INTER_LINEAR)?;
    let rgb: Vec<f32> = view.data_bytes()?.iter().map(|v| f32::from(*v)).collect();
    let [width, height] = shown.map(|side| side as usize);
    let output = network.run([1, 3, height, width], normalised_planes(&rgb, MEAN, DEVIATION))?;
    let [1, classes, rows, columns] = output.shape[..] else {
        return Err(network.breach("logits are [1, 150, h, w]"));
    };
    if classes != PALETTE.len() || rows * columns == 0 {
        return Err(network.breach("logits are of 150 classes"));
    }
    let pixels = own[0] as usize * own[1] as usize;
    let (mut best, mut class) = (vec![f32::MIN; pixels], vec![0usize; pixels]);
    for (index, plane) in output.values.chunks_exact(rows * columns).enumerate() {
        let plane = mat::resize(&mat::of_values(plane, rows as u32, 1)?, own, imgproc::INTER_LINEAR)?;
        for ((best, class), logit) in best.iter_mut().zip(&mut class).zip(plane.data_typed::<f32>()?) {
            if logit > best {
                (*best, *class) = (*logit, index);
            }
        }
    }
    let colours: Vec<u8> = class.iter().flat_map(|class| PALETTE[*class]).collect();
    Ok(Map::new(mat::of_values(&colours, own[1], 3)?).hard().quality("segmentation_by", network.label.clone()))
}
