use std::f32::consts::FRAC_PI_2;

use image::RgbImage;
use medley_models::{Models, Session, SessionOptions};

use crate::{
    VisionError,
    crop::view,
    geometry::{Roi, distance, sigmoid, wrap_angle},
    parallel,
    pose::{Landmark, Person},
    run::{missing, run},
    ssd::{Detection, Ssd, anchors, thin_out, tiles},
};

pub(super) const MODEL: &str = "blazepose";
/// The side of what the landmark network and the mask network see.
pub(super) const SIZE: usize = 256;
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
/// Of each candidate.
const LOOKS: f32 = 3.0;
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

impl PoseOptions {
    pub(super) fn session(self) -> SessionOptions {
        SessionOptions { threads: 1, parallel: self.threads.max(1) }
    }
}

/// Finds everyone: BlazePose's detector (which finds one person at selfie distance) on the whole picture and on
/// overlapping tiles of two sizes, then the landmark network three times for each candidate. Cheap to clone.
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
        let session = options.session();
        let detector = Ssd {
            session: models.session(MODEL, "detector.onnx", session)?,
            model: MODEL,
            input: "input_1",
            outputs: ["Identity", "Identity_1"],
            size: 224,
            keypoints: 4,
            anchors: anchors(224, &[8, 16, 32, 32, 32]),
        };
        Ok(Self { detector, landmarks: models.session(MODEL, file, session)?, threads: session.parallel })
    }

    /// The same models for callers that look at several pictures at once: each picture on the caller's thread alone.
    #[must_use]
    pub fn on_one_thread(mut self) -> Self {
        self.threads = 1;
        self
    }

    /// Everyone in the picture with at least this score, the surest first.
    ///
    /// # Errors
    /// When a model cannot be run.
    pub fn find(&self, image: &RgbImage, min_score: f32) -> Result<Vec<Person>, VisionError> {
        let (width, height) = image.dimensions();
        let mut views = vec![Roi::whole(width, height)];
        for share in TILES {
            let side = width.max(height) as f32 * share;
            if side >= MIN_TILE_PX {
                views.extend(tiles(width, height, side, OVERLAP));
            }
        }
        self.find_in(image, &views, min_score)
    }

    /// Everyone who shows in these views with at least this score, the surest first.
    ///
    /// # Errors
    /// When a model cannot be run.
    pub fn find_in(&self, image: &RgbImage, views: &[Roi], min_score: f32) -> Result<Vec<Person>, VisionError> {
        let candidates = self.candidates(image, views)?;
        let look = |candidate: &Detection| self.look_thrice(image, candidate, min_score);
        let seen = parallel::map(&candidates, self.threads, look)?;
        Ok(distinct(seen.into_iter().flatten().collect()))
    }

    fn candidates(&self, image: &RgbImage, views: &[Roi]) -> Result<Vec<Detection>, VisionError> {
        let found = parallel::map(views, self.threads, |roi| {
            let mut found = self.detector.detect(image, roi, MIN_DETECTION)?;
            found.retain(|person| person.is_whole(roi, image));
            Ok::<_, VisionError>(found)
        })?;
        let mut candidates = thin_out(found.into_iter().flatten().collect(), MAX_IOU);
        candidates.truncate(MAX_CANDIDATES);
        Ok(candidates)
    }

    /// A look in the detector's view, one in the view that the first asks for, and that one mirrored; the mean of
    /// the three is steadier than each, and how well the first two agree tells how far to trust it. Ends early when
    /// the looks that are left cannot lift the score to `min_score`.
    fn look_thrice(
        &self,
        image: &RgbImage,
        candidate: &Detection,
        min_score: f32,
    ) -> Result<Option<Person>, VisionError> {
        let first = self.look(image, roi(candidate.keypoints[0], candidate.keypoints[1]), false)?;
        if first.presence < MIN_PRESENCE || best_score(candidate, &[&first], 1.0) < min_score {
            return Ok(None);
        }
        let second = self.look(image, first.next, false)?;
        let agreement = first.person.similarity(&second.person);
        if second.presence < MIN_PRESENCE || best_score(candidate, &[&first, &second], agreement) < min_score {
            return Ok(None);
        }
        let mirrored = self.look(image, first.next, true)?;
        let score = best_score(candidate, &[&first, &second, &mirrored], agreement);
        let person = mean(second.person, [first.person, mirrored.person]);
        Ok((score >= min_score).then_some(Person { score, ..person }))
    }

    fn look(&self, image: &RgbImage, roi: Roi, mirrored: bool) -> Result<Look, VisionError> {
        let mut tensor = view(image, &roi, SIZE, [0.0, 1.0]);
        if mirrored {
            mirror(&mut tensor, SIZE, 3);
        }
        let outputs = ["Identity", "Identity_1", "Identity_4"];
        let shape = [1, SIZE, SIZE, 3];
        let [mut points, presence, mut world] = run((&self.landmarks, MODEL), "input_1", &shape, tensor, outputs)?;
        if (points.len(), world.len(), presence.len()) != (39 * 5, 39 * 3, 1) {
            return Err(missing(MODEL, "39 landmarks, a presence and world coordinates"));
        }
        if mirrored {
            points.chunks_exact_mut(5).for_each(|point| point[0] = SIZE as f32 - point[0]);
            world.chunks_exact_mut(3).for_each(|point| point[0] = -point[0]);
            swap_sides(&mut points, 5);
            swap_sides(&mut world, 3);
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
        let person = Person { score: 0.0, landmarks, world_m, roi };
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

/// Detection × presence × visibility × agreement, with the means of three looks; those that are still to come are taken to
/// be perfect.
fn best_score(candidate: &Detection, looks: &[&Look], agreement: f32) -> f32 {
    let to_come = LOOKS - looks.len() as f32;
    let mean = |of: &dyn Fn(&Look) -> f32| (looks.iter().map(|look| of(look)).sum::<f32>() + to_come) / LOOKS;
    candidate.score * mean(&|look| look.presence) * mean(&|look| look.person.visibility()) * agreement
}

/// Turns the rows of a tensor of `side` columns around.
fn mirror(tensor: &mut [f32], side: usize, channels: usize) {
    for row in tensor.chunks_exact_mut(side * channels) {
        for column in 0..side / 2 {
            for channel in 0..channels {
                row.swap(column * channels + channel, (side - 1 - column) * channels + channel);
            }
        }
    }
}

/// Gives what was found on the right to the left and the other way round, points of `stride` values.
fn swap_sides(points: &mut [f32], stride: usize) {
    // Of the 33, eyes are 1-3 and 4-6; from the ears on left and right stand side by side.
    let pairs = [(1, 4), (2, 5), (3, 6)].into_iter().chain((7..32).step_by(2).map(|left| (left, left + 1)));
    for (left, right) in pairs {
        for value in 0..stride {
            points.swap(left * stride + value, right * stride + value);
        }
    }
}

/// The mean of three looks at the same person; the view is that of the first of them.
fn mean(mut person: Person, others: [Person; 2]) -> Person {
    let [a, b] = others;
    let third = |x: f32, y: f32, z: f32| (x + y + z) / 3.0;
    for (i, landmark) in person.landmarks.iter_mut().enumerate() {
        let (a, b) = (&a.landmarks[i], &b.landmarks[i]);
        *landmark = Landmark {
            x: third(landmark.x, a.x, b.x),
            y: third(landmark.y, a.y, b.y),
            z: third(landmark.z, a.z, b.z),
            visibility: third(landmark.visibility, a.visibility, b.visibility),
            presence: third(landmark.presence, a.presence, b.presence),
        };
    }
    for (i, point) in person.world_m.iter_mut().enumerate() {
        *point = std::array::from_fn(|axis| third(point[axis], a.world_m[i][axis], b.world_m[i][axis]));
    }
    person
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_twice_is_nothing() {
        let tensor: Vec<f32> = (0..4 * 4 * 3).map(|v| v as f32).collect();
        let mut twice = tensor.clone();
        mirror(&mut twice, 4, 3);
        assert_eq!(twice[..3], [9.0, 10.0, 11.0]);
        mirror(&mut twice, 4, 3);
        assert_eq!(twice, tensor);
    }

    #[test]
    fn left_and_right_change_places() {
        let mut points: Vec<f32> = (0..33).map(|v| v as f32).collect();
        swap_sides(&mut points, 1);
        assert_eq!(points[..11], [0.0, 4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 8.0, 7.0, 10.0, 9.0]);
        assert_eq!(points[29..], [30.0, 29.0, 32.0, 31.0]);
    }

    #[test]
    fn a_body_upright_is_looked_at_upright() {
        let view = roi([50.0, 80.0], [50.0, 20.0]);
        assert!(view.angle.abs() < 1e-6 && (view.side - 150.0).abs() < 1e-3);
    }
}
