use image::RgbImage;
use medley_models::{Models, SessionOptions};

use crate::{
    VisionError,
    geometry::{Rect, Roi, wrap_angle},
    ssd::{Detection, Ssd, anchors, thin_out, tiles},
};

const MODEL: &str = "face-detector";
const FILE: &str = "detector.onnx";
const MIN_SCORE: f32 = 0.5;
const MAX_IOU: f32 = 0.3;
/// The detector sees 128×128 px: on larger pictures small faces only show in tiles. A tile narrower than this shows
/// nothing that the whole picture does not.
const MIN_TILE_PX: f32 = 160.0;

/// A face in px of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// 0 to 1.
    pub score: f32,
    /// From the brows to the chin.
    pub bounds: Rect,
    /// Right eye, left eye, tip of the nose, mouth, right ear, left ear: the person's own right and left.
    pub keypoints: [[f32; 2]; 6],
}

impl Face {
    /// What the mesh wants to see: the face with half as much around it, eyes level.
    pub fn roi(&self) -> Roi {
        let [right_eye, left_eye, ..] = self.keypoints;
        let angle = (left_eye[1] - right_eye[1]).atan2(left_eye[0] - right_eye[0]);
        let side = self.bounds.width.max(self.bounds.height) * 1.5;
        Roi { centre: self.bounds.centre(), side, angle: wrap_angle(angle) }
    }
}

/// Finds faces of any size: BlazeFace (short range, 128×128) on the whole picture and on overlapping tiles of it.
/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct FaceFinder {
    ssd: Ssd,
}

impl FaceFinder {
    /// # Errors
    /// When the model `face-detector` is missing.
    pub fn open(models: &Models, options: SessionOptions) -> Result<Self, VisionError> {
        let ssd = Ssd {
            session: models.session(MODEL, FILE, options)?,
            model: MODEL,
            input: "input",
            outputs: ["regressors", "classificators"],
            size: 128,
            keypoints: 6,
            anchors: anchors(128, &[8, 16, 16, 16]),
        };
        Ok(Self { ssd })
    }

    /// Every face of the picture, the surest first.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn find(&self, image: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let (width, height) = image.dimensions();
        let mut views = vec![Roi::whole(width, height)];
        let mut side = width.max(height) as f32 / 2.0;
        for _ in 0..2 {
            if side >= MIN_TILE_PX {
                views.extend(tiles(width, height, side, 0.35));
            }
            side /= 2.0;
        }
        self.find_in(image, &views)
    }

    /// The faces that show in these views.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn find_in(&self, image: &RgbImage, views: &[Roi]) -> Result<Vec<Face>, VisionError> {
        let mut found = Vec::new();
        for roi in views {
            let all = self.ssd.detect(image, roi, MIN_SCORE)?;
            found.extend(all.into_iter().filter(|face| face.is_whole(roi, image)));
        }
        Ok(thin_out(found, MAX_IOU).into_iter().map(face).collect())
    }
}

fn face(found: Detection) -> Face {
    let keypoints = std::array::from_fn(|k| found.keypoints[k]);
    Face { score: found.score, bounds: found.bounds, keypoints }
}
