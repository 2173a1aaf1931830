use image::RgbImage;
use medley_models::{Models, Session, SessionOptions};

use super::{MIN_SCORE, Object, letterbox::Letterbox, suppress::suppress};
use crate::{
    VisionError,
    run::{missing, run},
};

const MODEL: &str = "nanodet";
const SIDE: usize = 416;
const STRIDES: [usize; 3] = [8, 16, 32];
const CLASSES: usize = super::NAMES.len();
/// A side's distance from the cell is spread over the distances 0 to 10.
const BINS: usize = 11;
/// Of the training set, in the order of the network's channels: blue, green, red.
const MEANS: [f32; 3] = [103.53, 116.28, 123.675];
const DEVIATIONS: [f32; 3] = [57.375, 57.12, 58.395];

/// NanoDet-g (github.com/RangiLyu/nanodet): three grids of cells, each with scores of all classes and the distances of a
/// box's sides as distributions (generalised focal loss, Li et al., arXiv:2006.04388).
#[derive(Debug, Clone)]
pub(super) struct NanoDet {
    session: Session,
}

impl NanoDet {
    pub(super) fn open(models: &Models, options: SessionOptions) -> Result<Self, VisionError> {
        Ok(Self { session: models.session(MODEL, "nanodet.onnx", options)? })
    }

    pub(super) fn find(&self, image: &RgbImage) -> Result<Vec<Object>, VisionError> {
        let boxed = Letterbox::new(image, SIDE as u32);
        let names = ["Identity", "Identity_1", "Identity_2", "Identity_3", "Identity_4", "Identity_5"];
        let outputs = run((&self.session, MODEL), "image", &[1, 3, SIDE, SIDE], tensor(&boxed.view), names)?;
        let (scores, sides) = outputs.split_at(STRIDES.len());
        let mut found = Vec::new();
        for ((stride, scores), sides) in STRIDES.into_iter().zip(scores).zip(sides) {
            let cells = (SIDE / stride) * (SIDE / stride);
            if (scores.len(), sides.len()) != (cells * CLASSES, cells * 4 * BINS) {
                return Err(missing(MODEL, "scores and sides for each cell"));
            }
            for (cell, scores) in scores.chunks_exact(CLASSES).enumerate() {
                if scores.iter().all(|score| *score <= MIN_SCORE) {
                    continue;
                }
                let bounds = boxed.in_picture(corners(cell, stride, &sides[cell * 4 * BINS..]));
                let seen = scores.iter().enumerate().filter(|(_, score)| **score > MIN_SCORE);
                found.extend(seen.map(|(class, score)| Object { class, score: *score, bounds }));
            }
        }
        Ok(suppress(found))
    }
}

/// Planes of blue, green and red.
fn tensor(view: &RgbImage) -> Vec<f32> {
    let mut tensor = Vec::with_capacity(3 * SIDE * SIDE);
    for (plane, channel) in [2, 1, 0].into_iter().enumerate() {
        let values = view.pixels().map(|pixel| (f32::from(pixel[channel]) - MEANS[plane]) / DEVIATIONS[plane]);
        tensor.extend(values);
    }
    tensor
}

/// The box of a cell: left, top, right, bottom, each at the expected distance from the cell's centre.
fn corners(cell: usize, stride: usize, sides: &[f32]) -> [f32; 4] {
    let columns = SIDE / stride;
    let centre = [cell % columns, cell / columns].map(|n| (n as f32 + 0.5) * stride as f32);
    std::array::from_fn(|side| {
        let distance = expectation(&sides[side * BINS..(side + 1) * BINS]) * stride as f32;
        let sign = if side < 2 { -1.0 } else { 1.0 };
        centre[side % 2] + sign * distance
    })
}

fn expectation(logits: &[f32]) -> f32 {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (bin, logit) in logits.iter().enumerate() {
        let weight = (logit - highest).exp();
        sum += weight;
        weighted += weight * bin as f32;
    }
    weighted / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_lies_around_its_cell() {
        let mut sides = [-50.0; 4 * BINS];
        // Left 1, top between 2 and 3, right 0, bottom 10 strides away.
        [1, BINS + 2, BINS + 3, 2 * BINS, 3 * BINS + 10].into_iter().for_each(|at| sides[at] = 0.0);
        let [x0, y0, x1, y1] = corners(53, 8, &sides);
        assert!((x0 - 4.0).abs() < 1e-4 && (y0 + 8.0).abs() < 1e-4, "{x0} {y0}");
        assert!((x1 - 12.0).abs() < 1e-4 && (y1 - 92.0).abs() < 1e-4, "{x1} {y1}");
    }
}
