use image::RgbImage;

use crate::geometry::Roi;

/// Shows a network `out`×`out` px of the picture: bilinear, as f32 [out, out, 3], values scaled from 0..255 to
/// `low`..`high`; black is outside the picture.
pub(crate) fn view(image: &RgbImage, roi: &Roi, out: usize, [low, high]: [f32; 2]) -> Vec<f32> {
    let mut tensor = if roi.angle == 0.0 { upright(image, roi, out) } else { turned(image, roi, out) };
    let gain = (high - low) / 255.0;
    tensor.iter_mut().for_each(|value| *value = *value * gain + low);
    tensor
}

/// Rows of the picture are brought to the view's columns once, and two of them give a row of the view.
fn upright(image: &RgbImage, roi: &Roi, out: usize) -> Vec<f32> {
    let map = roi.to_picture(out);
    let (width, height) = image.dimensions();
    let columns: Vec<[Tap; 2]> =
        (0..out).map(|column| taps(map.apply([column as f32 + 0.5, 0.0])[0] - 0.5, width)).collect();
    let across = |y: i32, row: &mut [f32]| {
        if y < 0 || y >= height as i32 {
            return row.fill(0.0);
        }
        let stride = width as usize * 3;
        let pixels = &image.as_raw()[y as usize * stride..][..stride];
        for ([left, right], value) in columns.iter().zip(row.chunks_exact_mut(3)) {
            let (a, b) = (&pixels[left.at..left.at + 3], &pixels[right.at..right.at + 3]);
            for i in 0..3 {
                value[i] = f32::from(a[i]) * left.share + f32::from(b[i]) * right.share;
            }
        }
    };
    let mut tensor = Vec::with_capacity(out * out * 3);
    let (mut upper, mut lower) = (vec![0.0; out * 3], vec![0.0; out * 3]);
    let mut lower_is = i32::MIN;
    for row in 0..out {
        let y = map.apply([0.0, row as f32 + 0.5])[1] - 0.5;
        let top = floor(y);
        let below = top.saturating_add(1);
        if lower_is == top {
            std::mem::swap(&mut upper, &mut lower);
        } else if lower_is != below {
            across(top, &mut upper);
        }
        if lower_is != below {
            across(below, &mut lower);
            lower_is = below;
        }
        let share = y - top as f32;
        tensor.extend(upper.iter().zip(&lower).map(|(upper, lower)| upper + (lower - upper) * share));
    }
    tensor
}

/// One of two px that a place lies between.
struct Tap {
    /// Its first value in a row.
    at: usize,
    share: f32,
}

/// Outside a row of this many px is black: taps there have no share.
fn taps(x: f32, length: u32) -> [Tap; 2] {
    let left = floor(x);
    let tap = |index: i32, share: f32| {
        let inside = (0..length as i32).contains(&index);
        Tap { at: if inside { index as usize * 3 } else { 0 }, share: if inside { share } else { 0.0 } }
    };
    let right_share = x - left as f32;
    [tap(left, 1.0 - right_share), tap(left.saturating_add(1), right_share)]
}

fn turned(image: &RgbImage, roi: &Roi, out: usize) -> Vec<f32> {
    let map = roi.to_picture(out);
    let mut tensor = Vec::with_capacity(out * out * 3);
    for row in 0..out {
        for column in 0..out {
            let [x, y] = map.apply([column as f32 + 0.5, row as f32 + 0.5]);
            tensor.extend(sample(image, x - 0.5, y - 0.5));
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
    let (left, top) = (floor(x), floor(y));
    let (right_share, low_share) = (x - left as f32, y - top as f32);
    let raw = image.as_raw();
    let stride = width as usize * 3;
    // Left and right px, one row of each.
    let pair = |y: i32| -> [u8; 6] {
        if y < 0 || y >= height as i32 {
            return [0; 6];
        }
        let row = &raw[y as usize * stride..][..stride];
        if left >= 0 && left + 1 < width as i32 {
            let at = left as usize * 3;
            return row[at..at + 6].try_into().expect("two px");
        }
        let pixel = |x: i32, i: usize| if x < 0 || x >= width as i32 { 0 } else { row[x as usize * 3 + i] };
        std::array::from_fn(|i| pixel(left + i as i32 / 3, i % 3))
    };
    let (upper, lower) = (pair(top), pair(top + 1));
    let mut colour = [0.0; 3];
    for (i, value) in colour.iter_mut().enumerate() {
        let across = |row: &[u8; 6]| {
            let (left, right) = (f32::from(row[i]), f32::from(row[i + 3]));
            left + (right - left) * right_share
        };
        let (upper, lower) = (across(&upper), across(&lower));
        *value = upper + (lower - upper) * low_share;
    }
    colour
}

/// Without the call into the C library that `f32::floor` is for CPUs of every kind.
fn floor(value: f32) -> i32 {
    let cut = value as i32;
    cut.saturating_sub(i32::from(cut as f32 > value))
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
    fn a_view_is_the_same_whether_it_takes_rows_or_places() {
        let image = RgbImage::from_fn(37, 23, |x, y| image::Rgb([(x * 7) as u8, (y * 11) as u8, (x * y) as u8]));
        for (centre, side) in [([18.0, 11.0], 20.0), ([3.0, 20.0], 31.0), ([18.5, 11.5], 37.0), ([30.0, 4.0], 5.0)] {
            let roi = Roi { centre, side, angle: 0.0 };
            let (by_rows, by_places) = (upright(&image, &roi, 16), turned(&image, &roi, 16));
            assert_eq!(by_rows.len(), by_places.len());
            assert!(by_rows.iter().zip(&by_places).all(|(a, b)| (a - b).abs() < 1e-2), "{centre:?} {side}");
        }
    }

    #[test]
    fn outside_is_black() {
        let image = RgbImage::from_pixel(2, 2, image::Rgb([200, 100, 50]));
        let roi = Roi { centre: [10.0, 10.0], side: 2.0, angle: 0.0 };
        assert_eq!(view(&image, &roi, 1, [0.0, 255.0]), [0.0; 3]);
    }
}
