//! Sampling pictures: what the networks see of them.

use std::borrow::Cow;

use image::{RgbImage, imageops};

use super::geometry::{Plane, Point, Quad};

/// A picture at full and at successively halved size, so that any reduction reads each source pixel's share instead
/// of skipping over it.
#[derive(Debug)]
pub(super) struct Pyramid<'a> {
    levels: Vec<Cow<'a, RgbImage>>,
}

/// The halving stops at this side; nothing smaller is ever wanted.
const SMALLEST_SIDE_PX: u32 = 64;

impl<'a> Pyramid<'a> {
    pub(super) fn new(picture: Cow<'a, RgbImage>) -> Self {
        let mut levels = vec![picture];
        while let Some(last) = levels.last()
            && last.width().min(last.height()) >= 2 * SMALLEST_SIDE_PX
        {
            levels.push(Cow::Owned(halved(last)));
        }
        Self { levels }
    }

    pub(super) fn picture(&self) -> &RgbImage {
        &self.levels[0]
    }

    /// The level whose pixels are not larger than those wanted, and how much smaller it is than the full size.
    /// `shrink` is how many pixels of the full size become one.
    fn level(&self, shrink: f32) -> (&RgbImage, f32) {
        let index = (shrink.max(1.0).log2().floor() as usize).min(self.levels.len() - 1);
        (&self.levels[index], (1u32 << index) as f32)
    }

    /// The whole picture at another size, as planar BGR in −1…1.
    pub(super) fn resized_bgr(&self, width: u32, height: u32) -> Vec<f32> {
        let full = self.picture();
        let (x_scale, y_scale) = (full.width() as f32 / width as f32, full.height() as f32 / height as f32);
        let (level, _) = self.level(x_scale.min(y_scale));
        let columns = taps(level.width(), width);
        let rows = taps(level.height(), height);
        let plane = width as usize * height as usize;
        let mut out = vec![0.0; plane * 3];
        let stride = level.width() as usize * 3;
        let raw = level.as_raw();
        for (y, &(y0, y1, fy)) in rows.iter().enumerate() {
            let (upper, lower) = (&raw[y0 * stride..][..stride], &raw[y1 * stride..][..stride]);
            for (x, &(x0, x1, fx)) in columns.iter().enumerate() {
                for channel in 0..3 {
                    let at = |row: &[u8], x: usize| f32::from(row[x * 3 + channel]);
                    let top = at(upper, x0) + (at(upper, x1) - at(upper, x0)) * fx;
                    let bottom = at(lower, x0) + (at(lower, x1) - at(lower, x0)) * fx;
                    out[(2 - channel) * plane + y * width as usize + x] = signed(top + (bottom - top) * fy);
                }
            }
        }
        out
    }

    /// Writes what lies inside `quad` as `width` × `height` pixels of planar BGR in −1…1 into planes whose rows are
    /// `stride` long.
    pub(super) fn crop_bgr(&self, quad: &Quad, (width, height): (usize, usize), stride: usize, out: &mut [f32]) {
        let shrink = quad.height() / height as f32;
        let (level, factor) = self.level(shrink);
        let [a, b, _, d] = quad.0.map(|p| Point { x: p.x / factor, y: p.y / factor });
        let plane = out.len() / 3;
        for y in 0..height {
            let down = (y as f32 + 0.5) / height as f32;
            for x in 0..width {
                let right = (x as f32 + 0.5) / width as f32;
                // The quads are parallelograms, so the map is affine.
                let at_x = a.x + (b.x - a.x) * right + (d.x - a.x) * down - 0.5;
                let at_y = a.y + (b.y - a.y) * right + (d.y - a.y) * down - 0.5;
                let rgb = cubic(level, at_x, at_y);
                for (channel, value) in rgb.into_iter().enumerate() {
                    out[(2 - channel) * plane + y * stride + x] = signed(value);
                }
            }
        }
    }
}

fn signed(value: f32) -> f32 {
    (value / 255.0 - 0.5) / 0.5
}

/// For each pixel of the new side, its two neighbours of the old one and how far it stands between them (bilinear,
/// with pixel centres aligned).
fn taps(from: u32, to: u32) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    let last = from as usize - 1;
    (0..to)
        .map(|i| {
            let at = ((i as f32 + 0.5) * scale - 0.5).clamp(0.0, last as f32);
            let low = at as usize;
            (low, (low + 1).min(last), at - low as f32)
        })
        .collect()
}

/// Half the size, each pixel the mean of four.
fn halved(picture: &RgbImage) -> RgbImage {
    let (width, height) = (picture.width() / 2, picture.height() / 2);
    let stride = picture.width() as usize * 3;
    let raw = picture.as_raw();
    let mut out = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height as usize {
        let (upper, lower) = (&raw[2 * y * stride..][..stride], &raw[(2 * y + 1) * stride..][..stride]);
        for x in 0..width as usize {
            for channel in 0..3 {
                let (left, right) = (x * 6 + channel, x * 6 + 3 + channel);
                let sum = [upper[left], upper[right], lower[left], lower[right]].map(u16::from).iter().sum::<u16>();
                out.push(((sum + 2) / 4) as u8);
            }
        }
    }
    RgbImage::from_raw(width, height, out).expect("three bytes were written for each pixel")
}

/// Bicubic interpolation (a = −0.75, as OpenCV's), the border repeated.
fn cubic(picture: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (x0, y0) = (x.floor(), y.floor());
    let (wx, wy) = (cubic_weights(x - x0), cubic_weights(y - y0));
    let (width, height) = (picture.width() as i64, picture.height() as i64);
    let (x0, y0) = (x0 as i64, y0 as i64);
    let columns = [0, 1, 2, 3].map(|i| (x0 - 1 + i).clamp(0, width - 1) as usize * 3);
    let raw = picture.as_raw();
    let mut sum = [0.0f32; 3];
    for (j, &weight_y) in wy.iter().enumerate() {
        let row = (y0 - 1 + j as i64).clamp(0, height - 1) as usize * width as usize * 3;
        for (&column, &weight_x) in columns.iter().zip(&wx) {
            let pixel = &raw[row + column..][..3];
            for (total, &value) in sum.iter_mut().zip(pixel) {
                *total += f32::from(value) * weight_x * weight_y;
            }
        }
    }
    sum.map(|v| v.clamp(0.0, 255.0))
}

fn cubic_weights(t: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let near = |t: f32| ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
    let far = |t: f32| ((A * t - 5.0 * A) * t + 8.0 * A) * t - 4.0 * A;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

/// The picture turned clockwise by quarter turns, pixel for pixel.
pub(super) fn turned(picture: &RgbImage, quarter_turns: u8) -> RgbImage {
    match quarter_turns % 4 {
        0 => picture.clone(),
        1 => imageops::rotate90(picture),
        2 => imageops::rotate180(picture),
        _ => imageops::rotate270(picture),
    }
}

/// A new picture of which the pixel at `p` is the old one's at `back(p)`; white where that lies outside.
pub(super) fn warped(picture: &RgbImage, back: &Plane, width: u32, height: u32) -> RgbImage {
    let (right, bottom) = (picture.width() as f32, picture.height() as f32);
    let mut out = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            let from = back.apply(Point { x: x as f32 + 0.5, y: y as f32 + 0.5 });
            if from.x < 0.0 || from.y < 0.0 || from.x > right || from.y > bottom {
                out.extend_from_slice(&[255; 3]);
            } else {
                out.extend(cubic(picture, from.x - 0.5, from.y - 0.5).map(|v| v.round() as u8));
            }
        }
    }
    RgbImage::from_raw(width, height, out).expect("three bytes were written for each pixel")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> RgbImage {
        RgbImage::from_fn(256, 160, |x, y| image::Rgb([x as u8, y as u8, 7]))
    }

    #[test]
    fn a_resize_to_the_same_size_changes_nothing() {
        let picture = ramp();
        let pyramid = Pyramid::new(Cow::Borrowed(&picture));
        let tensor = pyramid.resized_bgr(256, 160);
        let plane = 256 * 160;
        assert!((tensor[2 * plane + 5 * 256 + 100] - signed(100.0)).abs() < 1e-6, "red comes last");
        assert!((tensor[plane + 5 * 256 + 100] - signed(5.0)).abs() < 1e-6);
        assert!((tensor[5 * 256 + 100] - signed(7.0)).abs() < 1e-6);
    }

    #[test]
    fn a_crop_reads_along_its_quad() {
        let picture = ramp();
        let pyramid = Pyramid::new(Cow::Borrowed(&picture));
        let quad = Quad([[10.0, 20.0], [58.0, 20.0], [58.0, 44.0], [10.0, 44.0]].map(Point::from));
        let mut upright = vec![0.0; 3 * 48 * 24];
        pyramid.crop_bgr(&quad, (48, 24), 48, &mut upright);
        assert!((upright[2 * 48 * 24] - signed(10.0)).abs() < 1e-3);
        // Turned: the first row of the crop is the quad's right-hand side, read downwards.
        let mut sideways = vec![0.0; 3 * 24 * 48];
        pyramid.crop_bgr(&quad.turned(), (24, 48), 24, &mut sideways);
        assert!((sideways[2 * 24 * 48] - signed(57.0)).abs() < 1e-3);
        assert!((sideways[24 * 48 + 23] - signed(43.0)).abs() < 1e-3);
    }

    #[test]
    fn reductions_average() {
        let checkers = RgbImage::from_fn(512, 512, |x, y| image::Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
        let pyramid = Pyramid::new(Cow::Owned(checkers));
        let tensor = pyramid.resized_bgr(128, 128);
        assert!(tensor.iter().all(|v| v.abs() < 0.02), "a fine checkerboard becomes grey");
    }
}
