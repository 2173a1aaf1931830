//! Measurements of luma alone: sharpness, exposure, a perceptual hash.

use image::RgbImage;
use medley_vision::{
    phash,
    resample::{Filter, fit_within, resize},
};

use crate::row::PHash;

/// Sharpness is taken at this longer side: the same photo at two resolutions is about as sharp.
const SIDE_PX: u32 = 512;

/// An image of one channel, 0 to 255.
struct Luma {
    width: usize,
    values: Vec<f32>,
}

impl Luma {
    /// ITU-R BT.601.
    fn of(image: &RgbImage) -> Self {
        let luma = |[r, g, b]: [f32; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
        let values = image.as_raw().as_chunks::<3>().0.iter().map(|pixel| luma(pixel.map(f32::from))).collect();
        Self { width: image.width() as usize, values }
    }
}

/// The variance of the Laplacian (Pech-Pacheco et al., 2000) and the mean luma from 0 to 1.
pub(super) fn sharpness_and_exposure(image: &RgbImage) -> (f32, f32) {
    let small = resize(image, fit_within([image.width(), image.height()], SIDE_PX), Filter::Box);
    let luma = Luma::of(&small);
    let mean = luma.values.iter().sum::<f32>() / luma.values.len() as f32;
    (laplacian_variance(&luma), mean / 255.0)
}

fn laplacian_variance(luma: &Luma) -> f32 {
    let width = luma.width;
    let rows: Vec<&[f32]> = luma.values.chunks_exact(width).collect();
    let (mut sum, mut squares, mut count) = (0.0_f64, 0.0_f64, 0_u32);
    for window in rows.windows(3) {
        let &[above, row, below] = window else { continue };
        for x in 1..width.saturating_sub(1) {
            let value = f64::from(above[x] + below[x] + row[x - 1] + row[x + 1] - 4.0 * row[x]);
            sum += value;
            squares += value * value;
            count += 1;
        }
    }
    if count == 0 {
        return 0.0;
    }
    let mean = sum / f64::from(count);
    (squares / f64::from(count) - mean * mean) as f32
}

/// See [`phash::perceptual_hash`].
pub(super) fn perceptual_hash(image: &RgbImage) -> PHash {
    PHash(phash::perceptual_hash(image))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn scene(side: u32, noise: bool) -> RgbImage {
        RgbImage::from_fn(side, side, |x, y| {
            let (fx, fy) = (x as f32 / side as f32, y as f32 / side as f32);
            let base = 120.0 + 80.0 * (fx * 7.0).sin() * (fy * 5.0).cos();
            let grain = if noise { ((x * 7919 + y * 104_729) % 31) as f32 } else { 0.0 };
            Rgb([(base + grain) as u8; 3])
        })
    }

    #[test]
    fn grain_is_sharp_and_flat_is_not() {
        let (flat, exposure) = sharpness_and_exposure(&RgbImage::from_pixel(90, 40, Rgb([51; 3])));
        assert!(flat < 1e-3 && (exposure - 0.2).abs() < 1e-3);
        assert!(sharpness_and_exposure(&scene(300, true)).0 > 10.0 * sharpness_and_exposure(&scene(300, false)).0);
        assert_eq!(sharpness_and_exposure(&RgbImage::new(1, 1)), (0.0, 0.0));
    }

    #[test]
    fn copies_hash_alike_and_others_do_not() {
        let hash = perceptual_hash(&scene(400, false));
        assert!(hash.distance(perceptual_hash(&scene(251, true))) <= 6);
        let other = RgbImage::from_fn(400, 400, |x, y| Rgb([((x / 50 + y / 80) % 2 * 200) as u8; 3]));
        assert!(hash.distance(perceptual_hash(&other)) >= 16);
    }
}
