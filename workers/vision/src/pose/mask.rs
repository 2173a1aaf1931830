use crate::geometry::{Affine, Roi, sigmoid};

/// Where a person is: probabilities over the network's view.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    roi: Roi,
    /// Side of the view in cells.
    side: usize,
    /// side × side, 0 to 1.
    cells: Vec<f32>,
}

impl Mask {
    /// Of `side`×`side` logits.
    pub(crate) fn of_logits(roi: Roi, side: usize, logits: &[f32]) -> Self {
        Self { roi, side, cells: logits.iter().map(|logit| sigmoid(*logit)).collect() }
    }

    /// Calls `paint(index of the pixel, probability)` for every pixel of a `width`×`height` picture that the view
    /// covers; `scale` is how many px of that picture one px of the picture is that the person was found in.
    pub fn each_pixel(&self, [width, height]: [u32; 2], scale: [f32; 2], mut paint: impl FnMut(usize, f32)) {
        let Some(to_view) = self.roi.to_picture(self.side).inverse() else { return };
        let corners = self.roi.corners().map(|[x, y]| [x * scale[0], y * scale[1]]);
        let limit = |axis: usize, most: u32| {
            let low = corners.iter().map(|c| c[axis]).fold(f32::INFINITY, f32::min).clamp(0.0, most as f32);
            let high = corners.iter().map(|c| c[axis]).fold(f32::NEG_INFINITY, f32::max).clamp(0.0, most as f32);
            low.floor() as u32..high.ceil() as u32
        };
        for y in limit(1, height) {
            for x in limit(0, width) {
                let at = [(x as f32 + 0.5) / scale[0], (y as f32 + 0.5) / scale[1]];
                if let Some(probability) = self.probability(&to_view, at) {
                    paint(y as usize * width as usize + x as usize, probability);
                }
            }
        }
    }

    /// Bilinear; `None` outside the view.
    fn probability(&self, to_view: &Affine, at: [f32; 2]) -> Option<f32> {
        let [x, y] = to_view.apply(at).map(|v| v - 0.5);
        let last = self.side as f32 - 1.0;
        if x < -0.5 || y < -0.5 || x > last + 0.5 || y > last + 0.5 {
            return None;
        }
        let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
        let (left, top) = (x as usize, y as usize);
        let (right, low) = ((left + 1).min(self.side - 1), (top + 1).min(self.side - 1));
        let (u, v) = (x - left as f32, y - top as f32);
        let cell = |x: usize, y: usize| self.cells[y * self.side + x];
        let upper = cell(left, top) * (1.0 - u) + cell(right, top) * u;
        let lower = cell(left, low) * (1.0 - u) + cell(right, low) * u;
        Some(upper * (1.0 - v) + lower * v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_view_lands_where_it_was_taken() {
        let roi = Roi { centre: [10.0, 10.0], side: 8.0, angle: std::f32::consts::FRAC_PI_2 };
        // The right half of the view is the person; turned by 90° that is the lower half of the picture's square.
        let logits = [-9.0, 9.0, -9.0, 9.0];
        let mask = Mask::of_logits(roi, 2, &logits);
        let mut sure = Vec::new();
        mask.each_pixel([20, 20], [1.0, 1.0], |i, p| {
            if p > 0.9 {
                sure.push([i % 20, i / 20]);
            }
        });
        assert!(!sure.is_empty() && sure.iter().all(|[x, y]| *y >= 10 && *y < 14 && (6..14).contains(x)));
    }
}
