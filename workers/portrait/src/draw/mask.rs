use super::Rect;

/// How much of each pixel of `rect` counts, 0 to 1.
#[derive(Debug, Clone)]
pub(crate) struct Mask {
    pub(crate) rect: Rect,
    pub(crate) values: Vec<f32>,
}

impl Mask {
    /// The share of each pixel that lies in a polygon (even-odd): exact across, `ROWS` samples down.
    pub(crate) fn polygon(rect: Rect, points: &[[f32; 2]]) -> Self {
        const ROWS: i32 = 8;
        let (width, height) = (rect.width(), rect.height());
        let mut values = vec![0.0; width * height];
        let mut crossings = Vec::new();
        for (row, line) in values.chunks_exact_mut(width.max(1)).enumerate() {
            for sample in 0..ROWS {
                let y = rect.y0 as f32 + row as f32 - 0.5 + (sample as f32 + 0.5) / ROWS as f32;
                crossings.clear();
                for (a, b) in points.iter().zip(points.iter().cycle().skip(1)) {
                    if (a[1] <= y) != (b[1] <= y) {
                        crossings.push(a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) - rect.x0 as f32 + 0.5);
                    }
                }
                crossings.sort_by(f32::total_cmp);
                for pair in crossings.chunks_exact(2) {
                    cover(line, pair[0].clamp(0.0, width as f32), pair[1].clamp(0.0, width as f32), 1.0 / ROWS as f32);
                }
            }
        }
        Self { rect, values }
    }

    /// Grows by `radius` pixels to all sides (a square, so separable).
    pub(crate) fn dilate(&mut self, radius: usize) {
        let (width, height) = (self.rect.width(), self.rect.height());
        let mut scratch = self.values.clone();
        spread(&self.values, &mut scratch, width, height, (1, width), radius);
        spread(&scratch, &mut self.values, height, width, (width, 1), radius);
    }

    pub(crate) fn blur(&mut self, sigma: f32) {
        blur(&mut self.values, self.rect.width(), self.rect.height(), sigma);
    }

    pub(crate) fn at(&self, x: i32, y: i32) -> f32 {
        let rect = self.rect;
        if x < rect.x0 || x >= rect.x1 || y < rect.y0 || y >= rect.y1 {
            return 0.0;
        }
        self.values[(y - rect.y0) as usize * rect.width() + (x - rect.x0) as usize]
    }
}

/// Adds `amount` to the cells of `line` between `from` and `to`, in part where they are covered in part.
fn cover(line: &mut [f32], from: f32, to: f32, amount: f32) {
    let (first, last) = (from as usize, to as usize);
    if first == last {
        if let Some(cell) = line.get_mut(first) {
            *cell += amount * (to - from);
        }
        return;
    }
    line[first] += amount * (first as f32 + 1.0 - from);
    line[first + 1..last].iter_mut().for_each(|cell| *cell += amount);
    if let Some(cell) = line.get_mut(last) {
        *cell += amount * (to - last as f32);
    }
}

/// The largest value within `radius` along one axis; `step` is how far neighbours along and lines across are apart.
fn spread(from: &[f32], to: &mut [f32], length: usize, lines: usize, step: (usize, usize), radius: usize) {
    for line in 0..lines {
        for i in 0..length {
            let window = i.saturating_sub(radius)..(i + radius + 1).min(length);
            to[line * step.1 + i * step.0] = window.map(|j| from[line * step.1 + j * step.0]).fold(0.0, f32::max);
        }
    }
}

/// A Gaussian blur in place; beyond the edges the edge goes on.
pub(crate) fn blur<T: Pixel>(values: &mut [T], width: usize, height: usize, sigma: f32) {
    if sigma < 0.1 || width == 0 || height == 0 {
        return;
    }
    let radius = (sigma * 3.0).ceil() as usize;
    let mut kernel: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let total = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    kernel.iter_mut().for_each(|k| *k /= total);
    let mut line = vec![T::default(); width.max(height) + 2 * radius];
    let mut along = |values: &mut [T], length: usize, lines: usize, step: (usize, usize)| {
        for n in 0..lines {
            for (i, cell) in line[..length + 2 * radius].iter_mut().enumerate() {
                let j = i.saturating_sub(radius).min(length - 1);
                *cell = values[n * step.1 + j * step.0];
            }
            for i in 0..length {
                let mut sum = T::default();
                sum.add(line[i + radius], kernel[0]);
                for (r, &k) in kernel.iter().enumerate().skip(1) {
                    sum.add(line[i + radius - r], k);
                    sum.add(line[i + radius + r], k);
                }
                values[n * step.1 + i * step.0] = sum;
            }
        }
    };
    along(values, width, height, (1, width));
    along(values, height, width, (width, 1));
}

/// What can be blurred.
pub(crate) trait Pixel: Copy + Default {
    fn add(&mut self, other: Self, weight: f32);
}

impl Pixel for f32 {
    #[inline]
    fn add(&mut self, other: Self, weight: f32) {
        *self += other * weight;
    }
}

impl Pixel for [f32; 4] {
    #[inline]
    fn add(&mut self, other: Self, weight: f32) {
        (0..4).for_each(|c| self[c] += other[c] * weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_sums_to_the_area() {
        let points = [[2.3, 1.9], [9.1, 3.2], [7.7, 8.4], [3.0, 7.1]];
        let mask = Mask::polygon(Rect::new(0, 0, 12, 12), &points);
        let shoelace: f32 =
            (0..4).map(|i| points[i][0] * points[(i + 1) % 4][1] - points[(i + 1) % 4][0] * points[i][1]).sum::<f32>()
                / 2.0;
        assert!((mask.values.iter().sum::<f32>() - shoelace).abs() < 0.25, "{}", mask.values.iter().sum::<f32>());
        assert!(mask.values.iter().all(|v| (0.0..=1.0001).contains(v)));
    }

    #[test]
    fn blurring_keeps_the_sum_away_from_edges_and_dilating_grows() {
        let mut mask =
            Mask::polygon(Rect::new(0, 0, 40, 40), &[[18.5, 18.5], [21.5, 18.5], [21.5, 21.5], [18.5, 21.5]]);
        assert!((mask.values.iter().sum::<f32>() - 9.0).abs() < 1e-3);
        mask.dilate(2);
        assert!((mask.values.iter().sum::<f32>() - 49.0).abs() < 1e-3);
        mask.blur(1.5);
        assert!((mask.values.iter().sum::<f32>() - 49.0).abs() < 1e-2);
    }
}
