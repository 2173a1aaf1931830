//! Relative depth of people without a depth network. BlazePose states each landmark's distance from the hips in metres,
//! the body's size in px gives the distance of the whole person, the mask gives the outline, and the face mesh gives the
//! relief of the face. Everything else is far.

use medley_vision::{
    face::{CanonicalFace, Mesh},
    pose::{Person, part},
};

use crate::{ControlError, Scene};

/// Focal length of a usual lens, in lengths of the picture's longer side.
const FOCAL: f32 = 1.2;
/// The distance in metres beyond which landmarks have little influence.
const REACH_M: f32 = 0.06;
/// People's depths are spread over this to 1; the background is 0.
const FARTHEST_PERSON: f32 = 0.35;
/// Probabilities of the outline between which a person fades in.
const FADE: [f32; 2] = [0.35, 0.65];
/// Bones, along which depth is interpolated.
const BONES: [[usize; 2]; 14] = [
    [part::LEFT_SHOULDER, part::RIGHT_SHOULDER],
    [part::LEFT_SHOULDER, part::LEFT_ELBOW],
    [part::LEFT_ELBOW, part::LEFT_WRIST],
    [part::RIGHT_SHOULDER, part::RIGHT_ELBOW],
    [part::RIGHT_ELBOW, part::RIGHT_WRIST],
    [part::LEFT_SHOULDER, part::LEFT_HIP],
    [part::RIGHT_SHOULDER, part::RIGHT_HIP],
    [part::LEFT_HIP, part::RIGHT_HIP],
    [part::LEFT_HIP, part::LEFT_KNEE],
    [part::LEFT_KNEE, part::LEFT_ANKLE],
    [part::RIGHT_HIP, part::RIGHT_KNEE],
    [part::RIGHT_KNEE, part::RIGHT_ANKLE],
    [part::LEFT_SHOULDER, part::RIGHT_HIP],
    [part::RIGHT_SHOULDER, part::LEFT_HIP],
];
const SAMPLES_A_BONE: usize = 4;

/// Inverse depth of each pixel of the view, 0 to 1; `None` without people.
pub(super) fn inverse_depth(scene: &Scene<'_>) -> Result<Option<Vec<f32>>, ControlError> {
    let people = scene.people()?;
    if people.is_empty() {
        return Ok(None);
    }
    let size = scene.view_size();
    let pixels = size[0] as usize * size[1] as usize;
    let (mut nearness, mut cover) = (vec![0f32; pixels], vec![0f32; pixels]);
    for (person, mask) in people.iter().zip(scene.masks()?) {
        let body = Body::of(person, scene);
        let face = scene.face_of(person)?.map(|mesh| body.face(scene, &mesh)).transpose()?;
        mask.each_pixel(size, scene.scale(), |index, probability| {
            let share = ((probability - FADE[0]) / (FADE[1] - FADE[0])).clamp(0.0, 1.0);
            if share > 0.0 {
                let at = [(index % size[0] as usize) as f32 + 0.5, (index / size[0] as usize) as f32 + 0.5];
                let away = face.as_ref().and_then(|face| face.away_m(index)).unwrap_or_else(|| body.away_m(at));
                let near = 1.0 / (body.distance_m + away).max(0.1);
                if near > nearness[index] {
                    (nearness[index], cover[index]) = (near, share);
                }
            }
        });
    }
    let seen = || nearness.iter().zip(&cover).filter(|(_, share)| **share > 0.0).map(|(near, _)| *near);
    let (low, high) = (seen().fold(f32::MAX, f32::min), seen().fold(0.0, f32::max));
    let spread = |near: f32| if high > low { (near - low) / (high - low) } else { 1.0 };
    let values = nearness.iter().zip(&cover);
    Ok(Some(values.map(|(near, share)| share * (FARTHEST_PERSON + (1.0 - FARTHEST_PERSON) * spread(*near))).collect()))
}

/// Points of a body with their distance behind its hips.
struct Body {
    /// x, y in px of the view, metres away from the hips (towards the background).
    points: Vec<[f32; 3]>,
    px_per_m: f32,
    distance_m: f32,
}

impl Body {
    fn of(person: &Person, scene: &Scene<'_>) -> Self {
        let scale = scene.scale();
        let place = |i: usize| {
            let landmark = &person.landmarks[i];
            [landmark.x * scale[0], landmark.y * scale[1], person.world_m[i][2]]
        };
        let mut points: Vec<[f32; 3]> = (0..person.landmarks.len()).map(place).collect();
        for [from, to] in BONES {
            let (a, b) = (place(from), place(to));
            points.extend((1..=SAMPLES_A_BONE).map(|i| {
                let share = i as f32 / (SAMPLES_A_BONE + 1) as f32;
                std::array::from_fn(|axis| a[axis] + (b[axis] - a[axis]) * share)
            }));
        }
        let px_per_m = px_per_m(person) * scale[0];
        let [width, height] = scene.view_size();
        Self { points, px_per_m, distance_m: FOCAL * width.max(height) as f32 / px_per_m }
    }

    /// Metres behind the hips at this point: the mean over landmarks and bones, weighted by their nearness.
    fn away_m(&self, at: [f32; 2]) -> f32 {
        let reach = (REACH_M * self.px_per_m).powi(2).max(1.0);
        let (mut sum, mut weights) = (0.0, 0.0);
        for [x, y, away] in &self.points {
            let squared = (x - at[0]).powi(2) + (y - at[1]).powi(2);
            let weight = 1.0 / (squared + reach).powi(2);
            sum += away * weight;
            weights += weight;
        }
        sum / weights
    }

    /// The relief of the face, anchored at the nose.
    fn face(&self, scene: &Scene<'_>, mesh: &Mesh) -> Result<FaceRelief, ControlError> {
        const NOSE_TIP: usize = 1;
        let scale = scene.scale();
        let nose = self.points[part::NOSE][2];
        let vertices: Vec<[f32; 3]> = mesh
            .points
            .iter()
            .map(|[x, y, z]| {
                let behind_nose = (z - mesh.points[NOSE_TIP][2]) * scale[0] / self.px_per_m;
                [x * scale[0], y * scale[1], nose + behind_nose]
            })
            .collect();
        let triangles = CanonicalFace::open(&scene.resources().models)?.triangles;
        let size = scene.view_size();
        let mut relief = FaceRelief { away_m: vec![f32::INFINITY; size[0] as usize * size[1] as usize] };
        for triangle in triangles {
            relief.paint(triangle.map(|i| vertices[usize::from(i)]), size);
        }
        Ok(relief)
    }
}

/// Px of the picture for each metre at the person: the spread of the body's points in px over that in metres.
fn px_per_m(person: &Person) -> f32 {
    let spread = |point: &dyn Fn(usize) -> [f32; 2]| {
        let points: Vec<[f32; 2]> = part::COCO_17.iter().map(|i| point(*i)).collect();
        let mean = [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f32>() / points.len() as f32);
        points.iter().map(|p| (p[0] - mean[0]).powi(2) + (p[1] - mean[1]).powi(2)).sum::<f32>().sqrt()
    };
    let px = spread(&|i| person.landmarks[i].at());
    let m = spread(&|i| [person.world_m[i][0], person.world_m[i][1]]);
    (px / m.max(1e-3)).max(1.0)
}

/// Metres behind the hips for each pixel that the face covers.
struct FaceRelief {
    away_m: Vec<f32>,
}

impl FaceRelief {
    fn away_m(&self, index: usize) -> Option<f32> {
        Some(self.away_m[index]).filter(|away| away.is_finite())
    }

    /// Paints a triangle; where surfaces overlap the nearest stays.
    fn paint(&mut self, [a, b, c]: [[f32; 3]; 3], [width, height]: [u32; 2]) {
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        if area == 0.0 {
            return;
        }
        let limits = |axis: usize, most: u32| {
            let low = a[axis].min(b[axis]).min(c[axis]).clamp(0.0, most as f32);
            let high = a[axis].max(b[axis]).max(c[axis]).clamp(0.0, most as f32);
            low.floor() as u32..high.ceil() as u32
        };
        for y in limits(1, height) {
            for x in limits(0, width) {
                let p = [x as f32 + 0.5, y as f32 + 0.5];
                let v = ((p[0] - a[0]) * (c[1] - a[1]) - (p[1] - a[1]) * (c[0] - a[0])) / area;
                let w = ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])) / area;
                if v >= 0.0 && w >= 0.0 && v + w <= 1.0 {
                    let away = a[2] + (b[2] - a[2]) * v + (c[2] - a[2]) * w;
                    let here = &mut self.away_m[y as usize * width as usize + x as usize];
                    *here = here.min(away);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triangle_is_painted_once_and_the_nearest_stays() {
        let mut relief = FaceRelief { away_m: vec![f32::INFINITY; 100] };
        relief.paint([[0.0, 0.0, 1.0], [10.0, 0.0, 1.0], [0.0, 10.0, 1.0]], [10, 10]);
        relief.paint([[0.0, 0.0, 2.0], [10.0, 0.0, 2.0], [0.0, 10.0, 2.0]], [10, 10]);
        assert_eq!((relief.away_m(0), relief.away_m(99)), (Some(1.0), None));
    }
}
