use image::RgbImage;

use crate::geometry::Roi;

/// Shows a network `out`×`out` px of the picture: bilinear, as f32 [out, out, 3], values scaled from 0..255 to
/// `low`..`high`; black is outside the picture.
pub(crate) fn view(image: &RgbImage, roi: &Roi, out: usize, [low, high]: [f32; 2]) -> Vec<f32> {
    let map = roi.to_picture(out);
    let gain = (high - low) / 255.0;
    let mut tensor = Vec::with_capacity(out * out * 3);
    for row in 0..out {
        for column in 0..out {
            let [x, y] = map.apply([column as f32 + 0.5, row as f32 + 0.5]);
            tensor.extend(sample(image, x - 0.5, y - 0.5).map(|value| value * gain + low));
        }
    }
    tensor
}

/// The colour at a place given in pixel indices.
fn sample(image: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (width, height) = image.dimensions();
    if x <= -1.0 || y <= -1.0 || x >= width as f32 || y >= height as f32 {
        return [0.0; 3];
    }
    let (left, top) = (x.floor(), y.floor());
    let (right_share, low_share) = (x - left, y - top);
    let (left, top) = (left as i64, top as i64);
    let raw = image.as_raw();
    let pixel = |x: i64, y: i64| -> [f32; 3] {
        if x < 0 || y < 0 || x >= i64::from(width) || y >= i64::from(height) {
            return [0.0; 3];
        }
        let at = (y as usize * width as usize + x as usize) * 3;
        [f32::from(raw[at]), f32::from(raw[at + 1]), f32::from(raw[at + 2])]
    };
    let (a, b, c, d) = (pixel(left, top), pixel(left + 1, top), pixel(left, top + 1), pixel(left + 1, top + 1));
    std::array::from_fn(|i| {
        let upper = a[i] + (b[i] - a[i]) * right_share;
        let lower = c[i] + (d[i] - c[i]) * right_share;
        upper + (lower - upper) * low_share
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_picture_at_its_own_size_is_itself() {
        let image = RgbImage::from_fn(4, 4, |x, y| image::Rgb([x as u8 * 10, y as u8 * 10, 255]));
        let tensor = view(&image, &Roi::whole(4, 4), 4, [0.0, 255.0]);
        let raw: Vec<f32> = image.as_raw().iter().map(|v| f32::from(*v)).collect();
        assert!(tensor.iter().zip(&raw).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    #[test]
    fn outside_is_black() {
        let image = RgbImage::from_pixel(2, 2, image::Rgb([200, 100, 50]));
        let roi = Roi { centre: [10.0, 10.0], side: 2.0, angle: 0.0 };
        assert_eq!(view(&image, &roi, 1, [0.0, 255.0]), [0.0; 3]);
    }
}
