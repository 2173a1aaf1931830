use image::RgbImage;
use medley_models::{Models, SessionOptions};
use medley_vision::{
    face::FaceFinder,
    geometry::Rect,
    pose::{PoseFinder, PoseModel, PoseOptions},
};

use crate::{
    CaptionError,
    resample::{Filter, fit_within, resize},
};

/// People are looked for at this longer side: what is smaller on it cannot be told from noise.
const SIDE_PX: u32 = 1024;
/// A pose less sure is none.
const MIN_POSE_SCORE: f32 = 0.3;
const MIN_FACE_SCORE: f32 = 0.6;

/// Finds faces and bodies.
#[derive(Debug)]
pub(super) struct People {
    faces: FaceFinder,
    poses: PoseFinder,
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) people: u32,
    pub(super) faces: u32,
    pub(super) poses: u32,
}

impl People {
    pub(super) fn open(models: &Models, parallel: usize) -> Result<Self, CaptionError> {
        Ok(Self {
            faces: FaceFinder::open(models, SessionOptions { threads: 1, parallel })?,
            poses: PoseFinder::open(models, PoseOptions { model: PoseModel::Lite, threads: parallel })?.on_one_thread(),
        })
    }

    /// A face and a body that are one person's count once.
    pub(super) fn count(&self, image: &RgbImage) -> Result<Found, CaptionError> {
        let small = resize(image, fit_within([image.width(), image.height()], SIDE_PX), Filter::Box);
        let mut faces = self.faces.find(&small)?;
        faces.retain(|face| face.score >= MIN_FACE_SCORE);
        let poses = self.poses.find(&small, MIN_POSE_SCORE)?;
        let bodies: Vec<Rect> = poses.iter().map(medley_vision::pose::Person::bounds).collect();
        let alone = faces.iter().filter(|face| !bodies.iter().any(|body| holds(body, face.bounds.centre()))).count();
        Ok(Found { people: (bodies.len() + alone) as u32, faces: faces.len() as u32, poses: bodies.len() as u32 })
    }
}

/// Whether the place lies in the box or close around it: a body's landmarks end at the eyes.
fn holds(body: &Rect, [x, y]: [f32; 2]) -> bool {
    let around = 0.15 * body.width.max(body.height);
    (body.x - around..=body.x + body.width + around).contains(&x)
        && (body.y - around..=body.y + body.height + around).contains(&y)
}
