use opencv::{
    calib3d::{StereoSGBM, StereoSGBM_MODE_HH},
    core::{self, Mat},
    imgproc,
    prelude::*,
};

use crate::mat;

const BLOCK_PX: i32 = 3;
/// The largest disparity that is searched, as a share of the width.
const MAX_SHIFT: f32 = 1.0 / 5.0;
/// The most pixels times shifts that are matched; each takes some six bytes.
const MAX_CELLS: f64 = 128e6;
/// OpenCV gives sixteenths of a pixel.
const FRACTIONS: f64 = 16.0;

/// Semi-global matching (Hirschmüller, PAMI 2008; OpenCV's StereoSGBM): how far each pixel of the left picture lies from
/// the same thing in the right one, in px. Regions that only one eye sees get the depth of the background beside them.
///
/// The matcher's memory grows with the cube of the picture's size, so large pictures are matched at a smaller size.
pub(super) fn disparity(left: &Mat, right: &Mat) -> mat::Result<Mat> {
    let own = mat::size(left);
    let [width, height] = own.map(f64::from);
    let cells = width * height * width * f64::from(MAX_SHIFT);
    let share = (MAX_CELLS / cells).cbrt();
    if share >= 1.0 {
        return matched(left, right);
    }
    let shown = [width, height].map(|side| ((side * share).round() as u32).max(1));
    let [left, right] = [left, right].map(|view| mat::resize(view, shown, imgproc::INTER_AREA));
    mat::resize(&matched(&left?, &right?)?, own, imgproc::INTER_LINEAR)
}

fn matched(left: &Mat, right: &Mat) -> mat::Result<Mat> {
    let [width, height] = mat::size(left);
    let shifts = ((width as f32 * MAX_SHIFT / 16.0).ceil() as i32).max(1) * 16;
    // Pixels at the left edge match pixels outside the right picture, so both get a margin.
    let margin = |picture: &Mat| {
        let mut wide = Mat::default();
        core::copy_make_border_def(picture, &mut wide, 0, 0, shifts, 0, core::BORDER_REPLICATE)?;
        Ok::<_, opencv::Error>(wide)
    };
    let (left, right) = (margin(left)?, margin(right)?);
    let smooth = 3 * BLOCK_PX * BLOCK_PX;
    let mut matcher =
        StereoSGBM::create(0, shifts, BLOCK_PX, 8 * smooth, 32 * smooth, 1, 63, 10, 100, 2, StereoSGBM_MODE_HH)?;
    let mut disparity = Mat::default();
    matcher.compute(&left, &right, &mut disparity)?;
    let disparity = mat::convert(&disparity, core::CV_32F, 1.0 / FRACTIONS, 0.0)?;
    let wide = (width as i32 + shifts) as usize;
    let mut values: Vec<f32> = Vec::with_capacity(width as usize * height as usize);
    for row in disparity.data_typed::<f32>()?.chunks_exact(wide) {
        let start = values.len();
        values.extend_from_slice(&row[shifts as usize..]);
        fill(&mut values[start..]);
    }
    let mut smooth = Mat::default();
    imgproc::median_blur(&mat::of_values(&values, height, 1)?, &mut smooth, 5)?;
    Ok(smooth)
}

/// Gives each hole of a row (negative) the farther of its two neighbours.
fn fill(row: &mut [f32]) {
    let mut start = 0;
    while let Some(hole) = row[start..].iter().position(|value| *value < 0.0).map(|at| start + at) {
        let end = row[hole..].iter().position(|value| *value >= 0.0).map_or(row.len(), |at| hole + at);
        let before = hole.checked_sub(1).map(|at| row[at]);
        let filled = match (before, row.get(end)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(a), None) => a,
            (None, Some(b)) => *b,
            (None, None) => 0.0,
        };
        row[hole..end].fill(filled);
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_get_what_lies_behind() {
        let mut row = [-1.0, 5.0, -1.0, -1.0, 2.0, -1.0];
        fill(&mut row);
        assert_eq!(row, [5.0, 5.0, 2.0, 2.0, 2.0, 2.0]);
        let mut empty = [-1.0; 3];
        fill(&mut empty);
        assert_eq!(empty, [0.0; 3]);
    }
}
