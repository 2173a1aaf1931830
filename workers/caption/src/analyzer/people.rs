use image::RgbImage;
use medley_models::{Models, SessionOptions};
use medley_vision::{
    face::FaceFinder,
    geometry::{Rect, distance},
    pose::{Person, PoseFinder, PoseModel, PoseOptions, part},
    resample::{Filter, fit_within, resize},
};

use crate::CaptionError;

/// The longer side of the image that people are detected on, in px. Whoever is too small on it cannot be told from noise.
const SIDE_PX: u32 = 1024;
/// The lowest score of a pose, and of one without a face.
const MIN_POSE_SCORE: f32 = 0.3;
const SURE_POSE_SCORE: f32 = 0.45;
/// The lowest score of a face, and of one without a body.
const MIN_FACE_SCORE: f32 = 0.7;
const SURE_FACE_SCORE: f32 = 0.8;
/// A face belongs to a head that is no further away than so many times the larger of the two.
const REACH: f32 = 1.5;
/// Bodies of which one covers so much of the other are one, unless each has a face.
const SAME_BODY: f32 = 0.6;

/// Finds faces and bodies.
#[derive(Debug)]
pub(super) struct People {
    faces: FaceFinder,
    poses: PoseFinder,
}

/// How many people, faces and bodies an image shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
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

    /// Counts people. A face and a body of the same person count once.
    pub(super) fn count(&self, image: &RgbImage) -> Result<Counts, CaptionError> {
        let small = resize(image, fit_within([image.width(), image.height()], SIDE_PX), Filter::Box);
        let faces = self.faces.find(&small)?;
        let poses = self.poses.find(&small, MIN_POSE_SCORE)?;
        let faces = faces.iter().map(|face| Face { score: face.score, bounds: face.bounds });
        Ok(count(faces.collect(), &poses.iter().map(Body::of).collect::<Vec<_>>()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Face {
    score: f32,
    bounds: Rect,
}

impl Face {
    fn px(&self) -> f32 {
        self.bounds.width.max(self.bounds.height)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Body {
    score: f32,
    bounds: Rect,
    head: [f32; 2],
    head_px: f32,
}

impl Body {
    fn of(person: &Person) -> Self {
        let at = |part: usize| person.landmarks[part].at();
        let parts = [part::NOSE, part::LEFT_EYE, part::RIGHT_EYE, part::LEFT_EAR, part::RIGHT_EAR].map(at);
        let head = [0, 1].map(|axis| parts.iter().map(|place| place[axis]).sum::<f32>() / parts.len() as f32);
        let [eyes, ears, shoulders] = [
            [part::LEFT_EYE, part::RIGHT_EYE],
            [part::LEFT_EAR, part::RIGHT_EAR],
            [part::LEFT_SHOULDER, part::RIGHT_SHOULDER],
        ]
        .map(|[left, right]| distance(at(left), at(right)));
        let head_px = ears.max(2.0 * eyes).max(shoulders / 2.0).max(1.0);
        Self { score: person.score, bounds: person.bounds(), head, head_px }
    }

    /// Whether the place lies in the box or this close around it: a body's landmarks end at the eyes.
    fn holds(&self, [x, y]: [f32; 2], around: f32) -> bool {
        let Rect { x: left, y: top, width, height } = self.bounds;
        (left - around..=left + width + around).contains(&x) && (top - around..=top + height + around).contains(&y)
    }

    fn around(&self) -> f32 {
        0.15 * self.bounds.width.max(self.bounds.height)
    }

    fn is_within(&self, other: &Self) -> bool {
        let smaller = self.bounds.area().min(other.bounds.area());
        self.bounds.overlap(&other.bounds) > SAME_BODY * smaller
    }
}

/// Each person once: faces and bodies in pairs, then what is sure enough without the other.
fn count(faces: Vec<Face>, bodies: &[Body]) -> Counts {
    let faces = distinct(faces);
    let (body_of, face_of) = pairs(&faces, bodies);
    let mut kept: Vec<&Body> =
        bodies.iter().zip(&face_of).filter(|(_, face)| face.is_some()).map(|(body, _)| body).collect();
    for (body, face) in bodies.iter().zip(&face_of) {
        if face.is_none() && body.score >= SURE_POSE_SCORE && !kept.iter().any(|other| body.is_within(other)) {
            kept.push(body);
        }
    }
    let stands_alone = |face: &Face| {
        let centre = face.bounds.centre();
        face.score >= SURE_FACE_SCORE && !kept.iter().any(|body| body.holds(centre, body.around()))
    };
    let alone = faces.iter().zip(&body_of).filter(|(face, body)| body.is_none() && stands_alone(face)).count();
    let paired = body_of.iter().flatten().count();
    Counts { people: (kept.len() + alone) as u32, faces: (paired + alone) as u32, poses: kept.len() as u32 }
}

/// Faces that are sure enough, the surest first; of two of which one lies in the other, the surer.
fn distinct(mut faces: Vec<Face>) -> Vec<Face> {
    let holds = |Rect { x, y, width, height }: Rect, at: [f32; 2]| {
        (x..=x + width).contains(&at[0]) && (y..=y + height).contains(&at[1])
    };
    faces.retain(|face| face.score >= MIN_FACE_SCORE);
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        let is_known =
            |other: &Face| holds(other.bounds, face.bounds.centre()) || holds(face.bounds, other.bounds.centre());
        if !kept.iter().any(is_known) {
            kept.push(face);
        }
    }
    kept
}

/// Which body each face belongs to, and which face each body has: the nearest heads first; then a face in or beside a body
/// that shows none.
fn pairs(faces: &[Face], bodies: &[Body]) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let (mut body_of, mut face_of) = (vec![None; faces.len()], vec![None; bodies.len()]);
    let mut near: Vec<(f32, usize, usize)> = Vec::new();
    for (f, face) in faces.iter().enumerate() {
        for (b, body) in bodies.iter().enumerate() {
            let far = distance(face.bounds.centre(), body.head) / body.head_px.max(face.px());
            if far <= REACH {
                near.push((far, f, b));
            }
        }
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let beside = (0..faces.len()).flat_map(|f| (0..bodies.len()).map(move |b| (f, b))).filter(|&(f, b)| {
        let (face, body) = (&faces[f], &bodies[b]);
        body.holds(face.bounds.centre(), body.around().max(face.px()))
    });
    for (f, b) in near.into_iter().map(|(_, f, b)| (f, b)).chain(beside) {
        if body_of[f].is_none() && face_of[b].is_none() {
            (body_of[f], face_of[b]) = (Some(b), Some(f));
        }
    }
    (body_of, face_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, y: f32, side: f32, score: f32) -> Face {
        Face { score, bounds: Rect::around([x, y], side, side) }
    }

    /// A standing body of six heads below a head at this place.
    fn body(x: f32, y: f32, head_px: f32, score: f32) -> Body {
        let bounds = Rect { x: x - head_px, y, width: 2.0 * head_px, height: 6.0 * head_px };
        Body { score, bounds, head: [x, y], head_px }
    }

    fn people(faces: &[Face], bodies: &[Body]) -> [u32; 3] {
        let Counts { people, faces, poses } = count(faces.to_vec(), bodies);
        [people, faces, poses]
    }

    #[test]
    fn one_person_counts_once() {
        assert_eq!(people(&[face(100.0, 100.0, 30.0, 0.9)], &[body(104.0, 102.0, 30.0, 0.6)]), [1, 1, 1]);
        // The body's landmarks ended beside the face.
        assert_eq!(people(&[face(100.0, 100.0, 60.0, 0.9)], &[body(190.0, 120.0, 40.0, 0.4)]), [1, 1, 1]);
        // Two bodies of one, seen at two sizes; a nose that was taken for a face.
        let twice = [body(100.0, 100.0, 40.0, 0.8), body(110.0, 140.0, 30.0, 0.7)];
        assert_eq!(people(&[face(100.0, 100.0, 50.0, 0.9), face(105.0, 110.0, 15.0, 0.7)], &twice), [1, 1, 1]);
    }

    #[test]
    fn two_people_count_twice() {
        let bodies = [body(100.0, 100.0, 30.0, 0.6), body(180.0, 100.0, 30.0, 0.6)];
        assert_eq!(people(&[], &bodies), [2, 0, 2]);
        let faces = [face(100.0, 100.0, 30.0, 0.9), face(180.0, 100.0, 30.0, 0.7)];
        assert_eq!(people(&faces, &bodies), [2, 2, 2]);
        // One in front of the other, each with a face.
        let close = [body(100.0, 100.0, 30.0, 0.6), body(120.0, 130.0, 30.0, 0.6)];
        assert_eq!(people(&[face(100.0, 100.0, 30.0, 0.9), face(130.0, 135.0, 30.0, 0.9)], &close), [2, 2, 2]);
        assert_eq!(people(&[face(100.0, 100.0, 30.0, 0.9), face(600.0, 100.0, 30.0, 0.9)], &[]), [2, 2, 0]);
    }

    #[test]
    fn what_is_unsure_alone_is_nobody() {
        assert_eq!(people(&[face(100.0, 100.0, 30.0, 0.75)], &[]), [0, 0, 0]);
        assert_eq!(people(&[], &[body(100.0, 100.0, 30.0, 0.32)]), [0, 0, 0]);
        assert_eq!(people(&[face(100.0, 100.0, 30.0, 0.75)], &[body(100.0, 100.0, 30.0, 0.32)]), [1, 1, 1]);
        assert_eq!(people(&[face(100.0, 100.0, 30.0, 0.65)], &[body(100.0, 100.0, 30.0, 0.32)]), [0, 0, 0]);
    }
}
