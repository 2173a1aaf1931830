use opencv::{core::Mat, imgproc, prelude::*};

use crate::{Annotator, ControlError, Map, Scene, mat};

/// Canny, IEEE PAMI 8 (1986), on all three channels, as `cv2.Canny(image, low, high)`.
#[derive(Debug)]
pub(crate) struct Canny;

/// Around the median, as in the common `auto_canny`.
const AUTO_SPREAD: f64 = 0.33;

impl Annotator for Canny {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let params = scene.params();
        let [low, high] = if params.canny_auto {
            thresholds(&mat::gray(scene.view())?)?
        } else {
            [params.canny_low, params.canny_high]
        };
        let mut edges = Mat::default();
        imgproc::canny_def(scene.view(), &mut edges, low, high)?;
        Ok(Map::new(edges).quality("canny_thresholds", vec![low, high]))
    }
}

/// A third below and above the median brightness.
fn thresholds(gray: &Mat) -> mat::Result<[f64; 2]> {
    let mut counts = [0usize; 256];
    for value in gray.data_bytes()? {
        counts[usize::from(*value)] += 1;
    }
    let half = counts.iter().sum::<usize>().div_ceil(2);
    let mut below = 0;
    let median = counts.iter().position(|count| {
        below += count;
        below >= half
    });
    let median = median.unwrap_or(0) as f64;
    Ok([((1.0 - AUTO_SPREAD) * median).max(0.0).floor(), ((1.0 + AUTO_SPREAD) * median).min(255.0).floor()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_lie_around_the_median() {
        let gray = mat::of_values(&[0u8, 100, 100, 255], 2, 1).unwrap();
        assert_eq!(thresholds(&gray).unwrap(), [67.0, 133.0]);
    }
}
