use std::f32::consts::FRAC_PI_2;

use image::RgbImage;
use medley_models::{Models, Session, SessionOptions};

use crate::{
    VisionError,
    crop::{Outside, view},
    geometry::{Roi, distance, sigmoid, wrap_angle},
    pose::{Landmark, Mask, Person},
    run::{missing, run},
    side_by_side::side_by_side,
    ssd::{Detection, Ssd, anchors, thin_out, tiles},
};

const MODEL: &str = "blazepose";
const SIZE: usize = 256;
const LANDMARKS: usize = 33;
/// Two more points that say where to look next: the hips' middle and a point on the circle around the body.
const HIPS: usize = 33;
const CIRCLE: usize = 34;
/// How much more than the circle is looked at.
const AROUND: f32 = 1.25;
/// The sides of the tiles that people are looked for in, as shares of the picture's longer side.
const TILES: [f32; 2] = [1.0 / 1.6, 1.0 / 2.5];
const OVERLAP: f32 = 0.35;
/// A tile narrower than this is enlarged so much that it shows nothing new.
const MIN_TILE_PX: f32 = 100.0;
const MIN_DETECTION: f32 = 0.5;
const MAX_IOU: f32 = 0.3;
const MIN_PRESENCE: f32 = 0.1;
/// People more alike than this are one.
const SAME_PERSON: f32 = 0.5;
/// More candidates than this are not looked at: the best are.
const MAX_CANDIDATES: usize = 64;

/// Which of the three networks gives the landmarks: slower is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoseModel {
    Lite,
    Full,
    #[default]
    Heavy,
}

#[derive(Debug, Clone, Copy)]
pub struct PoseOptions {
    pub model: PoseModel,
    /// How many candidates are looked at at the same time, each on one thread.
    pub threads: usize,
}

/// Finds everyone: BlazePose's detector (which finds one person at selfie distance) on the whole picture and on
/// overlapping tiles of two sizes, then the landmark network twice for each candidate, the second time in the view that
/// the first one asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PoseFinder {
    detector: Ssd,
    landmarks: Session,
    threads: usize,
}

impl PoseFinder {
    /// # Errors
    /// When the model `blazepose` is missing.
    pub fn open(models: &Models, options: PoseOptions) -> Result<Self, VisionError> {
        let file = match options.model {
            PoseModel::Lite => "lite.onnx",
            PoseModel::Full => "full.onnx",
            PoseModel::Heavy => "heavy.onnx",
        };
        let threads = options.threads.max(1);
        let session = SessionOptions { threads: 1, parallel: threads };
        let detector = Ssd {
            session: models.session(MODEL, "detector.onnx", session)?,
            model: MODEL,
            input: "input_1",
            outputs: ["Identity", "Identity_1"],
            size: 224,
            keypoints: 4,
            anchors: anchors(224, &[8, 16, 32, 32, 32]),
        };
        Ok(Self { detector, landmarks: models.session(MODEL, file, session)?, threads })
    }

    /// Everyone in the picture, the surest first.
    ///
    /// # Errors
    /// When a model cannot be run.
    pub fn find(&self, image: &RgbImage) -> Result<Vec<Person>, VisionError> {
        let candidates = self.candidates(image)?;
        let seen = side_by_side(&candidates, self.threads, |candidate| self.look_twice(image, candidate))?;
        Ok(distinct(seen.into_iter().flatten().collect()))
    }

    fn candidates(&self, image: &RgbImage) -> Result<Vec<Detection>, VisionError> {
        let (width, height) = image.dimensions();
        let mut views = vec![Roi::whole(width, height)];
        for share in TILES {
            let side = width.max(height) as f32 * share;
            if side >= MIN_TILE_PX {
                views.extend(tiles(width, height, side, OVERLAP));
            }
        }
        let found = side_by_side(&views, self.threads, |roi| {
            let mut found = self.detector.detect(image, roi, MIN_DETECTION)?;
            found.retain(|person| person.is_whole(roi, image));
            Ok::<_, VisionError>(found)
        })?;
        let mut candidates = thin_out(found.into_iter().flatten().collect(), MAX_IOU);
        candidates.truncate(MAX_CANDIDATES);
        Ok(candidates)
    }

    fn look_twice(&self, image: &RgbImage, candidate: &Detection) -> Result<Option<Person>, VisionError> {
        let first = self.look(image, roi(candidate.keypoints[0], candidate.keypoints[1]))?;
        if first.presence < MIN_PRESENCE {
            return Ok(None);
        }
        let second = self.look(image, first.next)?;
        if second.presence < MIN_PRESENCE {
            return Ok(None);
        }
        let mut person = second.person;
        person.score = candidate.score * second.presence * person.visibility();
        Ok(Some(person))
    }

    fn look(&self, image: &RgbImage, roi: Roi) -> Result<Look, VisionError> {
        let tensor = view(image, &roi, SIZE, [0.0, 1.0], Outside::Black);
        let outputs = ["Identity", "Identity_1", "Identity_2", "Identity_4"];
        let shape = [1, SIZE, SIZE, 3];
        let [points, presence, mask, world] = run((&self.landmarks, MODEL), "input_1", &shape, tensor, outputs)?;
        let wanted = (points.len(), world.len(), presence.len(), mask.len());
        if wanted != (39 * 5, 39 * 3, 1, SIZE * SIZE) {
            return Err(missing(MODEL, "39 landmarks, a presence, a mask and world coordinates"));
        }
        let map = roi.to_picture(SIZE);
        let at = |i: usize| map.apply([points[i * 5], points[i * 5 + 1]]);
        let landmarks = (0..LANDMARKS)
            .map(|i| {
                let ([x, y], rest) = (at(i), &points[i * 5 + 2..]);
                let (visibility, presence) = (sigmoid(rest[1]), sigmoid(rest[2]));
                Landmark { x, y, z: rest[0] * map.scale(), visibility, presence }
            })
            .collect();
        let (sin, cos) = roi.angle.sin_cos();
        let world_m = world
            .chunks_exact(3)
            .take(LANDMARKS)
            .map(|p| [p[0] * cos - p[1] * sin, p[0] * sin + p[1] * cos, p[2]])
            .collect();
        let mask = Mask::of_logits(roi, SIZE, &mask);
        let person = Person { score: 0.0, landmarks, world_m, roi, mask };
        Ok(Look { presence: presence[0], next: self::roi(at(HIPS), at(CIRCLE)), person })
    }
}

/// What one look gives.
struct Look {
    presence: f32,
    /// Where to look next.
    next: Roi,
    person: Person,
}

/// The view around a body: `hips` its centre, `circle` a point above the head on the circle around it.
fn roi(hips: [f32; 2], circle: [f32; 2]) -> Roi {
    let angle = wrap_angle(FRAC_PI_2 - (hips[1] - circle[1]).atan2(circle[0] - hips[0]));
    Roi { centre: hips, side: (2.0 * AROUND * distance(hips, circle)).max(1.0), angle }
}

/// Each person once, the best view of them, the surest first.
fn distinct(mut people: Vec<Person>) -> Vec<Person> {
    people.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Person> = Vec::new();
    for person in people {
        if kept.iter().all(|other| other.similarity(&person) < SAME_PERSON) {
            kept.push(person);
        }
    }
    kept
}
