use image::RgbImage;
use medley_models::{Models, SessionOptions};

use crate::{
    VisionError,
    crop::view,
    geometry::{Rect, Roi, distance, sigmoid},
    run::{missing, run},
};

const MODEL: &str = "face-mesh";
const FILE: &str = "mesh.onnx";
const SIZE: usize = 192;
/// Outer corners of the two eyes.
const EYE_CORNERS: [usize; 2] = [33, 263];

/// The 468 points of a face, numbered as in MediaPipe's canonical face model.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// 468 × (x, y, z) in px of the picture. z is depth relative to the centre of the head, of the same scale as x;
    /// smaller is closer to the camera.
    pub points: Vec<[f32; 3]>,
    /// How sure the network is that it saw a face, 0 to 1.
    pub score: f32,
}

impl Mesh {
    pub const POINTS: usize = 468;

    /// Where point `index` is in the picture.
    pub fn at(&self, index: usize) -> [f32; 2] {
        [self.points[index][0], self.points[index][1]]
    }

    /// The view that a second look should take: the points' box along the line of the eyes, half as much around it.
    pub fn roi(&self) -> Roi {
        let [right, left] = EYE_CORNERS.map(|corner| self.at(corner));
        let angle = (left[1] - right[1]).atan2(left[0] - right[0]);
        let (sin, cos) = angle.sin_cos();
        let level = (0..self.points.len()).map(|i| {
            let [x, y] = self.at(i);
            [x * cos + y * sin, y * cos - x * sin]
        });
        let bounds = Rect::of(level).unwrap_or(Rect { x: 0.0, y: 0.0, width: 1.0, height: 1.0 });
        let [x, y] = bounds.centre();
        let centre = [x * cos - y * sin, x * sin + y * cos];
        Roi { centre, side: bounds.width.max(bounds.height) * 1.5, angle }
    }

    /// Distance of the eyes' outer corners in px.
    pub fn eye_span(&self) -> f32 {
        distance(self.at(EYE_CORNERS[0]), self.at(EYE_CORNERS[1]))
    }
}

/// Fits the face mesh (Kartynnik et al., arXiv:1907.06724) to a face. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FaceMesher {
    session: medley_models::Session,
}

impl FaceMesher {
    /// # Errors
    /// When the model `face-mesh` is missing.
    pub fn open(models: &Models, options: SessionOptions) -> Result<Self, VisionError> {
        Ok(Self { session: models.session(MODEL, FILE, options)? })
    }

    /// One look at the face in `roi` ([`super::Face::roi`], or [`Mesh::roi`] of an earlier frame).
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn fit(&self, image: &RgbImage, roi: Roi) -> Result<Mesh, VisionError> {
        let tensor = view(image, &roi, SIZE, [0.0, 1.0]);
        let outputs = ["conv2d_21", "conv2d_31"];
        let [points, score] = run((&self.session, MODEL), "input_1", &[1, SIZE, SIZE, 3], tensor, outputs)?;
        if points.len() != Mesh::POINTS * 3 || score.is_empty() {
            return Err(missing(MODEL, "468 points and a score"));
        }
        let map = roi.to_picture(SIZE);
        let points = points
            .chunks_exact(3)
            .map(|p| {
                let [x, y] = map.apply([p[0], p[1]]);
                [x, y, p[2] * map.scale()]
            })
            .collect();
        Ok(Mesh { points, score: sigmoid(score[0]) })
    }

    /// A steadier fit, for pictures that are worked on for long: a first look finds the view, then each point is the
    /// median of nine looks at slightly different views (a single look scatters by half a percent of the distance of
    /// the eyes). Deterministic.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn fit_steady(&self, image: &RgbImage, roi: Roi) -> Result<Mesh, VisionError> {
        let roi = self.fit(image, roi)?.roi();
        let looks = JITTER
            .iter()
            .map(|[x, y, side, angle]| {
                let centre = [roi.centre[0] + x * roi.side, roi.centre[1] + y * roi.side];
                self.fit(image, Roi { centre, side: roi.side * (1.0 + side), angle: roi.angle + angle })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let points = (0..Mesh::POINTS)
            .map(|i| std::array::from_fn(|axis| median(looks.iter().map(|look| look.points[i][axis]))))
            .collect();
        Ok(Mesh { points, score: median(looks.iter().map(|look| look.score)) })
    }
}

/// Shifts (shares of the side), growth and turn (radians) of the nine looks.
const JITTER: [[f32; 4]; 9] = [
    [0.0, 0.0, 0.0, 0.0],
    [0.012, -0.004, 0.03, -0.03],
    [-0.012, 0.006, -0.03, 0.03],
    [0.004, 0.014, 0.045, 0.015],
    [-0.006, -0.014, -0.02, -0.015],
    [0.018, 0.008, -0.045, 0.04],
    [-0.016, -0.008, 0.02, -0.04],
    [0.008, -0.018, 0.01, 0.025],
    [-0.008, 0.016, -0.01, -0.025],
];

/// The middle of an odd number of values.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values[values.len() / 2]
}
