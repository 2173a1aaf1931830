//! The picture as the reference decodes it: RGB, 8-bit, on white.

use image::RgbImage;
use medley_media::picture::{self, Picture, PictureLimits};
use medley_step::LocalInput;

use crate::ControlError;

/// Decodes the input, upright and with transparency laid on white.
///
/// # Errors
/// When it is no picture, damaged, or too large.
pub(crate) fn open(input: &LocalInput) -> Result<RgbImage, ControlError> {
    let picture = picture::open(&input.path, &PictureLimits::default()).map_err(|error| error.named(&input.name))?;
    let (width, height) = (picture.width_px, picture.height_px);
    Ok(RgbImage::from_raw(width, height, on_white(picture)).expect("three bytes for each pixel"))
}

/// Lays the picture on white and rounds down, like `HWC3` of controlnet_aux.
fn on_white(mut picture: Picture) -> Vec<u8> {
    if let Some(alpha) = &picture.alpha {
        for (pixel, alpha) in picture.rgb.chunks_exact_mut(3).zip(alpha) {
            let alpha = f32::from(*alpha) / 255.0;
            for value in pixel {
                *value = (f32::from(*value) * alpha + 255.0 * (1.0 - alpha)).clamp(0.0, 255.0) as u8;
            }
        }
    }
    picture.rgb
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageBuffer, Rgba};

    use super::*;

    #[test]
    fn transparency_lies_on_white() {
        let mut png = std::io::Cursor::new(Vec::new());
        let pixels = ImageBuffer::from_vec(2, 1, vec![10_u8, 20, 30, 0, 100, 0, 255, 128]).unwrap();
        DynamicImage::from(pixels as ImageBuffer<Rgba<u8>, _>).write_to(&mut png, image::ImageFormat::Png).unwrap();
        let picture = picture::from_bytes(png.get_ref(), "clear.png", &PictureLimits::default()).unwrap();
        // numpy: (x * (128 / 255) + 255 * (1 - 128 / 255)) in f32, truncated.
        assert_eq!(on_white(picture), [255, 255, 255, 177, 126, 255]);
    }
}
