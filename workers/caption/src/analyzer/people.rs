use image::RgbImage;
use medley_models::{Models, SessionOptions};
use medley_vision::{
    face::FaceFinder,
    geometry::{Rect, Roi, distance},
    objects::{Object, PERSON},
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
/// The detector's boxes of people: from which score on one is looked into, supports what else was seen, and stands alone.
const MIN_BOX_SCORE: f32 = 0.12;
const SUPPORTING_BOX_SCORE: f32 = 0.2;
const SURE_BOX_SCORE: f32 = 0.4;
/// The most boxes that are looked into: in a crowd the others are counted by their boxes alone.
const MAX_LOOKS: usize = 12;
/// A box with a longer side than this share of the image's shows all that it has in the view of the whole image.
const LARGE: f32 = 0.7;
/// A face that no box supports.
const LONE_FACE_SCORE: f32 = 0.9;

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

    /// Counts people. A box, a face and a body of the same person count once. `objects` are what a detector saw of the image;
    /// without them, people are looked for everywhere, which takes longer.
    pub(super) fn count(&self, image: &RgbImage, objects: Option<&[Object]>) -> Result<Counts, CaptionError> {
        let small = resize(image, fit_within([image.width(), image.height()], SIDE_PX), Filter::Box);
        let scale = small.width() as f32 / image.width() as f32;
        let Some(objects) = objects else {
            let faces = self.faces.find(&small)?.iter().map(Face::of).collect();
            let bodies = self.poses.find(&small, MIN_POSE_SCORE)?;
            return Ok(counts(&seen(faces, &bodies.iter().map(Body::of).collect::<Vec<_>>())));
        };
        let boxes = boxes(objects, scale);
        let faces = self.faces.find_in(&small, &views(&boxes, &small, head))?.iter().map(Face::of).collect();
        let bodies = self.poses.find_in(&small, &views(&boxes, &small, body), MIN_POSE_SCORE)?;
        let seen = seen(faces, &bodies.iter().map(Body::of).collect::<Vec<_>>());
        Ok(counts_with_boxes(&seen, &boxes))
    }
}

/// A box of a person and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PersonBox {
    score: f32,
    bounds: Rect,
}

/// The boxes of people, the surest first, in px of the smaller image.
fn boxes(objects: &[Object], scale: f32) -> Vec<PersonBox> {
    let is_person = |object: &&Object| object.class == PERSON && object.score >= MIN_BOX_SCORE;
    let scaled = |Rect { x, y, width, height }: Rect| Rect {
        x: x * scale,
        y: y * scale,
        width: width * scale,
        height: height * scale,
    };
    objects
        .iter()
        .filter(is_person)
        .map(|object| PersonBox { score: object.score, bounds: scaled(object.bounds) })
        .collect()
}

/// The whole image, and a view for each box that shows too little in it.
fn views(boxes: &[PersonBox], image: &RgbImage, view: impl Fn(&Rect) -> Roi) -> Vec<Roi> {
    let (width, height) = image.dimensions();
    let whole = Roi::whole(width, height);
    let near = boxes.iter().map(|found| view(&found.bounds)).filter(|view| view.side < LARGE * whole.side);
    std::iter::once(whole).chain(near.take(MAX_LOOKS)).collect()
}

/// Where the head of a standing or sitting person in this box is.
fn head(bounds: &Rect) -> Roi {
    let side = 1.2 * bounds.width.max(bounds.height / 2.0);
    Roi { centre: [bounds.centre()[0], bounds.y + 0.42 * side], side, angle: 0.0 }
}

fn body(bounds: &Rect) -> Roi {
    Roi { centre: bounds.centre(), side: 1.25 * bounds.width.max(bounds.height), angle: 0.0 }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Face {
    score: f32,
    bounds: Rect,
}

impl Face {
    fn of(face: &medley_vision::face::Face) -> Self {
        Self { score: face.score, bounds: face.bounds }
    }

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

/// Someone who was seen by face, by body or by both.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Somebody {
    face: Option<Face>,
    body: Option<Body>,
}

impl Somebody {
    /// Whether this box is around the person: the face in it, or most of the smaller of box and body.
    fn is_in(&self, found: &PersonBox) -> bool {
        let Rect { x, y, width, height } = found.bounds;
        let holds = |at: [f32; 2]| (x..=x + width).contains(&at[0]) && (y..=y + height).contains(&at[1]);
        self.face.is_some_and(|face| holds(face.bounds.centre()))
            || self.body.is_some_and(|body| {
                body.bounds.overlap(&found.bounds) > SAME_BODY * body.bounds.area().min(found.bounds.area())
            })
    }

    /// Whether the person is believed in without a box.
    fn is_sure(&self) -> bool {
        match (self.face, self.body) {
            (Some(_), Some(_)) => true,
            (Some(face), None) => face.score >= LONE_FACE_SCORE,
            _ => false,
        }
    }
}

/// Each person once: faces and bodies in pairs, then what is sure enough without the other.
fn seen(faces: Vec<Face>, bodies: &[Body]) -> Vec<Somebody> {
    let faces = distinct(faces);
    let (body_of, face_of) = pairs(&faces, bodies);
    let mut kept: Vec<&Body> =
        bodies.iter().zip(&face_of).filter(|(_, face)| face.is_some()).map(|(body, _)| body).collect();
    let mut seen: Vec<Somebody> = bodies
        .iter()
        .zip(&face_of)
        .filter_map(|(body, face)| Some(Somebody { face: Some(faces[(*face)?]), body: Some(*body) }))
        .collect();
    for (body, face) in bodies.iter().zip(&face_of) {
        if face.is_none() && body.score >= SURE_POSE_SCORE && !kept.iter().any(|other| body.is_within(other)) {
            kept.push(body);
            seen.push(Somebody { face: None, body: Some(*body) });
        }
    }
    let stands_alone = |face: &Face| {
        let centre = face.bounds.centre();
        face.score >= SURE_FACE_SCORE && !kept.iter().any(|body| body.holds(centre, body.around()))
    };
    let alone = faces.iter().zip(&body_of).filter(|(face, body)| body.is_none() && stands_alone(face));
    seen.extend(alone.map(|(face, _)| Somebody { face: Some(*face), body: None }));
    seen
}

fn counts(seen: &[Somebody]) -> Counts {
    let count = |is: &dyn Fn(&&Somebody) -> bool| seen.iter().filter(is).count() as u32;
    Counts {
        people: count(&|_| true),
        faces: count(&|somebody| somebody.face.is_some()),
        poses: count(&|somebody| somebody.body.is_some()),
    }
}

/// The same with the boxes of a detector: who is in none must be surer, and a box may be all that shows of a person.
fn counts_with_boxes(seen: &[Somebody], boxes: &[PersonBox]) -> Counts {
    let mut taken = vec![false; boxes.len()];
    let mut kept = Vec::new();
    for somebody in seen {
        let free = (0..boxes.len())
            .find(|at| !taken[*at] && boxes[*at].score >= SUPPORTING_BOX_SCORE && somebody.is_in(&boxes[*at]));
        match free {
            Some(at) => {
                taken[at] = true;
                kept.push(*somebody);
            }
            // Who shares a box with somebody else, or is in none.
            None if somebody.is_sure() => kept.push(*somebody),
            None => {}
        }
    }
    let by_box_alone = boxes.iter().zip(&taken).filter(|(found, taken)| !**taken && found.score >= SURE_BOX_SCORE);
    let mut counts = counts(&kept);
    counts.people += by_box_alone.count() as u32;
    counts
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
        let Counts { people, faces, poses } = counts(&seen(faces.to_vec(), bodies));
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

    #[test]
    fn a_box_a_face_and_a_body_are_one_person() {
        let found = |x: f32, score: f32| PersonBox { score, bounds: Rect { x, y: 80.0, width: 60.0, height: 200.0 } };
        let pair = seen(vec![face(100.0, 100.0, 30.0, 0.9)], &[body(104.0, 102.0, 30.0, 0.6)]);
        let people = |seen: &[Somebody], boxes: &[PersonBox]| counts_with_boxes(seen, boxes).people;
        assert_eq!(people(&pair, &[found(74.0, 0.9)]), 1);
        assert_eq!(people(&pair, &[found(74.0, 0.9), found(300.0, 0.5), found(500.0, 0.3)]), 2);
        // A body that no box and no face supports is nobody: a statue's shadow, an animal.
        let alone = seen(vec![], &[body(104.0, 102.0, 30.0, 0.6)]);
        assert_eq!((people(&alone, &[]), people(&alone, &[found(74.0, 0.25)])), (0, 1));
        assert_eq!(people(&pair, &[]), 1);
    }
}
