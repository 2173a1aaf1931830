use opencv::core;

use crate::{Annotator, ControlError, Map, Scene, depth, mat};

/// Inverse depth, the nearest white: `(depth - min) / max`, in 8 bits as the reference cuts it and in 16.
#[derive(Debug)]
pub(crate) struct Depth;

impl Annotator for Depth {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let relief = depth::relief(scene)?;
        let values = relief.normalised()?;
        let rows = scene.view_size()[1];
        let coarse: Vec<f32> = values.iter().map(|value| value * 255.0).collect();
        let mut map = Map::new(mat::truncate_to_u8(&coarse, rows, 1)?).quality("depth_source", relief.source());
        map.deep = Some(mat::convert(&mat::of_values(&values, rows, 1)?, core::CV_16U, 65535.0, 0.0)?);
        Ok(map)
    }
}
