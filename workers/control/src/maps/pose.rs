use medley_vision::{
    face::{Mesh, topology::IBUG_68},
    pose::{Body18, Person},
};
use opencv::{
    core::{Mat, Point, Scalar, Size, Vector},
    imgproc,
};
use serde_json::{Value, json};

use crate::{Annotator, ControlError, Map, Scene, annotator::Document, mat};

/// Everyone in OpenPose's drawing: limbs as ellipses of 0.6 of their colour, then points, then faces.
#[derive(Debug)]
pub(crate) struct Pose;

/// OpenPose's rainbow: of limb and point i.
const COLOURS: [[u8; 3]; 18] = [
    [255, 0, 0],
    [255, 85, 0],
    [255, 170, 0],
    [255, 255, 0],
    [170, 255, 0],
    [85, 255, 0],
    [0, 255, 0],
    [0, 255, 85],
    [0, 255, 170],
    [0, 255, 255],
    [0, 170, 255],
    [0, 85, 255],
    [0, 0, 255],
    [85, 0, 255],
    [170, 0, 255],
    [255, 0, 255],
    [255, 0, 170],
    [255, 0, 85],
];
/// Half the width of a limb, and the radius of a point, in px of the working size.
const STICK_PX: i32 = 4;
const FACE_POINT_PX: i32 = 3;
/// The fewest points of a body that is drawn.
const MIN_POINTS: usize = 3;

/// A person as it is drawn, in px of the working size.
struct Figure {
    score: f32,
    /// x, y, visibility.
    body: [Option<[f32; 3]>; 18],
    /// x, y: iBUG's 68 and the two pupils.
    face: Option<Vec<[f32; 2]>>,
    /// x, y, z, visibility, presence of BlazePose's 33.
    blazepose: Vec<[f32; 5]>,
}

impl Annotator for Pose {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let mut figures = Vec::new();
        for person in scene.people()? {
            figures.extend(figure(scene, person)?);
        }
        let mut canvas = mat::black_like(scene.view())?;
        for figure in &figures {
            draw_body(&mut canvas, &figure.body)?;
            for [x, y] in figure.face.iter().flatten() {
                circle(&mut canvas, [*x, *y], FACE_POINT_PX, [255; 3])?;
            }
        }
        let faces = figures.iter().filter(|figure| figure.face.is_some()).count();
        let mut map = Map::new(canvas).quality("pose_people", figures.len()).quality("pose_faces", faces);
        let scores: Vec<f32> = figures.iter().map(|figure| figure.score).collect();
        let view = scene.view_size();
        map.document = Some(Document(Box::new(move |canvas| document(&figures, view, canvas))));
        Ok(map.quality("pose_scores", scores))
    }
}

fn figure(scene: &Scene<'_>, person: &Person) -> Result<Option<Figure>, ControlError> {
    let params = scene.params();
    let scale = scene.scale();
    let body = Body18::of(person, scene.seen_size(), params.pose_min_visibility)
        .points
        .map(|point| point.map(|p| [p.x * scale[0], p.y * scale[1], p.visibility]));
    if body.iter().flatten().count() < MIN_POINTS {
        return Ok(None);
    }
    // OpenPose looks for a face where it sees a nose and an eye or an ear.
    let shows_face = body[0].is_some() && body[14..].iter().any(Option::is_some);
    let mesh = if params.pose_face && shows_face { scene.face_of(person)? } else { None };
    let blazepose =
        person.landmarks.iter().map(|l| [l.x * scale[0], l.y * scale[1], l.z * scale[0], l.visibility, l.presence]);
    Ok(Some(Figure {
        score: person.score,
        body,
        face: mesh.map(|mesh| face_points(&mesh, scale)),
        blazepose: blazepose.collect(),
    }))
}

/// iBUG's 68 points and the pupils, which are taken to be in the middle of the eyes: right, then left.
fn face_points(mesh: &Mesh, scale: [f32; 2]) -> Vec<[f32; 2]> {
    let mut points: Vec<[f32; 2]> = IBUG_68.iter().map(|i| mesh.at(usize::from(*i))).collect();
    for eye in [36..42, 42..48] {
        let sum = points[eye].iter().fold([0.0, 0.0], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
        points.push(sum.map(|v| v / 6.0));
    }
    points.iter().map(|[x, y]| [x * scale[0], y * scale[1]]).collect()
}

fn draw_body(canvas: &mut Mat, points: &[Option<[f32; 3]>; 18]) -> mat::Result<()> {
    for ([from, to], colour) in Body18::LIMBS.into_iter().zip(COLOURS) {
        if let (Some([x1, y1, _]), Some([x2, y2, _])) = (points[from], points[to]) {
            let middle = Point::new(((x1 + x2) / 2.0) as i32, ((y1 + y2) / 2.0) as i32);
            let axes = Size::new(((x1 - x2).hypot(y1 - y2) / 2.0) as i32, STICK_PX);
            let angle = (y1 - y2).atan2(x1 - x2).to_degrees() as i32;
            let mut outline = Vector::<Point>::new();
            imgproc::ellipse_2_poly(middle, axes, angle, 0, 360, 1, &mut outline)?;
            let dimmed = colour.map(|c| (f64::from(c) * 0.6) as u8);
            imgproc::fill_convex_poly(canvas, &outline, scalar(dimmed), imgproc::LINE_8, 0)?;
        }
    }
    for (point, colour) in points.iter().zip(COLOURS) {
        if let Some([x, y, _]) = point {
            circle(canvas, [*x, *y], STICK_PX, colour)?;
        }
    }
    Ok(())
}

fn circle(canvas: &mut Mat, [x, y]: [f32; 2], radius: i32, colour: [u8; 3]) -> mat::Result<()> {
    let centre = Point::new(x as i32, y as i32);
    imgproc::circle(canvas, centre, radius, scalar(colour), imgproc::FILLED, imgproc::LINE_8, 0)
}

fn scalar(colour: [u8; 3]) -> Scalar {
    let [red, green, blue] = colour.map(f64::from);
    Scalar::new(red, green, blue, 0.0)
}

/// OpenPose's JSON as editors of ControlNet read it (with the canvas), and BlazePose's points as `blazepose_33`: x, y,
/// z (relative to the hips, near is negative), visibility, presence.
fn document(figures: &[Figure], view: [u32; 2], canvas: [u32; 2]) -> Value {
    let scale = [canvas[0] as f32 / view[0] as f32, canvas[1] as f32 / view[1] as f32];
    let place = |x: f32, y: f32| [x * scale[0], y * scale[1]];
    let people: Vec<Value> = figures
        .iter()
        .map(|figure| {
            let triple = |x: f32, y: f32, sure: f32| {
                let [x, y] = place(x, y);
                [x, y, sure]
            };
            let body = figure.body.iter().flat_map(|p| p.map_or([0.0; 3], |[x, y, v]| triple(x, y, v)));
            let face = figure.face.iter().flatten().flat_map(|[x, y]| triple(*x, *y, 1.0));
            let blazepose: Vec<Value> = figure
                .blazepose
                .iter()
                .map(|[x, y, z, visibility, presence]| {
                    let [x, y] = place(*x, *y);
                    json!([x, y, z * scale[0], visibility, presence])
                })
                .collect();
            json!({
                "person_id": [-1],
                "score": figure.score,
                "pose_keypoints_2d": body.collect::<Vec<f32>>(),
                "face_keypoints_2d": face.collect::<Vec<f32>>(),
                "hand_left_keypoints_2d": [],
                "hand_right_keypoints_2d": [],
                "blazepose_33": blazepose,
            })
        })
        .collect();
    json!({ "version": 1.3, "canvas_width": canvas[0], "canvas_height": canvas[1], "people": people })
}

#[cfg(test)]
mod tests {
    use opencv::prelude::*;

    use super::*;

    #[test]
    fn limbs_and_points_have_the_reference_colours() {
        let mut body = [None; 18];
        body[1] = Some([100.0, 50.0, 1.0]);
        body[2] = Some([40.0, 50.0, 1.0]);
        let mut canvas = Mat::new_rows_cols_with_default(100, 200, opencv::core::CV_8UC3, Scalar::all(0.0)).unwrap();
        draw_body(&mut canvas, &body).unwrap();
        let at = |x: i32, y: i32| canvas.at_2d::<opencv::core::Vec3b>(y, x).unwrap().0;
        assert_eq!(at(70, 50), [153, 0, 0], "limb 0 is neck to right shoulder, red dimmed to 0.6");
        assert_eq!((at(100, 50), at(40, 50)), ([255, 85, 0], [255, 170, 0]), "points 1 and 2");
        assert_eq!((at(70, 53), at(70, 56)), ([153, 0, 0], [0; 3]), "a limb is eight px wide");
    }

    #[test]
    fn json_is_of_the_canvas() {
        let mut body = [None; 18];
        body[0] = Some([10.0, 20.0, 0.5]);
        let figure = Figure { score: 1.0, body, face: Some(vec![[1.0, 1.0]; 70]), blazepose: vec![[1.0; 5]; 33] };
        let json = document(&[figure], [100, 100], [200, 300]);
        let person = &json["people"][0];
        assert_eq!(person["pose_keypoints_2d"].as_array().unwrap().len(), 54);
        assert_eq!(person["pose_keypoints_2d"].as_array().unwrap()[..3], [20.0, 60.0, 0.5]);
        assert_eq!(person["face_keypoints_2d"].as_array().unwrap().len(), 210);
        assert_eq!(person["blazepose_33"][32], json!([2.0, 3.0, 2.0, 1.0, 1.0]));
    }
}
