//! Which way up a page is: quarter turns from the shape of its lines and from what reads better, the lean and the
//! perspective from the lines' directions.

use medley_media::picture::SizeLimit;

use super::{
    error::TextError,
    geometry::{Plane, Point, Quad},
    pixels::Pyramid,
};

/// The direction classifier's input.
const CLASSIFIER_PX: (usize, usize) = (192, 48);
/// So many lines, the longest, are asked for their direction.
const SAMPLES: usize = 12;
/// A line tells its direction when it is so much longer than high.
const TELLING_ASPECT: f32 = 2.5;

/// The lines that tell most about direction, longest first.
pub(super) fn telling(quads: &[Quad]) -> Vec<Quad> {
    let length = |quad: &Quad| quad.width().max(quad.height());
    let aspect = |quad: &Quad| length(quad) / quad.width().min(quad.height()).max(1.0);
    let mut lines: Vec<Quad> = quads.iter().copied().filter(|quad| aspect(quad) >= TELLING_ASPECT).collect();
    lines.sort_by(|a, b| length(b).total_cmp(&length(a)));
    lines
}

/// Do most lines stand on end?
pub(super) fn on_end(lines: &[Quad]) -> bool {
    let balance: f32 =
        lines.iter().map(|quad| if quad.height() > quad.width() { quad.height() } else { -quad.width() }).sum();
    balance > 0.0
}

/// The mean probability that lines are upside down, by PP-OCR's direction classifier; `lines` are read as they are.
pub(super) fn upside_down(
    classifier: &medley_models::Session,
    pyramid: &Pyramid<'_>,
    lines: &[Quad],
) -> Result<f32, TextError> {
    let lines = &lines[..lines.len().min(SAMPLES)];
    if lines.is_empty() {
        return Ok(0.0);
    }
    let (width, height) = CLASSIFIER_PX;
    let mut input = vec![0.0; lines.len() * 3 * width * height];
    for (quad, out) in lines.iter().zip(input.chunks_exact_mut(3 * width * height)) {
        let natural = (height as f32 * quad.width() / quad.height()).ceil() as usize;
        pyramid.crop_bgr(quad, (natural.clamp(8, width), height), width, out);
    }
    classifier.with(|session| {
        let input = ort::value::Tensor::from_array(([lines.len(), 3, height, width], input))?;
        let outputs = session.run(ort::inputs![input])?;
        let (_, data) = outputs[0].try_extract_tensor::<f32>()?;
        if data.len() != 2 * lines.len() {
            return Err(TextError::Contract("the direction classifier does not have two classes"));
        }
        Ok(data.chunks_exact(2).map(|classes| classes[1]).sum::<f32>() / lines.len() as f32)
    })
}

/// How the lines of a page lie: around the picture's centre they lean by `angle` (radians, clockwise), and the lean
/// grows by `fan` for every pixel further down: lines that are parallel on paper meet in a photograph.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Lean {
    pub(super) angle: f32,
    pub(super) fan: f32,
}

/// Lines needed to speak of perspective.
const LINES_FOR_FAN: usize = 8;
/// Straightening is worth another detection from this lean or this difference between top and bottom on.
const WORTH_ANGLE: f32 = 0.035;
const WORTH_FAN: f32 = 0.05;

/// A straightened picture has at most so many times the pixels of the leaning one (a square that leans by 45° has twice as
/// many, a page of three by one 2.7 times), or so many in all.
const STRAIGHT_AREA: u64 = 4;
const STRAIGHT_PIXELS: u64 = 4_000_000;

impl Lean {
    /// Fits the lean of the lines by least squares weighted by length, around the median and without outliers.
    pub(super) fn of(lines: &[Quad], center: Point) -> Self {
        let mut leans: Vec<(f32, f32, f32)> = lines
            .iter()
            .filter(|quad| quad.width() > TELLING_ASPECT * quad.height())
            .map(|quad| (quad.angle(), quad.center().y - center.y, quad.width()))
            .collect();
        leans.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f32 = leans.iter().map(|lean| lean.2).sum();
        let mut seen = 0.0;
        let median = leans.iter().find(|lean| {
            seen += lean.2;
            seen >= total / 2.0
        });
        let Some(&(angle, ..)) = median else { return Self::default() };
        let mut lean = Self { angle, fan: 0.0 };
        if leans.len() < LINES_FOR_FAN {
            return lean;
        }
        for tolerance in [0.15, 0.06, 0.03] {
            let near = leans.iter().filter(|l| (l.0 - lean.angle - lean.fan * l.1).abs() < tolerance);
            let [mut n, mut y, mut yy, mut a, mut ay] = [0.0f64; 5];
            for &(angle, down, weight) in near {
                let (angle, down, weight) = (f64::from(angle), f64::from(down), f64::from(weight));
                n += weight;
                y += weight * down;
                yy += weight * down * down;
                a += weight * angle;
                ay += weight * angle * down;
            }
            let spread = n * yy - y * y;
            if n == 0.0 || spread <= f64::EPSILON * n * n {
                break;
            }
            let fan = (n * ay - y * a) / spread;
            lean = Self { angle: ((a - fan * y) / n) as f32, fan: fan as f32 };
        }
        lean
    }

    pub(super) fn is_worth_straightening(self, height: u32) -> bool {
        self.angle.abs() > WORTH_ANGLE || (self.fan * height as f32).abs() > WORTH_FAN
    }

    /// The map from the leaning picture to a straight one, and that one's size: about the picture's own, but for a hair that
    /// leans, whose box is all emptiness; that becomes smaller.
    pub(super) fn straightening(self, width: u32, height: u32) -> (Plane, u32, u32) {
        let (cx, cy) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        let (sin, cos) = f64::from(-self.angle).sin_cos();
        let to_center = Plane::affine([1.0, 0.0, -cx, 0.0, 1.0, -cy]);
        let turn = Plane::affine([cos, -sin, 0.0, sin, cos, 0.0]);
        // Directions that grow by `fan` a pixel point to (-1/fan, 0): this sends that point to infinity. Half the
        // distance at most, so that the picture, turned as it is by then, stays on one side of it.
        let reach = cx * cos.abs() + cy * sin.abs();
        let fan = f64::from(self.fan).clamp(-0.5 / reach, 0.5 / reach);
        let meet = Plane::projective([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, fan, 0.0, 1.0]);
        let plane = to_center.then(&turn).then(&meet);
        let corners = [[0.0, 0.0], [width as f32, 0.0], [width as f32, height as f32], [0.0, height as f32]];
        let [left, top, right, bottom] = Quad(corners.map(|c| plane.apply(Point::from(c))))
            .0
            .iter()
            .fold([f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY], |b, p| {
                [b[0].min(p.x), b[1].min(p.y), b[2].max(p.x), b[3].max(p.y)]
            });
        let most = 1.5;
        let new_width = f64::from(right - left).min(most * f64::from(width.max(height)) * 1.42).max(1.0);
        let new_height = f64::from(bottom - top).min(most * f64::from(width.max(height)) * 1.42).max(1.0);
        let pixels = u64::from(width) * u64::from(height);
        let limit = SizeLimit { max_side_px: u32::MAX, max_pixels: (STRAIGHT_AREA * pixels).max(STRAIGHT_PIXELS) };
        let scale = limit.shrink([new_width, new_height]);
        let back = Plane::affine([scale, 0.0, -f64::from(left) * scale, 0.0, scale, -f64::from(top) * scale]);
        let [new_width, new_height] = [new_width, new_height].map(|side| (side * scale).round().max(1.0) as u32);
        (plane.then(&back), new_width, new_height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a page, `angle` and `fan` applied the way a camera would.
    fn page(plane: &Plane) -> Vec<Quad> {
        (0..20)
            .map(|i| {
                let y = 40.0 + 45.0 * i as f32;
                Quad([[100.0, y], [600.0, y], [600.0, y + 20.0], [100.0, y + 20.0]].map(Point::from)).map(plane)
            })
            .collect()
    }

    #[test]
    fn a_leaning_page_is_measured_and_set_straight() {
        let (sin, cos) = 0.17f64.sin_cos();
        let camera = Plane::affine([cos, -sin, 100.0, sin, cos, 0.0]);
        let lines = page(&camera);
        let lean = Lean::of(&lines, Point { x: 400.0, y: 500.0 });
        assert!((lean.angle - 0.17).abs() < 0.003, "{lean:?}");
        let (straight, ..) = lean.straightening(800, 1000);
        for line in &lines {
            assert!(line.map(&straight).angle().abs() < 0.01);
        }
    }

    #[test]
    fn lines_that_meet_become_parallel() {
        let camera = Plane::projective([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0002, 0.0, 1.0]);
        let lines = page(&camera);
        let lean = Lean::of(&lines, Point { x: 400.0, y: 500.0 });
        assert!(lean.is_worth_straightening(1000), "{lean:?}");
        let (straight, ..) = lean.straightening(800, 1000);
        for line in &lines {
            let angle = line.map(&straight).angle();
            assert!(angle.abs() < 0.012, "a line still leans by {angle}");
        }
    }

    #[test]
    fn a_hair_that_leans_does_not_become_a_field() {
        for (width, height) in [(65_500, 3), (3, 65_500), (50_000, 2), (1_000, 1_400)] {
            for lean in
                [Lean { angle: 0.7, fan: 0.0 }, Lean { angle: 0.04, fan: 1e-4 }, Lean { angle: -0.5, fan: -1e-3 }]
            {
                let (plane, new_width, new_height) = lean.straightening(width, height);
                let most = (4 * u64::from(width) * u64::from(height)).max(4_000_000);
                let pixels = u64::from(new_width) * u64::from(new_height);
                assert!(pixels <= most + u64::from(new_width + new_height), "{width} x {height}: {pixels}");
                let middle = plane.apply(Point { x: width as f32 / 2.0, y: height as f32 / 2.0 });
                assert!(middle.x >= 0.0 && middle.x <= new_width as f32 && middle.y <= new_height as f32, "{middle:?}");
            }
        }
    }

    #[test]
    fn pages_on_end_are_told_by_their_lines() {
        let upright = page(&Plane::IDENTITY);
        assert!(!on_end(&telling(&upright)));
        let turned: Vec<Quad> = upright
            .iter()
            .map(|quad| {
                let [l, t, r, b] = quad.map(&Plane::quarter_turns(1, 800, 1000)).bounds();
                Quad([[l, t], [r, t], [r, b], [l, b]].map(Point::from))
            })
            .collect();
        assert!(on_end(&telling(&turned)));
    }
}
