//! Points, quadrilaterals and the plane maps between them.

use serde::{Deserialize, Serialize};

/// A point in pixels; `(0, 0)` is the top-left corner of the top-left pixel.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "[f32; 2]", into = "[f32; 2]")]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

impl From<[f32; 2]> for Point {
    fn from([x, y]: [f32; 2]) -> Self {
        Self { x, y }
    }
}

impl From<Point> for [f32; 2] {
    fn from(point: Point) -> Self {
        [point.x, point.y]
    }
}

impl Point {
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point `t` of the way to `other`.
    #[must_use]
    pub fn towards(self, other: Self, t: f32) -> Self {
        Self { x: self.x + (other.x - self.x) * t, y: self.y + (other.y - self.y) * t }
    }
}

/// Four corners in reading direction: top left, top right, bottom right, bottom left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quad(pub [Point; 4]);

impl Quad {
    pub fn center(&self) -> Point {
        let [a, b, c, d] = self.0;
        Point { x: (a.x + b.x + c.x + d.x) / 4.0, y: (a.y + b.y + c.y + d.y) / 4.0 }
    }

    /// Length along the text, in pixels.
    pub fn width(&self) -> f32 {
        self.0[0].distance(self.0[1]).max(self.0[3].distance(self.0[2]))
    }

    /// Length across the text, in pixels.
    pub fn height(&self) -> f32 {
        self.0[0].distance(self.0[3]).max(self.0[1].distance(self.0[2]))
    }

    /// Direction of the text in radians, 0 to the right, growing clockwise (as y does).
    pub fn angle(&self) -> f32 {
        let [a, b, c, d] = self.0;
        (b.y - a.y + c.y - d.y).atan2(b.x - a.x + c.x - d.x)
    }

    /// Left, top, right, bottom of the upright box around it.
    pub fn bounds(&self) -> [f32; 4] {
        let fold = |f: fn(f32, f32) -> f32, of: fn(&Point) -> f32| self.0.iter().map(of).reduce(f).unwrap_or(0.0);
        [fold(f32::min, |p| p.x), fold(f32::min, |p| p.y), fold(f32::max, |p| p.x), fold(f32::max, |p| p.y)]
    }

    /// The part between the fractions `from` and `to` of its width.
    #[must_use]
    pub fn slice(&self, from: f32, to: f32) -> Self {
        let [a, b, c, d] = self.0;
        Self([a.towards(b, from), a.towards(b, to), d.towards(c, to), d.towards(c, from)])
    }

    /// The same four corners read a quarter turn counter-clockwise: for text that stands on its right-hand end.
    #[must_use]
    pub fn turned(&self) -> Self {
        let [a, b, c, d] = self.0;
        Self([b, c, d, a])
    }

    #[must_use]
    pub fn map(&self, plane: &Plane) -> Self {
        Self(self.0.map(|point| plane.apply(point)))
    }
}

/// A projective map of the plane, row by row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane([f64; 9]);

impl Plane {
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    /// `x' = a·x + b·y + c`, `y' = d·x + e·y + f`.
    pub fn affine([a, b, c, d, e, f]: [f64; 6]) -> Self {
        Self([a, b, c, d, e, f, 0.0, 0.0, 1.0])
    }

    /// A projective map from its nine numbers.
    pub(super) fn projective(m: [f64; 9]) -> Self {
        Self(m)
    }

    pub fn scale(x: f64, y: f64) -> Self {
        Self::affine([x, 0.0, 0.0, 0.0, y, 0.0])
    }

    pub fn apply(&self, point: Point) -> Point {
        let m = &self.0;
        let (x, y) = (f64::from(point.x), f64::from(point.y));
        let w = m[6] * x + m[7] * y + m[8];
        Point { x: ((m[0] * x + m[1] * y + m[2]) / w) as f32, y: ((m[3] * x + m[4] * y + m[5]) / w) as f32 }
    }

    /// First this map, then `next`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let (a, b) = (&next.0, &self.0);
        let mut m = [0.0; 9];
        for (i, cell) in m.iter_mut().enumerate() {
            let (row, column) = (i / 3, i % 3);
            *cell = (0..3).map(|k| a[row * 3 + k] * b[k * 3 + column]).sum();
        }
        Self(m)
    }

    /// The map back; none when the plane collapses.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
        if det.abs() < 1e-12 {
            return None;
        }
        let m = [
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
            a * e - b * d,
        ];
        Some(Self(m.map(|v| v / det)))
    }

    /// A quarter turn clockwise, `times` times, of a picture of `width` × `height`: where its points land.
    pub fn quarter_turns(times: u8, width: u32, height: u32) -> Self {
        let (w, h) = (f64::from(width), f64::from(height));
        match times % 4 {
            0 => Self::IDENTITY,
            1 => Self::affine([0.0, -1.0, h, 1.0, 0.0, 0.0]),
            2 => Self::affine([-1.0, 0.0, w, 0.0, -1.0, h]),
            _ => Self::affine([0.0, 1.0, 0.0, -1.0, 0.0, w]),
        }
    }
}

/// The rectangle of least area around points: rotating calipers over the convex hull, as OpenCV's `minAreaRect`, with
/// the text's direction within 45° of horizontal. None for fewer than two distinct points.
pub fn min_area_rect(points: Vec<(i32, i32)>) -> Option<Quad> {
    let hull = convex_hull(points);
    let mut best: Option<(f64, Quad)> = None;
    for (i, &(x0, y0)) in hull.iter().enumerate() {
        let (x1, y1) = hull[(i + 1) % hull.len()];
        let (dx, dy) = (f64::from(x1 - x0), f64::from(y1 - y0));
        let length = dx.hypot(dy);
        if length == 0.0 {
            continue;
        }
        let (ux, uy) = upright(dx / length, dy / length);
        let (mut along, mut across) = (Range::EMPTY, Range::EMPTY);
        for &(x, y) in &hull {
            let (x, y) = (f64::from(x), f64::from(y));
            along.include(x * ux + y * uy);
            across.include(-x * uy + y * ux);
        }
        let area = (along.high - along.low) * (across.high - across.low);
        if best.as_ref().is_none_or(|(least, _)| area < *least - 1e-9) {
            let corner = |a: f64, b: f64| Point { x: (a * ux - b * uy) as f32, y: (a * uy + b * ux) as f32 };
            let quad = Quad([
                corner(along.low, across.low),
                corner(along.high, across.low),
                corner(along.high, across.high),
                corner(along.low, across.high),
            ]);
            best = Some((area, quad));
        }
    }
    best.map(|(_, quad)| quad)
}

struct Range {
    low: f64,
    high: f64,
}

impl Range {
    const EMPTY: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };

    fn include(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }
}

/// The direction among the four at right angles that is nearest to the positive x axis.
fn upright(x: f64, y: f64) -> (f64, f64) {
    if x.abs() >= y.abs() { (x * x.signum(), y * x.signum()) } else { (y * y.signum(), -x * y.signum()) }
}

/// Andrew's monotone chain, counter-clockwise in mathematical axes, without collinear points.
fn convex_hull(mut points: Vec<(i32, i32)>) -> Vec<(i32, i32)> {
    points.sort_unstable();
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turn = |o: (i32, i32), a: (i32, i32), b: (i32, i32)| {
        i64::from(a.0 - o.0) * i64::from(b.1 - o.1) - i64::from(a.1 - o.1) * i64::from(b.0 - o.0)
    };
    let mut hull: Vec<(i32, i32)> = Vec::with_capacity(points.len());
    let mut half = |points: &mut dyn Iterator<Item = (i32, i32)>| {
        let start = hull.len();
        for point in points {
            while hull.len() >= start + 2 && turn(hull[hull.len() - 2], hull[hull.len() - 1], point) <= 0 {
                hull.pop();
            }
            hull.push(point);
        }
        hull.pop();
    };
    half(&mut points.iter().copied());
    half(&mut points.iter().rev().copied());
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rectangle_around_a_tilted_bar_is_the_bar() {
        let (ux, uy) = (0.2f32.cos(), 0.2f32.sin());
        let mut points = Vec::new();
        for i in 0..=200 {
            for j in 0..=20 {
                let (a, b) = (i as f32, j as f32);
                points.push(((300.0 + a * ux - b * uy).round() as i32, (300.0 + a * uy + b * ux).round() as i32));
            }
        }
        let quad = min_area_rect(points).unwrap();
        assert!((quad.angle() - 0.2).abs() < 0.02, "angle {}", quad.angle());
        assert!((quad.width() - 200.0).abs() < 2.0 && (quad.height() - 20.0).abs() < 2.0, "{quad:?}");
    }

    #[test]
    fn a_turn_and_its_inverse_meet() {
        for times in 0..4 {
            let turn = Plane::quarter_turns(times, 640, 480);
            let back = turn.inverse().unwrap();
            let point = Point { x: 12.0, y: 77.0 };
            assert!(back.apply(turn.apply(point)).distance(point) < 1e-3);
        }
        let landed = Plane::quarter_turns(1, 640, 480).apply(Point { x: 0.0, y: 480.0 });
        assert!(landed.distance(Point { x: 0.0, y: 0.0 }) < 1e-6, "the bottom left corner becomes the top left one");
    }

    #[test]
    fn a_slice_keeps_the_height() {
        let quad = Quad([[0.0, 0.0], [100.0, 10.0], [98.0, 30.0], [-2.0, 20.0]].map(Point::from));
        let half = quad.slice(0.5, 1.0);
        assert!((half.width() - quad.width() / 2.0).abs() < 0.1);
        assert!((half.height() - quad.height()).abs() < 0.1);
    }
}
