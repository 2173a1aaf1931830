//! Pillow's bicubic resize of 8-bit pictures, bit for bit: what the DPT image processor of transformers resizes with. It
//! differs from OpenCV's in that it widens the filter when it shrinks, and rounds to bytes between its two passes.

/// Fixed-point digits of the weights.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// The values and weights that one value of the result is made of.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    /// `value(i)` is the i-th value along the line.
    fn apply(&self, value: impl Fn(usize) -> u8) -> u8 {
        let half = 1i64 << (PRECISION_BITS - 1);
        let weighed = self.weights.iter().enumerate().map(|(i, w)| i64::from(*w) * i64::from(value(self.first + i)));
        ((half + weighed.sum::<i64>()) >> PRECISION_BITS).clamp(0, 255) as u8
    }
}

/// RGB, row by row, from one size (width, height) to another.
pub(super) fn resize(rgb: &[u8], [width, height]: [usize; 2], [to_width, to_height]: [usize; 2]) -> Vec<u8> {
    let (across, down) = (taps(width, to_width), taps(height, to_height));
    let mut narrow = Vec::with_capacity(to_width * height * 3);
    for row in rgb.chunks_exact(width * 3) {
        for taps in &across {
            narrow.extend([0, 1, 2].map(|channel| taps.apply(|x| row[x * 3 + channel])));
        }
    }
    let stride = to_width * 3;
    let mut result = Vec::with_capacity(stride * to_height);
    for taps in &down {
        result.extend((0..stride).map(|column| taps.apply(|y| narrow[y * stride + column])));
    }
    result
}

fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end).map(|x| cubic((x as f64 - centre + 0.5) / stretch)).collect();
            let total: f64 = weights.iter().sum();
            let fixed = |weight: &f64| (weight / total * f64::from(1u32 << PRECISION_BITS)).round() as i32;
            Taps { first, weights: weights.iter().map(fixed).collect() }
        })
        .collect()
}

/// Keys' cubic with a = -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_same_picture() {
        let rgb: Vec<u8> = (0..4 * 3 * 3).map(|v| v as u8 * 7).collect();
        assert_eq!(resize(&rgb, [4, 3], [4, 3]), rgb);
        assert_eq!(resize(&[9, 8, 7], [1, 1], [2, 2]), [9, 8, 7, 9, 8, 7, 9, 8, 7, 9, 8, 7]);
    }
}
