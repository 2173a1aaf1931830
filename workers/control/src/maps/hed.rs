use opencv::prelude::*;

use crate::{Annotator, ControlError, Map, Scene, mat};

/// Xie and Tu, arXiv:1504.06375: the fused edges as they are.
#[derive(Debug)]
pub(crate) struct Hed;

impl Annotator for Hed {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        Ok(Map::new(map_of(scene, false)?))
    }
}

/// The same for softedge ControlNets, by default in the safe variant: rounded to levels, so that neither fine print
/// nor the picture's shading hides in the edges.
#[derive(Debug)]
pub(crate) struct Softedge;

impl Annotator for Softedge {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        Ok(Map::new(map_of(scene, scene.params().softedge_safe)?))
    }
}

/// 8-bit, one channel.
fn map_of(scene: &Scene<'_>, safe: bool) -> Result<opencv::core::Mat, ControlError> {
    let edges = scene.edges()?;
    let values: Vec<f32> =
        edges.data_typed::<f32>()?.iter().map(|edge| if safe { safe_step(*edge) } else { *edge } * 255.0).collect();
    Ok(mat::truncate_to_u8(&values, mat::size(edges)[1], 1)?)
}

/// 0, ½, 1 (and 1.5 for a whole edge, which is cut to 1 later), as the reference rounds.
pub(super) fn safe_step(edge: f32) -> f32 {
    const STEPS: f32 = 2.0;
    (edge * (STEPS + 1.0)).trunc() / STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_edges_have_three_levels() {
        assert_eq!([0.1, 0.4, 0.7, 1.0].map(safe_step), [0.0, 0.5, 1.0, 1.5]);
    }
}
