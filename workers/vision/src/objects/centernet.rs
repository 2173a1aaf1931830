use image::RgbImage;
use medley_models::{Models, Session, SessionOptions};

use super::{MIN_SCORE, NAMES, Object, letterbox::Letterbox, suppress::suppress};
use crate::{
    VisionError,
    run::{missing, run},
};

const MODEL: &str = "centernet";
const SIDE: usize = 512;
/// The side of the heat map.
const GRID: usize = 128;
const STRIDE: f32 = (SIDE / GRID) as f32;

/// MobileNetV3-CenterNet (Zhou et al., arXiv:1904.07850): a heat map of centres for each class, and the distances of a box's
/// sides from its centre.
#[derive(Debug, Clone)]
pub(super) struct CenterNet {
    session: Session,
}

impl CenterNet {
    pub(super) fn open(models: &Models, options: SessionOptions) -> Result<Self, VisionError> {
        Ok(Self { session: models.session(MODEL, "centernet.onnx", options)? })
    }

    pub(super) fn find(&self, image: &RgbImage) -> Result<Vec<Object>, VisionError> {
        let boxed = Letterbox::new(image, SIDE as u32);
        let planes = (0..3).flat_map(|channel| boxed.view.pixels().map(move |pixel| f32::from(pixel[channel])));
        let outputs = ["keypoints", "wh"];
        let [heat, sides] = run((&self.session, MODEL), "image", &[1, 3, SIDE, SIDE], planes.collect(), outputs)?;
        if (heat.len(), sides.len()) != (NAMES.len() * GRID * GRID, 4 * GRID * GRID) {
            return Err(missing(MODEL, "a heat map for each class and four distances"));
        }
        let mut found = Vec::new();
        for (class, heat) in heat.chunks_exact(GRID * GRID).enumerate() {
            for (at, score) in heat.iter().enumerate().filter(|(at, score)| **score > MIN_SCORE && is_peak(heat, *at)) {
                let side = |n: usize| sides[n * GRID * GRID + at];
                let centre = [at % GRID, at / GRID].map(|n| n as f32 * STRIDE);
                let corners = [centre[0] - side(0), centre[1] - side(1), centre[0] + side(2), centre[1] + side(3)];
                found.push(Object { class, score: *score, bounds: boxed.in_picture(corners) });
            }
        }
        Ok(suppress(found))
    }
}

/// Whether no neighbour is higher.
fn is_peak(heat: &[f32], at: usize) -> bool {
    let (x, y) = (at % GRID, at / GRID);
    let near = |n: usize| n.saturating_sub(1)..(n + 2).min(GRID);
    near(y).all(|y| near(x).all(|x| heat[y * GRID + x] <= heat[at]))
}
