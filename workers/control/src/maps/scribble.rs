use opencv::{
    core::{self, Mat, Point, Scalar},
    imgproc,
    prelude::*,
};

use crate::{Annotator, ControlError, Map, Scene, ScribbleMethod, mat};

#[derive(Debug)]
pub(crate) struct Scribble;

impl Annotator for Scribble {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let strokes = match scene.params().scribble_method {
            ScribbleMethod::Hed => broad(&of_edges(scene.edges()?)?)?,
            ScribbleMethod::Xdog => xdog(scene.view(), scene.params().xdog_threshold)?,
        };
        Ok(Map::new(strokes).hard())
    }
}

fn of_edges(edges: &Mat) -> mat::Result<Mat> {
    let values: Vec<f32> = edges.data_typed::<f32>()?.iter().map(|edge| edge * 255.0).collect();
    mat::truncate_to_u8(&values, mat::size(edges)[1], 1)
}

/// The ridges of soft edges, drawn broad: `nms(edges, 127, 3.0)` of the reference, blurred and cut at 4.
pub(crate) fn broad(edges: &Mat) -> mat::Result<Mat> {
    let ridges = mat::gaussian_blur(&ridges(edges, 127.0, 3.0)?, 3.0)?;
    let strokes: Vec<u8> = ridges.data_bytes()?.iter().map(|value| if *value > 4 { 255 } else { 0 }).collect();
    mat::of_values(&strokes, mat::size(edges)[1], 1)
}

/// 255 where the blurred edge is above `threshold` and the highest of its neighbours in one of four directions.
fn ridges(edges: &Mat, threshold: f32, sigma: f64) -> mat::Result<Mat> {
    const DIRECTIONS: [[u8; 9]; 4] = [
        [0, 0, 0, 1, 1, 1, 0, 0, 0],
        [0, 1, 0, 0, 1, 0, 0, 1, 0],
        [1, 0, 0, 0, 1, 0, 0, 0, 1],
        [0, 0, 1, 0, 1, 0, 1, 0, 0],
    ];
    let blurred = mat::gaussian_blur(&mat::convert(edges, core::CV_32F, 1.0, 0.0)?, sigma)?;
    let height = blurred.data_typed::<f32>()?;
    let mut ridges = vec![0u8; height.len()];
    let no_border = Scalar::all(f64::MAX);
    for direction in DIRECTIONS {
        let kernel = mat::of_values(&direction, 3, 1)?;
        let mut highest = Mat::default();
        let anchor = Point::new(-1, -1);
        imgproc::dilate(&blurred, &mut highest, &kernel, anchor, 1, core::BORDER_CONSTANT, no_border)?;
        for ((ridge, here), highest) in ridges.iter_mut().zip(height).zip(highest.data_typed::<f32>()?) {
            if here == highest && *here > threshold {
                *ridge = 255;
            }
        }
    }
    mat::of_values(&ridges, mat::size(edges)[1], 1)
}

/// Winnemöller et al., Computers & Graphics 36 (2012), in the form of sd-webui-controlnet's `scribble_xdog`.
fn xdog(view: &Mat, threshold: u8) -> mat::Result<Mat> {
    let picture = mat::convert(view, core::CV_32F, 1.0, 0.0)?;
    let (fine, coarse) = (mat::gaussian_blur(&picture, 0.5)?, mat::gaussian_blur(&picture, 5.0)?);
    let differences = coarse.data_bytes()?.chunks_exact(12).zip(fine.data_bytes()?.chunks_exact(12));
    let float = |bytes: &[u8], i: usize| f32::from_ne_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
    let strokes: Vec<u8> = differences
        .map(|(coarse, fine)| {
            let least = [0, 4, 8].map(|i| float(coarse, i) - float(fine, i)).into_iter().fold(f32::MAX, f32::min);
            let dog = (255.0 - least).clamp(0.0, 255.0) as u8;
            // The reference counts in bytes: 2 * (255 - dog) wraps around.
            if (255 - dog).wrapping_mul(2) > threshold { 255 } else { 0 }
        })
        .collect();
    mat::of_values(&strokes, mat::size(view)[1], 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_line_becomes_one_stroke() {
        let mut edges = vec![0u8; 64 * 64];
        for row in 0..64 {
            edges[row * 64 + 28..row * 64 + 37].fill(255);
        }
        let edges = mat::of_values(&edges, 64, 1).unwrap();
        let thin = ridges(&edges, 127.0, 3.0).unwrap();
        let row = &thin.data_bytes().unwrap()[32 * 64..33 * 64];
        assert!(row[32] == 255 && row[20] == 0 && row[44] == 0);
        let strokes = broad(&edges).unwrap();
        assert!(strokes.data_bytes().unwrap().iter().all(|v| matches!(v, 0 | 255)));
    }
}
