use medley_vision::{
    face::{Mesh, topology},
    geometry::Rect,
};
use opencv::{
    core::{Mat, Point, Rect as Square, Scalar},
    imgproc,
};

use crate::{Annotator, ControlError, Map, Scene, mat};

/// The lines of each face in the colours of ControlNetMediaPipeFace.
#[derive(Debug)]
pub(crate) struct FaceMesh;

/// The smallest face at the working size; smaller ones would be blots. (The reference draws from 64.)
const MIN_FACE_PX: f32 = 32.0;
const LINE_PX: i32 = 2;
const RIGHT_PUPIL: [u8; 3] = [250, 200, 10];
const LEFT_PUPIL: [u8; 3] = [10, 200, 250];

/// Lines and their colour, in drawing order.
const PARTS: [(&[&[u16]], [u8; 3]); 6] = [
    (&topology::FACE_OVAL, [10, 200, 10]),
    (&topology::LEFT_EYE, [10, 200, 180]),
    (&topology::LEFT_EYEBROW, [10, 220, 180]),
    (&topology::RIGHT_EYE, [180, 200, 10]),
    (&topology::RIGHT_EYEBROW, [180, 220, 10]),
    (&topology::LIPS, [10, 180, 10]),
];

impl Annotator for FaceMesh {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let mut canvas = mat::black_like(scene.view())?;
        let mut drawn = 0;
        for mesh in scene.faces()? {
            drawn += usize::from(draw(&mut canvas, mesh, scene.scale())?);
        }
        Ok(Map::new(canvas).quality("face_mesh_faces", drawn))
    }
}

/// False when the face is too small.
fn draw(canvas: &mut Mat, mesh: &Mesh, scale: [f32; 2]) -> mat::Result<bool> {
    let at = |index: u16| {
        let [x, y] = mesh.at(usize::from(index));
        [x * scale[0], y * scale[1]]
    };
    let size = Rect::of((0..Mesh::POINTS as u16).map(at)).map_or(0.0, |b| b.width.min(b.height));
    if size < MIN_FACE_PX {
        return Ok(false);
    }
    let point = |index: u16| {
        let [x, y] = at(index);
        Point::new(x as i32, y as i32)
    };
    for (lines, colour) in PARTS {
        for pair in lines.iter().flat_map(|line| line.windows(2)) {
            imgproc::line(canvas, point(pair[0]), point(pair[1]), scalar(colour), LINE_PX, imgproc::LINE_8, 0)?;
        }
    }
    pupil(canvas, &topology::RIGHT_EYE, at, RIGHT_PUPIL)?;
    pupil(canvas, &topology::LEFT_EYE, at, LEFT_PUPIL)?;
    Ok(true)
}

/// The mesh has no irises: a pupil is drawn in the middle of the eye's rim.
fn pupil(canvas: &mut Mat, eye: &[&[u16]], at: impl Fn(u16) -> [f32; 2], colour: [u8; 3]) -> mat::Result<()> {
    let rim: Vec<[f32; 2]> = eye.iter().flat_map(|line| line.iter()).map(|index| at(*index)).collect();
    let [x, y] = [0, 1].map(|axis| rim.iter().map(|p| p[axis]).sum::<f32>() / rim.len() as f32);
    let square = Square::new(x as i32 - 2, y as i32 - 2, 4, 4);
    imgproc::rectangle(canvas, square, scalar(colour), imgproc::FILLED, imgproc::LINE_8, 0)
}

fn scalar([red, green, blue]: [u8; 3]) -> Scalar {
    Scalar::new(f64::from(red), f64::from(green), f64::from(blue), 0.0)
}
