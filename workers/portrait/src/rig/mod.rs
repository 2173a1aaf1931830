//! A face made movable: the mesh of a photo, rings around it that fade into the background, and for every movement
//! of a speaking face how each point follows it.
//!
//! Movements are given in centimetres of the canonical head and brought into the picture by the head's own pose
//! (scale and rotation), so a turned head needs no special case. One distance of the eyes is 6.3 of those centimetres.

mod canonical;
mod fields;
mod landmarks;
mod similarity;
mod solve;

pub(crate) use canonical::{Canonical, POINTS};
pub(crate) use fields::UPPER_SHARE;
pub(crate) use landmarks::{EYES, Eye, INNER_LEFT, INNER_RIGHT, LOWER_LIP, OVAL, UPPER_LIP};
pub(crate) use similarity::Similarity;

use self::{
    fields::Fields,
    landmarks::{on_inner_rim, on_lips},
    similarity::{multiply, product},
    solve::Laplacian,
};
use crate::animation::Pose;

/// Sizes of the rings, in ovals of the face.
const RINGS: [f64; 5] = [1.10, 1.28, 1.6, 2.05, 2.7];
/// How much each ring follows a turn of the head, towards hair and background and towards the neck.
const HEAD_FOLLOWS: [f64; 5] = [1.0, 0.97, 0.72, 0.3, 0.0];
const NECK_FOLLOWS: [f64; 5] = [0.95, 0.7, 0.3, 0.08, 0.0];
/// The eye distance at which lengths that are given in pixels were tuned.
pub(crate) const TUNED_EYE_DISTANCE_PX: f64 = 92.0;
/// A fully open jaw turns by this much about the axis through y .3 cm, z -1 cm of the canonical head.
const JAW_RAD: f64 = 0.165;
const JAW_AXIS_CM: (f64, f64) = (0.3, -1.0);

/// The triangles of a rig, by what they show; skin stands from far to near.
#[derive(Debug, Clone)]
pub(crate) struct Triangles {
    pub(crate) rings: Vec<[usize; 3]>,
    pub(crate) eyes: Vec<[usize; 3]>,
    pub(crate) mouth: Vec<[usize; 3]>,
    pub(crate) skin: Vec<[usize; 3]>,
    /// Those of `skin` that touch the lips.
    pub(crate) lips: Vec<[usize; 3]>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Rig {
    /// Pixels of the picture, z growing away from the camera; the mesh's points, then the rings'.
    pub(crate) points: Vec<[f64; 3]>,
    pub(crate) triangles: Triangles,
    /// Canonical head to the picture, with y and z turned over.
    pub(crate) pose: Similarity,
    pub(crate) eye_distance_px: f64,
    /// Whether the photo shows teeth between open lips.
    pub(crate) shows_teeth: bool,
    canonical: Vec<[f64; 3]>,
    fields: Fields,
    follows_head: Vec<f64>,
    pivot: [f64; 3],
}

/// Where the points of a rig are in one frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct Posed {
    pub(crate) points: Vec<[f32; 2]>,
    /// With the lids where the photo has them: where the eyeballs are drawn.
    pub(crate) unblinked: Vec<[f32; 2]>,
}

impl Rig {
    /// `mesh` is in pixels of the picture, z growing away from the camera.
    pub(crate) fn new(mesh: &[[f64; 3]], canonical: &Canonical, shows_teeth: bool) -> Self {
        let pose = head_pose(mesh, canonical);
        let eye_distance_px = eye_distance(mesh);
        let mut points = mesh.to_vec();
        part_lids(&mut points);
        let centre = [0, 1].map(|k| OVAL.iter().map(|&i| points[i][k]).sum::<f64>() / OVAL.len() as f64);
        let rings = add_rings(&mut points, centre);
        let triangles = sort_triangles(&points, &canonical.triangles, rings);

        let unit = eye_distance_px / TUNED_EYE_DISTANCE_PX;
        let connected = [&triangles.skin[..], &triangles.eyes, &triangles.rings].concat();
        let laplacian = Laplacian::new(points.len(), &connected, |a, b| distance(points[a], points[b]) / unit);
        let depth: Vec<f64> = points.iter().map(|point| point[2]).collect();
        // The steep rim of a cheek folds over when the head turns; a smoothed depth does not.
        let depth = laplacian.smoothed(&depth, 100.0);
        let oval_depth = OVAL.iter().map(|&i| points[i][2]).sum::<f64>() / OVAL.len() as f64;
        let pivot = [centre[0], points[152][1] + 0.15 * eye_distance_px, oval_depth + 0.5 * eye_distance_px];
        let follows_head = follows_head(&points, centre);
        let canonical_points: Vec<[f64; 3]> = canonical
            .points
            .iter()
            .copied()
            .chain(RINGS.iter().flat_map(|_| OVAL.map(|i| canonical.points[i])))
            .collect();
        let fields = Fields::new(&points, &canonical.points, &laplacian, &pose);
        points.iter_mut().zip(depth).for_each(|(point, depth)| point[2] = depth);
        Self {
            points,
            triangles,
            pose,
            eye_distance_px,
            shows_teeth,
            canonical: canonical_points,
            fields,
            follows_head,
            pivot,
        }
    }

    /// One eye distance is this many of the pixels that lengths were tuned in.
    pub(crate) fn unit(&self) -> f32 {
        (self.eye_distance_px / TUNED_EYE_DISTANCE_PX) as f32
    }

    fn jaw_angle(&self, pose: &Pose) -> f64 {
        // A mouth that smiles in the photo has further to open until it looks open.
        JAW_RAD * f64::from(pose.jaw) * if self.shows_teeth { 1.25 } else { 1.0 }
    }

    /// Moves every point.
    pub(crate) fn posed(&self, pose: &Pose, out: &mut Posed) {
        let at = |v: f32| f64::from(v);
        let (round, fields) = (at(pose.round), &self.fields);
        let (sin, cos) = self.jaw_angle(pose).sin_cos();
        let head = Head::new(self, pose);
        out.points.clear();
        out.unblinked.clear();
        for (i, &rest) in self.points.iter().enumerate() {
            let [_, y, z] = self.canonical[i];
            let (y, z) = (y - JAW_AXIS_CM.0, z - JAW_AXIS_CM.1);
            let jaw = (1.0 - round) * fields.jaw_wide[i] + round * fields.jaw_round[i];
            let moved_cm = [
                fields.wide[i] * (0.42 * at(pose.wide) - 0.95 * round),
                jaw * (y * cos - z * sin - y) + fields.raise_upper[i] * (0.38 * at(pose.upper) + 0.10 * at(pose.jaw))
                    - fields.lower_down[i] * 0.35 * at(pose.lower)
                    + fields.press[i] * 0.12 * (at(pose.press) - 0.6 * round)
                    + fields.tuck[i] * 0.16 * at(pose.tuck),
                jaw * (y * sin + z * cos - z) + fields.protrude[i] * 0.5 * round,
            ];
            let moved = self.pose.direction(moved_cm);
            let mut point = [rest[0] + moved[0], rest[1] - moved[1], rest[2] - moved[2]];
            (0..2).for_each(|k| point[k] += fields.close[k][i] * at(pose.close));
            point[1] -= fields.brow[i] * at(pose.brow) * 0.06 * self.eye_distance_px;
            let shut = [0, 1].map(|k| point[k] + fields.blink[k][i] * at(pose.blink));
            let follows = self.follows_head[i];
            out.unblinked.push(head.turn(point, follows));
            out.points.push(head.turn([shut[0], shut[1], point[2]], follows));
        }
    }

    /// Where a point of the canonical head is in a frame: of the skull, or of the lower jaw.
    pub(crate) fn inside(&self, point_cm: [f64; 3], pose: &Pose, of_jaw: bool) -> [f32; 2] {
        let mut point = point_cm;
        if of_jaw {
            let (sin, cos) = self.jaw_angle(pose).sin_cos();
            let (y, z) = (point[1] - JAW_AXIS_CM.0, point[2] - JAW_AXIS_CM.1);
            point[1] = y * cos - z * sin + JAW_AXIS_CM.0 - 0.15 * f64::from(pose.lower);
            point[2] = y * sin + z * cos + JAW_AXIS_CM.1;
        }
        Head::new(self, pose).turn(self.in_picture(point), 1.0)
    }

    /// Canonical centimetres to the picture at rest.
    pub(crate) fn in_picture(&self, point_cm: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = self.pose.point(point_cm);
        [x, -y, -z]
    }

    /// How far each point moves at most in any pose that the life of a head (`turns`) and speech can ask for.
    pub(crate) fn can_move(&self, turns: bool) -> Vec<bool> {
        const SEEN_PX: f64 = 0.02;
        let fields = &self.fields;
        let one_cm = self.pose.scale;
        (0..self.points.len())
            .map(|i| {
                let speech = [
                    &fields.jaw_wide,
                    &fields.jaw_round,
                    &fields.wide,
                    &fields.protrude,
                    &fields.raise_upper,
                    &fields.lower_down,
                    &fields.press,
                    &fields.tuck,
                ];
                let speech = speech.iter().map(|field| field[i].abs()).sum::<f64>() * one_cm;
                let close = fields.close[0][i].abs() + fields.close[1][i].abs();
                let life = fields.blink[0][i].abs() + fields.blink[1][i].abs() + fields.brow[i].abs() * one_cm;
                let turn = self.follows_head[i] * one_cm;
                speech + close + if turns { life + turn } else { 0.0 } > SEEN_PX
            })
            .collect()
    }
}

/// A turn of the head about a point under the chin.
struct Head<'a> {
    rotation: [[f64; 3]; 3],
    pivot: &'a [f64; 3],
    shift: [f64; 2],
}

impl<'a> Head<'a> {
    fn new(rig: &'a Rig, pose: &Pose) -> Self {
        let [(sy, cy), (sp, cp), (sr, cr)] =
            [pose.yaw_deg, pose.pitch_deg, pose.roll_deg].map(|angle| f64::from(angle).to_radians().sin_cos());
        let roll = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]];
        let pitch = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]];
        let yaw = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]];
        let shift = [pose.shift_x, pose.shift_y].map(|v| f64::from(v) * rig.eye_distance_px);
        Self { rotation: product(product(roll, pitch), yaw), pivot: &rig.pivot, shift }
    }

    fn turn(&self, point: [f64; 3], follows: f64) -> [f32; 2] {
        let turned = multiply(self.rotation, std::array::from_fn(|k| point[k] - self.pivot[k]));
        [0, 1].map(|k| (point[k] + follows * (turned[k] + self.pivot[k] + self.shift[k] - point[k])) as f32)
    }
}

/// The head's pose: lips count little, because they move, and so does the chin.
pub(crate) fn head_pose(mesh: &[[f64; 3]], canonical: &Canonical) -> Similarity {
    let observed: Vec<[f64; 3]> = mesh.iter().map(|p| [p[0], -p[1], -p[2]]).collect();
    let weights: Vec<f64> = (0..POINTS)
        .map(|i| match canonical.points[i] {
            [_, y, _] if y < -5.0 => 0.2,
            _ if UPPER_LIP.iter().chain(&LOWER_LIP).any(|ring| ring.contains(&i)) => 0.1,
            _ => 1.0,
        })
        .collect();
    Similarity::fit(&canonical.points, &observed, &weights)
}

/// Between the eyes' centres, in space.
pub(crate) fn eye_distance(mesh: &[[f64; 3]]) -> f64 {
    let middle =
        |eye: &Eye| -> [f64; 3] { std::array::from_fn(|k| (mesh[eye.corners.0][k] + mesh[eye.corners.1][k]) / 2.0) };
    distance(middle(&EYES[0]), middle(&EYES[1]))
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

/// Moves the rims of the lids a little into the eye, so that the lashes belong to the lid and travel with it.
fn part_lids(points: &mut [[f64; 3]]) {
    for eye in EYES {
        for (upper, lower) in eye.upper.into_iter().zip(eye.lower) {
            let opening: [f64; 3] = std::array::from_fn(|k| points[lower][k] - points[upper][k]);
            points[upper].iter_mut().zip(opening).for_each(|(v, opening)| *v += 0.16 * opening);
            points[lower].iter_mut().zip(opening).for_each(|(v, opening)| *v -= 0.04 * opening);
        }
    }
}

/// Adds the rings' points and returns their triangles, outermost first.
fn add_rings(points: &mut Vec<[f64; 3]>, centre: [f64; 2]) -> Vec<[usize; 3]> {
    let mut rows = vec![OVAL.to_vec()];
    for size in RINGS {
        rows.push((points.len()..points.len() + OVAL.len()).collect());
        for i in OVAL {
            let [x, y, z] = points[i];
            points.push([centre[0] + (x - centre[0]) * size, centre[1] + (y - centre[1]) * size, z]);
        }
    }
    let mut triangles = Vec::new();
    for rows in rows.windows(2) {
        let (inner, outer) = (&rows[0], &rows[1]);
        for j in 0..OVAL.len() {
            let m = (j + 1) % OVAL.len();
            triangles.push([inner[j], inner[m], outer[j]]);
            triangles.push([inner[m], outer[m], outer[j]]);
        }
    }
    triangles.reverse();
    triangles
}

fn sort_triangles(points: &[[f64; 3]], mesh: &[[usize; 3]], rings: Vec<[usize; 3]>) -> Triangles {
    let (mut eyes, mut mouth, mut skin) = (Vec::new(), Vec::new(), Vec::new());
    for &triangle in mesh {
        if triangle.iter().all(|&i| on_inner_rim(i)) {
            mouth.push(triangle);
        } else if EYES.iter().any(|eye| triangle.iter().all(|&i| eye.contains(i))) {
            eyes.push(triangle);
        } else {
            skin.push(triangle);
        }
    }
    let depth = |triangle: &[usize; 3]| triangle.iter().map(|&i| points[i][2]).sum::<f64>();
    skin.sort_by(|a, b| depth(b).total_cmp(&depth(a)));
    let lips = skin.iter().filter(|triangle| triangle.iter().any(|&i| on_lips(i))).copied().collect();
    Triangles { rings, eyes, mouth, skin, lips }
}

/// Hair and background follow a turn differently from the neck.
fn follows_head(points: &[[f64; 3]], centre: [f64; 2]) -> Vec<f64> {
    let mut follows = vec![1.0; points.len()];
    for (j, &i) in OVAL.iter().enumerate() {
        let neck = ((points[i][1] - centre[1]) / (points[152][1] - centre[1])).clamp(0.0, 1.0).powi(2);
        for ring in 0..RINGS.len() {
            follows[POINTS + ring * OVAL.len() + j] = HEAD_FOLLOWS[ring] * (1.0 - neck) + NECK_FOLLOWS[ring] * neck;
        }
    }
    follows
}
