use image::RgbImage;
use medley_models::{Models, Session};

use crate::{
    VisionError,
    crop::view,
    geometry::{Affine, Roi, sigmoid},
    parallel,
    pose::{
        Person, PoseModel, PoseOptions,
        finder::{MODEL, SIZE},
    },
    run::{missing, run},
};

/// Tells which pixels are a person's: BlazePose's other half, apart from the landmarks because to paint a mask takes as
/// long as to find them.
#[derive(Debug, Clone)]
pub struct PoseMasker {
    session: Session,
    threads: usize,
}

impl PoseMasker {
    /// # Errors
    /// When the model `blazepose` is missing.
    pub fn open(models: &Models, options: PoseOptions) -> Result<Self, VisionError> {
        let file = match options.model {
            PoseModel::Lite => "lite-mask.onnx",
            PoseModel::Full => "full-mask.onnx",
            PoseModel::Heavy => "heavy-mask.onnx",
        };
        let session = options.session();
        Ok(Self { session: models.session(MODEL, file, session)?, threads: session.parallel })
    }

    /// A mask for each of the people, who were found in this picture.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn masks(&self, image: &RgbImage, people: &[Person]) -> Result<Vec<Mask>, VisionError> {
        parallel::map(people, self.threads, |person| {
            let tensor = view(image, &person.roi, SIZE, [0.0, 1.0]);
            let shape = [1, SIZE, SIZE, 3];
            let [logits] = run((&self.session, MODEL), "input_1", &shape, tensor, ["Identity_2"])?;
            if logits.len() != SIZE * SIZE {
                return Err(missing(MODEL, "a mask of 256 x 256"));
            }
            Ok(Mask::of_logits(person.roi, SIZE, &logits))
        })
    }
}

/// Where a person is: probabilities over the network's view.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    roi: Roi,
    /// Side of the view in cells.
    side: usize,
    /// side × side, 0 to 1.
    cells: Vec<f32>,
}

impl Mask {
    /// Of `side`×`side` logits.
    fn of_logits(roi: Roi, side: usize, logits: &[f32]) -> Self {
        Self { roi, side, cells: logits.iter().map(|logit| sigmoid(*logit)).collect() }
    }

    /// Calls `paint(index of the pixel, probability)` for every pixel of a `width`×`height` picture that the view
    /// covers; `scale` is how many px of that picture one px of the picture is that the person was found in.
    pub fn each_pixel(&self, [width, height]: [u32; 2], scale: [f32; 2], mut paint: impl FnMut(usize, f32)) {
        let Some(to_view) = self.roi.to_picture(self.side).inverse() else { return };
        let corners = self.roi.corners().map(|[x, y]| [x * scale[0], y * scale[1]]);
        let limit = |axis: usize, most: u32| {
            let low = corners.iter().map(|c| c[axis]).fold(f32::INFINITY, f32::min).clamp(0.0, most as f32);
            let high = corners.iter().map(|c| c[axis]).fold(f32::NEG_INFINITY, f32::max).clamp(0.0, most as f32);
            low.floor() as u32..high.ceil() as u32
        };
        for y in limit(1, height) {
            for x in limit(0, width) {
                let at = [(x as f32 + 0.5) / scale[0], (y as f32 + 0.5) / scale[1]];
                if let Some(probability) = self.probability(&to_view, at) {
                    paint(y as usize * width as usize + x as usize, probability);
                }
            }
        }
    }

    /// Bilinear; `None` outside the view.
    fn probability(&self, to_view: &Affine, at: [f32; 2]) -> Option<f32> {
        let [x, y] = to_view.apply(at).map(|v| v - 0.5);
        let last = self.side as f32 - 1.0;
        if x < -0.5 || y < -0.5 || x > last + 0.5 || y > last + 0.5 {
            return None;
        }
        let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
        let (left, top) = (x as usize, y as usize);
        let (right, low) = ((left + 1).min(self.side - 1), (top + 1).min(self.side - 1));
        let (u, v) = (x - left as f32, y - top as f32);
        let cell = |x: usize, y: usize| self.cells[y * self.side + x];
        let upper = cell(left, top) * (1.0 - u) + cell(right, top) * u;
        let lower = cell(left, low) * (1.0 - u) + cell(right, low) * u;
        Some(upper * (1.0 - v) + lower * v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_view_lands_where_it_was_taken() {
        let roi = Roi { centre: [10.0, 10.0], side: 8.0, angle: std::f32::consts::FRAC_PI_2 };
        // The right half of the view is the person; turned by 90° that is the lower half of the picture's square.
        let logits = [-9.0, 9.0, -9.0, 9.0];
        let mask = Mask::of_logits(roi, 2, &logits);
        let mut sure = Vec::new();
        mask.each_pixel([20, 20], [1.0, 1.0], |i, p| {
            if p > 0.9 {
                sure.push([i % 20, i / 20]);
            }
        });
        assert!(!sure.is_empty() && sure.iter().all(|[x, y]| *y >= 10 && *y < 14 && (6..14).contains(x)));
    }
}
