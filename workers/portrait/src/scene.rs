//! The scene of a clip: the photo on the canvas and the face in the photo.

use image::{RgbImage, imageops::FilterType};
use medley_models::{Models, SessionOptions};
use medley_vision::face::{CanonicalFace, FaceFinder, FaceMesher};
use serde::{Deserialize, Serialize};

use crate::{
    PortraitError,
    draw::{Canvas, Rect},
    overlay::Overlays,
    params::{Engine, PortraitParams},
    rig::{Canonical, eye_distance, head_pose},
};

/// Eyes closer together than this mean a mouth of only a few pixels.
const MIN_EYES_PX: f64 = 18.0;
/// Beyond these angles, the far half of the face has too few pixels to move.
const MAX_YAW_DEG: f64 = 32.0;
const MAX_PITCH_DEG: f64 = 28.0;
/// Enlarging further shows more blur than face.
pub(crate) const MAX_ENLARGED: f64 = 2.5;
/// The distance of the eyes as a share of a square about the head.
const HEAD_EYES_SHARE: f64 = 0.18;

/// The scene of a clip, as `scene.json`; the canvas itself lies beside it as a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scene {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The part of the canvas that is the photo.
    pub(crate) photo: Rect,
    /// 468 points, pixels of the canvas (centres at whole coordinates), z growing away from the camera.
    pub(crate) mesh: Vec<[f64; 3]>,
    /// Canvas pixels for a pixel of the photo.
    pub(crate) enlarged: f32,
    pub(crate) lively: bool,
    pub(crate) engine: Engine,
    /// Frames a second.
    #[serde(default)]
    pub(crate) fps: u32,
    pub(crate) overlays: Overlays,
    /// The quality of the clip; the last step of the job reports it.
    #[serde(default)]
    pub(crate) quality: Quality,
}

/// How good the clip can be, as far as photo and sound tell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Quality {
    /// What the lips follow: `timing`, `transcript` or `sound`.
    pub(crate) lips_from: String,
    /// Faces seen in the photo.
    pub(crate) faces: usize,
    /// The score of the face mesh, 0 to 1.
    pub(crate) face_score: f64,
    pub(crate) face_yaw_deg: f64,
    pub(crate) face_pitch_deg: f64,
    /// Who agreed to the use of the likeness, by the params or the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consent: Option<String>,
    /// Warnings for the user, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// The face found in a photo.
#[derive(Debug, Clone)]
pub(crate) struct DetectedFace {
    /// Pixels of the photo, centres at whole coordinates.
    pub(crate) mesh: Vec<[f64; 3]>,
    pub(crate) faces: usize,
    pub(crate) yaw_deg: f64,
    pub(crate) pitch_deg: f64,
    pub(crate) score: f32,
}

/// Finds faces and fits the mesh.
#[derive(Debug)]
pub(crate) struct FaceDetector {
    finder: FaceFinder,
    mesher: FaceMesher,
    pub(crate) canonical: Canonical,
}

impl FaceDetector {
    pub(crate) fn open(models: &Models, options: SessionOptions) -> Result<Self, PortraitError> {
        Ok(Self {
            finder: FaceFinder::open(models, options)?,
            mesher: FaceMesher::open(models, options)?,
            canonical: CanonicalFace::open(models)?.into(),
        })
    }

    /// The face numbered `wanted` from 1, the largest first; refuses what cannot be made to speak.
    pub(crate) fn find(&self, photo: &RgbImage, wanted: u32, name: &str) -> Result<DetectedFace, PortraitError> {
        const MIN_SCORE: f32 = 0.5;
        let mut faces = self.finder.find(photo)?;
        faces.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
        let mut meshes = Vec::new();
        for face in &faces {
            let mesh = self.mesher.fit(photo, face.roi())?;
            if mesh.score >= MIN_SCORE {
                meshes.push((face, mesh));
            }
        }
        let faces = meshes.len();
        let name = name.to_owned();
        let Some((face, _)) = meshes.get(wanted.max(1) as usize - 1) else {
            return Err(match faces {
                0 => PortraitError::NoFace { name },
                found => PortraitError::NoSuchFace { name, wanted, found },
            });
        };
        let fit = self.mesher.fit_steady(photo, face.roi())?;
        let mesh: Vec<[f64; 3]> =
            fit.points.iter().map(|&[x, y, z]| [f64::from(x) - 0.5, f64::from(y) - 0.5, f64::from(z)]).collect();
        let eyes_px = eye_distance(&mesh);
        if eyes_px < MIN_EYES_PX {
            return Err(PortraitError::FaceTooSmall { name, eyes_px, min_px: MIN_EYES_PX });
        }
        let (yaw_deg, pitch_deg) = head_pose(&mesh, &self.canonical).yaw_pitch_deg();
        facing(yaw_deg, pitch_deg, &name)?;
        Ok(DetectedFace { mesh, faces, yaw_deg, pitch_deg, score: fit.score })
    }
}

/// Refuses a head that is turned too far.
fn facing(yaw_deg: f64, pitch_deg: f64, name: &str) -> Result<(), PortraitError> {
    for (angle, way, max) in [(yaw_deg, "to the side", MAX_YAW_DEG), (pitch_deg, "up or down", MAX_PITCH_DEG)] {
        if angle.abs() > max {
            return Err(PortraitError::FaceTurned { name: name.into(), degrees: angle.abs(), way, max });
        }
    }
    Ok(())
}

/// From pixels of the photo to pixels of the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    pub(crate) scale: f64,
    pub(crate) shift: [f64; 2],
}

impl Placement {
    fn point(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let along = |v: f64, k: usize| (v + 0.5) * self.scale + self.shift[k] - 0.5;
        [along(x, 0), along(y, 1), z * self.scale]
    }
}

/// The photo as it is, smaller if it must be, its sides even (chroma is halved).
pub(crate) fn whole_picture(photo: &RgbImage, face: &DetectedFace, max_px: u32) -> (Canvas, Scene) {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let scale = (f64::from(max_px) / width.max(height)).min(1.0);
    let even = |v: f64| ((v * scale) as u32 & !1).max(2);
    let (wide, high) = (even(width), even(height));
    let image = if scale < 1.0 {
        image::imageops::resize(photo, wide, high, FilterType::Lanczos3)
    } else {
        image::imageops::crop_imm(photo, 0, 0, wide, high).to_image()
    };
    let placement = Placement { scale, shift: [0.0; 2] };
    scene(&image, face, placement)
}

/// A square of `side_px` about the head; beyond the photo its edge goes on.
pub(crate) fn about_the_head(photo: &RgbImage, face: &DetectedFace, side_px: u32) -> (Canvas, Scene) {
    let eyes = eye_distance(&face.mesh);
    let wanted = f64::from(side_px) * HEAD_EYES_SHARE / eyes;
    let scale = wanted.min(MAX_ENLARGED);
    let side = (f64::from(side_px) * (scale / wanted)).round() as u32 & !1;
    let middle = [0, 1].map(|k| face.mesh.iter().map(|p| p[k]).sum::<f64>() / face.mesh.len() as f64);
    // Whole source pixels, so that only one filter touches the picture.
    let source = f64::from(side) / scale;
    let corner = [middle[0] - source * 0.5, middle[1] - source * 0.475].map(|v| v.round() as i64);
    let across = source.ceil() as u32 + 1;
    let clamped = |v: i64, n: u32| v.clamp(0, i64::from(n) - 1) as u32;
    let cut = RgbImage::from_fn(across, across, |x, y| {
        let (x, y) = (corner[0] + i64::from(x), corner[1] + i64::from(y));
        *photo.get_pixel(clamped(x, photo.width()), clamped(y, photo.height()))
    });
    let larger = (f64::from(across) * scale).round() as u32;
    let exact = f64::from(larger) / f64::from(across);
    let scaled = image::imageops::resize(&cut, larger, larger, FilterType::Lanczos3);
    let image = image::imageops::crop_imm(&scaled, 0, 0, side, side).to_image();
    let placement = Placement { scale: exact, shift: [-(corner[0] as f64) * exact, -(corner[1] as f64) * exact] };
    scene(&image, face, placement)
}

fn scene(image: &RgbImage, face: &DetectedFace, placement: Placement) -> (Canvas, Scene) {
    let canvas = Canvas::from_rgb(image);
    let scene = Scene::new(image.dimensions(), canvas.rect(), face, placement);
    (canvas, scene)
}

impl Scene {
    pub(crate) fn new((width, height): (u32, u32), photo: Rect, face: &DetectedFace, placement: Placement) -> Self {
        let mesh = face.mesh.iter().map(|&point| placement.point(point)).collect();
        let enlarged = placement.scale as f32;
        Self {
            width,
            height,
            photo,
            mesh,
            enlarged,
            lively: true,
            engine: Engine::Mesh,
            fps: PortraitParams::default().fps,
            overlays: Overlays::default(),
            quality: Quality::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use medley_step::Retryable;

    use super::*;
    use crate::rig::POINTS;

    #[test]
    fn a_head_turned_too_far_is_refused_with_its_angle() {
        let models = Models::open(&Models::default_dir());
        let canonical: Canonical = CanonicalFace::open(&models).unwrap().into();
        let turned = |degrees: f64| -> Vec<[f64; 3]> {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let turn =
                |p: [f64; 3]| [20.0 * (cos * p[0] + sin * p[2]), -20.0 * p[1], -20.0 * (cos * p[2] - sin * p[0])];
            canonical.points.iter().map(|&p| turn(p)).collect()
        };
        for degrees in [-45.0, -20.0, 0.0, 20.0, 45.0] {
            let (yaw, pitch) = head_pose(&turned(degrees), &canonical).yaw_pitch_deg();
            assert!((yaw - degrees).abs() < 0.5 && pitch.abs() < 0.5, "{degrees}: {yaw} {pitch}");
            match facing(yaw, pitch, "x.png") {
                Ok(()) => assert!(degrees.abs() < MAX_YAW_DEG),
                Err(error) => {
                    let error = error.into_step_error();
                    assert_eq!(error.code().as_str(), "face_turned");
                    assert!(error.to_string().contains("x.png") && error.to_string().contains("45 degrees"));
                }
            }
        }
    }

    #[test]
    fn the_face_stays_on_its_pixels_in_every_framing() {
        let mut photo = RgbImage::from_pixel(300, 200, image::Rgb([40, 40, 40]));
        for (x, y) in [(120, 80), (121, 80), (120, 81), (121, 81)] {
            photo.put_pixel(x, y, image::Rgb([250, 250, 250]));
        }
        let mesh = (0..POINTS).map(|i| [120.5 + f64::from((i % 26) as u8) - 12.5, 80.5 + (i / 26) as f64 - 8.5, 0.0]);
        let face = DetectedFace { mesh: mesh.collect(), faces: 1, yaw_deg: 0.0, pitch_deg: 0.0, score: 1.0 };
        for (canvas, scene) in
            [whole_picture(&photo, &face, 1920), whole_picture(&photo, &face, 150), about_the_head(&photo, &face, 96)]
        {
            let middle = [0, 1].map(|k| scene.mesh.iter().map(|p| p[k]).sum::<f64>() / POINTS as f64);
            let (mut sum, mut weight) = ([0.0; 2], 0.0);
            for (i, pixel) in canvas.pixels.iter().enumerate().filter(|(_, pixel)| pixel[0] > 60) {
                let bright = f64::from(pixel[0]) - 40.0;
                sum = [sum[0] + bright * (i % canvas.width) as f64, sum[1] + bright * (i / canvas.width) as f64];
                weight += bright;
            }
            assert!((0..2).all(|k| (sum[k] / weight - middle[k]).abs() < 0.6), "{middle:?} {sum:?} {weight}");
            assert!(canvas.width % 2 == 0 && canvas.height % 2 == 0);
        }
    }
}
