//! The detector that BlazeFace and BlazePose share: an SSD with anchors of one size, boxes and keypoints given
//! relative to the anchor's centre (Bazarevsky et al., arXiv:1907.05047 and arXiv:2006.10204).

use image::RgbImage;
use medley_models::Session;

use crate::{
    VisionError,
    crop::view,
    geometry::{Rect, Roi, sigmoid},
    run::{missing, run},
};

/// A box with keypoints, in px of the picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detection {
    /// 0 to 1.
    pub(crate) score: f32,
    pub(crate) bounds: Rect,
    pub(crate) keypoints: Vec<[f32; 2]>,
}

impl Detection {
    /// False when the view's border cuts through the box: another view shows it whole. Where the picture itself ends
    /// there is no other view.
    pub(crate) fn is_whole(&self, roi: &Roi, image: &RgbImage) -> bool {
        let (half, b) = (roi.side / 2.0, &self.bounds);
        let inside = |low: f32, high: f32, centre: f32, length: f32| {
            (low >= centre - half || centre - half <= 0.0) && (high <= centre + half || centre + half >= length)
        };
        roi.angle != 0.0
            || inside(b.x, b.x + b.width, roi.centre[0], image.width() as f32)
                && inside(b.y, b.y + b.height, roi.centre[1], image.height() as f32)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Ssd {
    pub(crate) session: Session,
    pub(crate) model: &'static str,
    pub(crate) input: &'static str,
    /// Names of the boxes and of the scores.
    pub(crate) outputs: [&'static str; 2],
    /// Side of the network's view.
    pub(crate) size: usize,
    pub(crate) keypoints: usize,
    /// Anchor centres, 0 to 1.
    pub(crate) anchors: Vec<[f32; 2]>,
}

impl Ssd {
    /// Everything in the view with at least this score, not yet thinned out.
    pub(crate) fn detect(&self, image: &RgbImage, roi: &Roi, min_score: f32) -> Result<Vec<Detection>, VisionError> {
        let tensor = view(image, roi, self.size, [-1.0, 1.0]);
        let shape = [1, self.size, self.size, 3];
        let [boxes, scores] = run((&self.session, self.model), self.input, &shape, tensor, self.outputs)?;
        let stride = 4 + 2 * self.keypoints;
        if scores.len() != self.anchors.len() || boxes.len() != stride * scores.len() {
            return Err(missing(self.model, &format!("{} boxes of {stride} values", self.anchors.len())));
        }
        let map = roi.to_picture(self.size);
        let found = scores.iter().zip(boxes.chunks_exact(stride)).zip(&self.anchors);
        Ok(found
            .filter_map(|((logit, values), anchor)| {
                let score = sigmoid(*logit);
                let size = self.size as f32;
                let place = |x: f32, y: f32| map.apply([x + anchor[0] * size, y + anchor[1] * size]);
                (score >= min_score).then(|| Detection {
                    score,
                    bounds: Rect::around(place(values[0], values[1]), values[2] * map.scale(), values[3] * map.scale()),
                    keypoints: values[4..].chunks_exact(2).map(|at| place(at[0], at[1])).collect(),
                })
            })
            .collect())
    }
}

/// The anchors' centres: two to a cell and layer, layers of the same stride together.
pub(crate) fn anchors(size: usize, strides: &[usize]) -> Vec<[f32; 2]> {
    let mut anchors = Vec::new();
    for layers in strides.chunk_by(|a, b| a == b) {
        let cells = size.div_ceil(layers[0]);
        for y in 0..cells {
            for x in 0..cells {
                let centre = [(x as f32 + 0.5) / cells as f32, (y as f32 + 0.5) / cells as f32];
                anchors.extend(std::iter::repeat_n(centre, 2 * layers.len()));
            }
        }
    }
    anchors
}

/// Weighted non-maximum suppression, best first: what overlaps the best box by more than `max_iou` is averaged into
/// it by score, which steadies boxes and keypoints.
pub(crate) fn thin_out(mut detections: Vec<Detection>, max_iou: f32) -> Vec<Detection> {
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept = Vec::new();
    while let Some(best) = detections.first().cloned() {
        let (same, others): (Vec<_>, Vec<_>) =
            detections.into_iter().partition(|d| *d == best || d.bounds.iou(&best.bounds) > max_iou);
        kept.push(average(&best, &same));
        detections = others;
    }
    kept
}

fn average(best: &Detection, same: &[Detection]) -> Detection {
    let total: f32 = same.iter().map(|d| d.score).sum();
    let mean = |value: &dyn Fn(&Detection) -> f32| same.iter().map(|d| value(d) * d.score).sum::<f32>() / total;
    Detection {
        score: best.score,
        bounds: Rect {
            x: mean(&|d| d.bounds.x),
            y: mean(&|d| d.bounds.y),
            width: mean(&|d| d.bounds.width),
            height: mean(&|d| d.bounds.height),
        },
        keypoints: (0..best.keypoints.len())
            .map(|k| [mean(&|d| d.keypoints[k][0]), mean(&|d| d.keypoints[k][1])])
            .collect(),
    }
}

/// Upright squares of this side that cover the picture and overlap each other by at least `overlap` (0 to 1) of the
/// side.
pub(crate) fn tiles(width: u32, height: u32, side: f32, overlap: f32) -> Vec<Roi> {
    let starts = |length: f32| -> Vec<f32> {
        if length <= side {
            return vec![(length - side) / 2.0];
        }
        let gaps = ((length - side) / (side * (1.0 - overlap))).ceil().max(1.0);
        (0..=gaps as usize).map(|i| i as f32 * (length - side) / gaps).collect()
    };
    let columns = starts(width as f32);
    starts(height as f32)
        .into_iter()
        .flat_map(|y| columns.iter().map(move |x| Roi { centre: [x + side / 2.0, y + side / 2.0], side, angle: 0.0 }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(x: f32, score: f32) -> Detection {
        let bounds = Rect { x, y: 0.0, width: 10.0, height: 10.0 };
        Detection { score, bounds, keypoints: vec![[x, 0.0]] }
    }

    #[test]
    fn anchors_of_both_networks() {
        assert_eq!(anchors(224, &[8, 16, 32, 32, 32]).len(), 2254);
        assert_eq!(anchors(128, &[8, 16, 16, 16]).len(), 896);
    }

    #[test]
    fn neighbours_are_averaged_and_others_kept() {
        let kept = thin_out(vec![detection(1.0, 0.5), detection(0.0, 0.5), detection(50.0, 0.9)], 0.3);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0], detection(50.0, 0.9));
        assert!((kept[1].bounds.x - 0.5).abs() < 1e-6 && (kept[1].keypoints[0][0] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn tiles_cover_and_overlap() {
        let tiles = tiles(640, 480, 320.0, 0.4);
        let right = tiles.iter().map(|t| t.centre[0] + 160.0).fold(0.0, f32::max);
        assert_eq!((right, tiles.len()), (640.0, 6));
        assert_eq!(super::tiles(100, 50, 100.0, 0.5).len(), 1);
    }
}
