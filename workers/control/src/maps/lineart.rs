use opencv::{core, prelude::*};

use crate::{Annotator, ControlError, Map, Scene, mat};

/// Pixels that are darker than their blurred surroundings, like `LineartStandardDetector` of the reference.
#[derive(Debug)]
pub(crate) struct Lineart;

impl Annotator for Lineart {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let params = scene.params();
        let picture = mat::convert(scene.view(), core::CV_32F, 1.0, 0.0)?;
        let blurred = mat::gaussian_blur(&picture, params.lineart_sigma)?;
        let (here, around) = (flat(&picture)?, flat(&blurred)?);
        let mut intensity: Vec<f32> = around
            .chunks_exact(3)
            .zip(here.chunks_exact(3))
            .map(|(around, here)| {
                let least = around.iter().zip(here).map(|(a, h)| a - h).fold(f32::MAX, f32::min);
                least.clamp(0.0, 255.0)
            })
            .collect();
        let normal = median(intensity.iter().copied().filter(|v| *v > params.lineart_threshold)).max(16.0);
        intensity.iter_mut().for_each(|value| *value = *value / normal * 127.0);
        Ok(Map::new(mat::truncate_to_u8(&intensity, mat::size(scene.view())[1], 1)?))
    }
}

/// All values of a picture of several channels.
fn flat(mat: &core::Mat) -> mat::Result<Vec<f32>> {
    Ok(mat.reshape(1, 0)?.data_typed::<f32>()?.to_vec())
}

/// numpy's: the mean of the two in the middle; 0 of none.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f32::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_even_odd_and_none() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 2.5);
        assert_eq!(median([].into_iter()), 0.0);
    }
}
