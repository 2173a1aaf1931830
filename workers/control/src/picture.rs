//! The picture as the reference sees it: RGB, 8-bit, on white.

use image::{DynamicImage, RgbImage};

/// Deep pictures are brought to 8 bits, grey to three channels, and transparency lies on white (`HWC3` of
/// controlnet_aux).
pub(crate) fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let (width, height) = rgba.dimensions();
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for pixel in rgba.pixels() {
        let [red, green, blue, alpha] = pixel.0.map(f32::from);
        let alpha = alpha / 255.0;
        rgb.extend([red, green, blue].map(|c| (c * alpha + 255.0 * (1.0 - alpha)).clamp(0.0, 255.0) as u8));
    }
    RgbImage::from_raw(width, height, rgb).expect("three values were pushed for each pixel")
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, Rgba};

    use super::*;

    #[test]
    fn transparency_lies_on_white_and_sixteen_bits_become_eight() {
        let half = ImageBuffer::from_pixel(1, 1, Rgba([10u8, 20, 30, 0]));
        assert_eq!(on_white(half.into()).into_raw(), [255, 255, 255]);
        let half = ImageBuffer::from_pixel(1, 1, Rgba([100u8, 0, 255, 128]));
        // numpy: (x * (128/255) + 255 * (1 - 128/255)) truncated
        assert_eq!(on_white(half.into()).into_raw(), [177, 127, 255]);
        let deep = ImageBuffer::from_pixel(1, 1, Luma([0x8000u16]));
        assert_eq!(on_white(deep.into()).into_raw(), [128, 128, 128]);
    }
}
