use opencv::prelude::*;

use crate::{Annotator, ControlError, Map, NormalOrder, Scene, depth, mat};

/// Surface normals from inverse depth by Sobel's gradients, as the reference's `MidasDetector` makes them.
#[derive(Debug)]
pub(crate) struct Normal;

impl Annotator for Normal {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let params = scene.params();
        let relief = depth::relief(scene)?;
        let (steep, near) = (relief.as_of_midas()?, relief.normalised()?);
        let (dx, dy) = (mat::sobel(&steep, 1, 0)?, mat::sobel(&steep, 0, 1)?);
        let gradients = dx.data_typed::<f32>()?.iter().zip(dy.data_typed::<f32>()?).zip(&near);
        let colours: Vec<f32> = gradients
            .flat_map(|((dx, dy), near)| {
                let (x, y) = if *near < params.normal_background { (0.0, 0.0) } else { (*dx, *dy) };
                let z = params.normal_flatness;
                let length = (x * x + y * y + z * z).sqrt();
                let axes = match params.normal_order {
                    NormalOrder::Xyz => [x, y, z],
                    NormalOrder::Zyx => [z, y, x],
                };
                axes.map(|axis| axis / length * 127.5 + 127.5)
            })
            .collect();
        let map = Map::new(mat::truncate_to_u8(&colours, scene.view_size()[1], 3)?);
        Ok(map.quality("normal_source", relief.source()))
    }
}
