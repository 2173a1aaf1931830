//! Which of ImageNet's 1,000 classes a picture shows.

use image::RgbImage;
use medley_models::{Models, Session, SessionOptions};

use crate::{
    VisionError,
    resample::{Filter, Window, resize, resize_window},
    run::{missing, run},
};

const MODEL: &str = "efficientnet-lite2";
const SIDE: u32 = 260;
/// The share of the shorter side that the middle view shows.
const MIDDLE: f64 = 0.875;
/// ImageNet's classes.
pub const CLASSES: usize = 1000;

/// EfficientNet-Lite2 (Tan and Le, arXiv:1905.11946, without squeeze-and-excitation), on the middle of a picture as it was
/// trained, and on the whole of it, squashed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Classifier {
    session: Session,
}

impl Classifier {
    /// # Errors
    /// When the model `efficientnet-lite2` is missing.
    pub fn open(models: &Models, options: SessionOptions) -> Result<Self, VisionError> {
        Ok(Self { session: models.session(MODEL, "efficientnet-lite2.onnx", options)? })
    }

    /// The probability of each class, 0 to 1, the mean of both views'.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn probabilities(&self, image: &RgbImage) -> Result<Vec<f32>, VisionError> {
        let mut tensor = Vec::with_capacity(2 * 3 * (SIDE * SIDE) as usize);
        for view in [middle(image), resize(image, [SIDE; 2], Filter::Bicubic)] {
            for channel in 0..3 {
                tensor.extend(view.pixels().map(|pixel| (f32::from(pixel[channel]) - 127.0) / 128.0));
            }
        }
        let side = SIDE as usize;
        let [logits] = run((&self.session, MODEL), "image", &[2, 3, side, side], tensor, ["logits"])?;
        if logits.len() != 2 * CLASSES {
            return Err(missing(MODEL, "1,000 values for each view"));
        }
        let (middle, whole) = logits.split_at(CLASSES);
        let (middle, whole) = (softmax(middle), softmax(whole));
        Ok(middle.iter().zip(&whole).map(|(a, b)| (a + b) / 2.0).collect())
    }
}

/// The middle square, as in training.
fn middle(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let scale = f64::from(SIDE) / MIDDLE / f64::from(width.min(height));
    let size = [width, height].map(|length| ((f64::from(length) * scale).round_ties_even() as u32).max(SIDE));
    let window = Window { left: (size[0] - SIDE) / 2, top: (size[1] - SIDE) / 2, width: SIDE, height: SIDE };
    resize_window(image, size, window, Filter::Bicubic)
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_a_square_of_any_picture() {
        for (width, height) in [(640, 480), (1, 900), (3, 2), (9000, 2)] {
            assert_eq!(middle(&RgbImage::new(width, height)).dimensions(), (SIDE, SIDE), "{width} {height}");
        }
    }

    #[test]
    fn probabilities_add_up() {
        let shares = softmax(&[1.0, 1001.0, 1000.0]);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (shares[1] / shares[2] - 1f32.exp()).abs() < 1e-4);
    }
}
