//! The picture as the reference sees it: RGB, 8-bit, on white.

use image::RgbImage;
use medley_media::picture::Picture;

/// Transparency lies on white, the sum cut to whole numbers (`HWC3` of controlnet_aux).
pub(crate) fn on_white(picture: Picture) -> RgbImage {
    let Picture { width_px, height_px, mut rgb, alpha, .. } = picture;
    if let Some(alpha) = alpha {
        for (pixel, alpha) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(alpha) {
            let alpha = f32::from(alpha) / 255.0;
            *pixel = pixel.map(|c| (f32::from(c) * alpha + 255.0 * (1.0 - alpha)).clamp(0.0, 255.0) as u8);
        }
    }
    RgbImage::from_raw(width_px, height_px, rgb).expect("a picture has three values for each pixel")
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgba};
    use medley_media::picture::{PictureLimits, from_bytes};

    use super::*;

    fn seen(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut png = std::io::Cursor::new(Vec::new());
        image.into().write_to(&mut png, ImageFormat::Png).unwrap();
        on_white(from_bytes(png.get_ref(), "test.png", &PictureLimits::default()).unwrap()).into_raw()
    }

    #[test]
    fn transparency_lies_on_white_and_sixteen_bits_become_eight() {
        assert_eq!(seen(ImageBuffer::from_pixel(1, 1, Rgba([10u8, 20, 30, 0]))), [255, 255, 255]);
        // numpy: (x * (128/255) + 255 * (1 - 128/255)) truncated
        assert_eq!(seen(ImageBuffer::from_pixel(1, 1, Rgba([100u8, 0, 255, 128]))), [177, 127, 255]);
        assert_eq!(seen(ImageBuffer::from_pixel(1, 1, Luma([0x8000u16]))), [128, 128, 128]);
    }
}
