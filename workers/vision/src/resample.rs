//! Resampling as Pillow does it, bit for bit.
//!
//! This is Pillow's `Image.resize` of 8-bit images (Pillow 11, `src/libImaging/Resample.c`). Each output pixel is a
//! weighted sum over the filter's support, which is widened when the image shrinks (antialiasing). Weights are in fixed
//! point with 22 fractional bits. Columns come first, are rounded to 8 bits, and then rows.
//!
//! CLIP's towers, the DPT depth networks and open NSFW were trained on images resized this way; OpenCV's bicubic differs:
//! it does not widen the filter, and rounds once. Only the part of the output that is asked for is computed.

use image::RgbImage;

const PRECISION_BITS: u32 = 32 - 8 - 2;

/// The kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// The mean of what a pixel covers.
    Box,
    Bilinear,
    /// Keys's cubic with a = -0.5.
    Bicubic,
}

/// The part of the resized image that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn at(self, x: f64) -> f64 {
        match self {
            Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => {
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
        }
    }
}

/// For each output pixel of an axis, the first input pixel and the weights from there on.
struct Weights {
    /// First input pixel and how many.
    spans: Vec<(usize, usize)>,
    /// `taps` for each output pixel, the rest 0.
    fixed: Vec<i32>,
    taps: usize,
}

impl Weights {
    /// `count` output pixels from `first` on, of an axis of `len_in` resampled to `len_out`.
    fn new(filter: Filter, len_in: u32, len_out: u32, first: u32, count: u32) -> Self {
        let scale = f64::from(len_in) / f64::from(len_out);
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let taps = support.ceil() as usize * 2 + 1;
        let mut spans = Vec::with_capacity(count as usize);
        let mut fixed = vec![0; taps * count as usize];
        let mut exact = vec![0.0_f64; taps];
        for (out, fixed) in (first..first + count).zip(fixed.chunks_exact_mut(taps)) {
            let centre = (f64::from(out) + 0.5) * scale;
            // Truncated as C casts: towards zero.
            let from = ((centre - support + 0.5) as i64).max(0) as usize;
            let to = ((centre + support + 0.5) as i64).clamp(0, i64::from(len_in)) as usize;
            let span = to.saturating_sub(from).min(taps);
            let inverse = 1.0 / stretch;
            for (x, weight) in exact[..span].iter_mut().enumerate() {
                *weight = filter.at((x as f64 + from as f64 - centre + 0.5) * inverse);
            }
            let sum: f64 = exact[..span].iter().sum();
            for (fixed, weight) in fixed.iter_mut().zip(&exact[..span]) {
                let share = if sum == 0.0 { *weight } else { weight / sum };
                let scaled = share * f64::from(1_u32 << PRECISION_BITS);
                *fixed = if share < 0.0 { (scaled - 0.5) as i32 } else { (scaled + 0.5) as i32 };
            }
            spans.push((from, span));
        }
        Self { spans, fixed, taps }
    }

    fn each(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.spans
            .iter()
            .zip(self.fixed.chunks_exact(self.taps))
            .map(|(&(from, span), weights)| (from, &weights[..span]))
    }
}

/// `image` resized to `size` (width, height); all of it.
pub fn resize(image: &RgbImage, size: [u32; 2], filter: Filter) -> RgbImage {
    resize_window(image, size, Window { left: 0, top: 0, width: size[0], height: size[1] }, filter)
}

/// The part `window` of `image` resized to `size`. The window lies within `size`, and no side is 0.
pub fn resize_window(image: &RgbImage, size: [u32; 2], window: Window, filter: Filter) -> RgbImage {
    let (width, height) = image.dimensions();
    let rows = Weights::new(filter, height, size[1], window.top, window.height);
    let first = rows.spans.iter().map(|span| span.0).min().unwrap_or(0);
    let last = rows.spans.iter().map(|span| span.0 + span.1).max().unwrap_or(0);
    let wide = if size[0] == width {
        crop(image, window.left, window.width, first..last)
    } else {
        let columns = Weights::new(filter, width, size[0], window.left, window.width);
        across(image, &columns, first..last)
    };
    let stride = window.width as usize * 3;
    let out = if size[1] == height {
        let from = window.top as usize - first;
        wide[from * stride..(from + window.height as usize) * stride].to_vec()
    } else {
        down(&wide, stride, &rows, first)
    };
    RgbImage::from_raw(window.width, window.height, out).expect("three bytes for each pixel")
}

/// The largest size with the proportions of `size` whose longer side is at most `side`; never larger than `size`.
pub fn fit_within(size: [u32; 2], side: u32) -> [u32; 2] {
    let longer = size[0].max(size[1]);
    if longer <= side {
        return size;
    }
    let scale = f64::from(side) / f64::from(longer);
    size.map(|length| ((f64::from(length) * scale).round() as u32).max(1))
}

fn crop(image: &RgbImage, left: u32, width: u32, rows: std::ops::Range<usize>) -> Vec<u8> {
    let stride = image.width() as usize * 3;
    let part = left as usize * 3..(left + width) as usize * 3;
    image
        .as_raw()
        .chunks_exact(stride)
        .take(rows.end)
        .skip(rows.start)
        .flat_map(|row| &row[part.clone()])
        .copied()
        .collect()
}

/// The horizontal pass over these rows.
fn across(image: &RgbImage, columns: &Weights, rows: std::ops::Range<usize>) -> Vec<u8> {
    let stride = image.width() as usize * 3;
    let mut out = vec![0; rows.len() * columns.spans.len() * 3];
    // A pixel is read as four bytes, of which the last is the next pixel's and has no effect: one more at the end.
    let mut row = vec![0; stride + 1];
    let lines = image.as_raw().chunks_exact(stride).take(rows.end).skip(rows.start);
    for (line, out) in lines.zip(out.chunks_exact_mut(columns.spans.len() * 3)) {
        row[..stride].copy_from_slice(line);
        across_row(&row, columns, out);
    }
    out
}

fn across_row(row: &[u8], columns: &Weights, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, as was just asked.
        return unsafe { across_row_avx2(row, columns, out) };
    }
    across_row_on_any(row, columns, out);
}

/// The same code compiled for AVX2, whose 32-bit multiplication SSE2 lacks; integers, so the same result.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn across_row_avx2(row: &[u8], columns: &Weights, out: &mut [u8]) {
    across_row_on_any(row, columns, out);
}

#[inline(always)]
fn across_row_on_any(row: &[u8], columns: &Weights, out: &mut [u8]) {
    for ((from, weights), out) in columns.each().zip(out.as_chunks_mut::<3>().0) {
        let mut sums = [1_i32 << (PRECISION_BITS - 1); 4];
        let pixels = &row[from * 3..(from + weights.len()) * 3 + 1];
        for (pixel, weight) in pixels.windows(4).step_by(3).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum = sum.wrapping_add(i32::from(*value).wrapping_mul(*weight));
            }
        }
        *out = [clip(sums[0]), clip(sums[1]), clip(sums[2])];
    }
}

/// The vertical pass; the first row of `wide` is the input's row `first`.
fn down(wide: &[u8], stride: usize, rows: &Weights, first: usize) -> Vec<u8> {
    let mut out = vec![0; rows.spans.len() * stride];
    let mut sums = vec![0_i32; stride];
    for ((from, weights), out) in rows.each().zip(out.chunks_exact_mut(stride)) {
        sums.fill(1 << (PRECISION_BITS - 1));
        let lines = wide[(from - first) * stride..].chunks_exact(stride);
        for (line, weight) in lines.zip(weights) {
            add_line(&mut sums, line, *weight);
        }
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = clip(*sum);
        }
    }
    out
}

fn add_line(sums: &mut [i32], line: &[u8], weight: i32) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, as was just asked.
        return unsafe { add_line_avx2(sums, line, weight) };
    }
    add_line_on_any(sums, line, weight);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_line_avx2(sums: &mut [i32], line: &[u8], weight: i32) {
    add_line_on_any(sums, line, weight);
}

#[inline(always)]
fn add_line_on_any(sums: &mut [i32], line: &[u8], weight: i32) {
    for (sum, value) in sums.iter_mut().zip(line) {
        *sum = sum.wrapping_add(i32::from(*value).wrapping_mul(weight));
    }
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn the_same_size_is_the_same_image() {
        let image = RgbImage::from_fn(4, 3, |x, y| Rgb([0, 1, 2].map(|c| ((y * 4 + x) * 3 + c) as u8 * 7)));
        for filter in [Filter::Box, Filter::Bilinear, Filter::Bicubic] {
            assert_eq!(resize(&image, [4, 3], filter), image);
        }
    }

    #[test]
    fn a_flat_image_stays_flat() {
        let pixel = RgbImage::from_pixel(1, 1, Rgb([9, 8, 7]));
        assert_eq!(resize(&pixel, [2, 2], Filter::Bicubic), RgbImage::from_pixel(2, 2, Rgb([9, 8, 7])));
    }

    #[test]
    fn a_window_is_a_part_of_the_whole() {
        let image = RgbImage::from_fn(37, 21, |x, y| Rgb([(x * 7) as u8, (y * 11) as u8, (x * y) as u8]));
        let whole = resize(&image, [16, 30], Filter::Bicubic);
        let window = Window { left: 3, top: 5, width: 9, height: 20 };
        let part = resize_window(&image, [16, 30], window, Filter::Bicubic);
        assert!(part.enumerate_pixels().all(|(x, y, pixel)| pixel == whole.get_pixel(x + 3, y + 5)));
    }
}
