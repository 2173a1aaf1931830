//! A perceptual hash: pictures that are alike differ in few of its 64 bits.

use image::RgbImage;

use crate::resample::{Filter, resize};

/// The hash's thumbnail, and how many of its lowest frequencies a side are kept.
const HASH_PX: usize = 32;
const HASH_FREQUENCIES: usize = 8;

/// The signs of the lowest 8×8 frequencies of a 32×32 thumbnail against their median (Zauner, 2010, the DCT hash):
/// alike for copies that were scaled, recompressed or slightly retouched.
pub fn perceptual_hash(image: &RgbImage) -> u64 {
    let small = resize(image, [HASH_PX as u32; 2], Filter::Box);
    // ITU-R BT.601.
    let luma = |[r, g, b]: [f32; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
    let values: Vec<f32> = small.as_raw().as_chunks::<3>().0.iter().map(|pixel| luma(pixel.map(f32::from))).collect();
    let cosine = |k: usize, x: usize| (std::f32::consts::PI / HASH_PX as f32 * (x as f32 + 0.5) * k as f32).cos();
    let mut frequencies = [0.0_f32; HASH_FREQUENCIES * HASH_FREQUENCIES];
    for v in 0..HASH_FREQUENCIES {
        let columns: [f32; HASH_PX] =
            std::array::from_fn(|x| (0..HASH_PX).map(|y| values[y * HASH_PX + x] * cosine(v, y)).sum());
        for u in 0..HASH_FREQUENCIES {
            frequencies[v * HASH_FREQUENCIES + u] = columns.iter().enumerate().map(|(x, c)| c * cosine(u, x)).sum();
        }
    }
    let mut sorted = frequencies;
    sorted.sort_by(f32::total_cmp);
    let median = (sorted[31] + sorted[32]) / 2.0;
    frequencies.iter().fold(0, |bits, value| bits << 1 | u64::from(*value > median))
}
