//! Rectangles, turned squares and the maps between a picture and a network's view of it.

/// An upright rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Rect {
    pub fn around(centre: [f32; 2], width: f32, height: f32) -> Self {
        Self { x: centre[0] - width / 2.0, y: centre[1] - height / 2.0, width, height }
    }

    /// The smallest rectangle that holds all points; none of no points.
    pub fn of(points: impl IntoIterator<Item = [f32; 2]>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let (low, high) = points.fold((first, first), |(low, high), p| {
            ([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])])
        });
        Some(Self { x: low[0], y: low[1], width: high[0] - low[0], height: high[1] - low[1] })
    }

    pub fn centre(&self) -> [f32; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    pub fn area(&self) -> f32 {
        self.width.max(0.0) * self.height.max(0.0)
    }

    /// The area that both cover.
    pub fn overlap(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, 0 to 1.
    pub fn iou(&self, other: &Self) -> f32 {
        let both = self.overlap(other);
        let either = self.area() + other.area() - both;
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// A square that may be turned: what a network is shown of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roi {
    pub centre: [f32; 2],
    /// Length of a side, in px of the picture.
    pub side: f32,
    /// Radians, clockwise as seen (y points down): where the square's x axis points to.
    pub angle: f32,
}

impl Roi {
    /// The smallest upright square around the whole picture.
    pub fn whole(width: u32, height: u32) -> Self {
        let (width, height) = (width as f32, height as f32);
        Self { centre: [width / 2.0, height / 2.0], side: width.max(height), angle: 0.0 }
    }

    /// The map from a view of `out`×`out` px to the picture.
    pub fn to_picture(&self, out: usize) -> Affine {
        let k = self.side / out as f32;
        let (sin, cos) = self.angle.sin_cos();
        let half = self.side / 2.0;
        Affine {
            x: [cos * k, -sin * k, self.centre[0] - (cos - sin) * half],
            y: [sin * k, cos * k, self.centre[1] - (sin + cos) * half],
        }
    }

    /// The square's corners in the picture: top left, top right, bottom right, bottom left of the view.
    pub fn corners(&self) -> [[f32; 2]; 4] {
        let map = self.to_picture(1);
        [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(|corner| map.apply(corner))
    }
}

/// `(x, y)` becomes `(x·x[0] + y·x[1] + x[2], x·y[0] + y·y[1] + y[2])`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    pub x: [f32; 3],
    pub y: [f32; 3],
}

impl Affine {
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [x * self.x[0] + y * self.x[1] + self.x[2], x * self.y[0] + y * self.y[1] + self.y[2]]
    }

    /// How much longer lengths get.
    pub fn scale(&self) -> f32 {
        (self.x[0] * self.y[1] - self.x[1] * self.y[0]).abs().sqrt()
    }

    /// The way back; `None` when the map is flat.
    pub fn inverse(&self) -> Option<Self> {
        let det = self.x[0] * self.y[1] - self.x[1] * self.y[0];
        if det == 0.0 {
            return None;
        }
        let (a, b, c, d) = (self.y[1] / det, -self.x[1] / det, -self.y[0] / det, self.x[0] / det);
        Some(Self { x: [a, b, -(a * self.x[2] + b * self.y[2])], y: [c, d, -(c * self.x[2] + d * self.y[2])] })
    }
}

/// The angle brought into −π..π.
pub fn wrap_angle(angle: f32) -> f32 {
    use std::f32::consts::{PI, TAU};
    angle - TAU * ((angle + PI) / TAU).floor()
}

/// Distance of two points.
pub fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The logistic function.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_maps_to_the_picture_and_back() {
        let roi = Roi { centre: [100.0, 50.0], side: 40.0, angle: 0.3 };
        let map = roi.to_picture(192);
        let centre = map.apply([96.0, 96.0]);
        assert!(distance(centre, roi.centre) < 1e-3);
        let there_and_back = map.inverse().unwrap().apply(map.apply([10.0, 180.0]));
        assert!(distance(there_and_back, [10.0, 180.0]) < 1e-2);
        assert!((map.scale() - 40.0 / 192.0).abs() < 1e-6);
    }

    #[test]
    fn overlap_of_rectangles() {
        let a = Rect { x: 0.0, y: 0.0, width: 2.0, height: 2.0 };
        let b = Rect { x: 1.0, y: 1.0, width: 2.0, height: 2.0 };
        assert!((a.iou(&b) - 1.0 / 7.0).abs() < 1e-6);
        assert_eq!(a.iou(&Rect { x: 5.0, ..a }), 0.0);
    }
}
