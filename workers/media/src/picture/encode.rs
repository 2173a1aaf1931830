use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};

use crate::{MediaError, Problem};

/// An 8-bit RGB PNG from packed pixels.
///
/// # Errors
/// When `rgb` has not 3 × width × height bytes.
pub fn png_rgb8(rgb: &[u8], width_px: u32, height_px: u32) -> Result<Vec<u8>, MediaError> {
    png(rgb, width_px, height_px, ExtendedColorType::Rgb8)
}

/// An 8-bit grey PNG.
///
/// # Errors
/// When `gray` has not width × height bytes.
pub fn png_gray8(gray: &[u8], width_px: u32, height_px: u32) -> Result<Vec<u8>, MediaError> {
    png(gray, width_px, height_px, ExtendedColorType::L8)
}

/// A 16-bit grey PNG.
///
/// # Errors
/// When `gray` has not width × height values.
pub fn png_gray16(gray: &[u16], width_px: u32, height_px: u32) -> Result<Vec<u8>, MediaError> {
    // The encoder takes native byte order.
    let bytes: Vec<u8> = gray.iter().flat_map(|value| value.to_ne_bytes()).collect();
    png(&bytes, width_px, height_px, ExtendedColorType::L16)
}

/// A JPEG from packed RGB; quality 1 to 100.
///
/// # Errors
/// When `rgb` has not 3 × width × height bytes.
pub fn jpeg(rgb: &[u8], width_px: u32, height_px: u32, quality: u8) -> Result<Vec<u8>, MediaError> {
    check(rgb, width_px, height_px, ExtendedColorType::Rgb8)?;
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality)
        .write_image(rgb, width_px, height_px, ExtendedColorType::Rgb8)
        .map_err(failed)?;
    Ok(out)
}

fn png(pixels: &[u8], width_px: u32, height_px: u32, color: ExtendedColorType) -> Result<Vec<u8>, MediaError> {
    check(pixels, width_px, height_px, color)?;
    let mut out = Vec::new();
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
        .write_image(pixels, width_px, height_px, color)
        .map_err(failed)?;
    Ok(out)
}

fn check(pixels: &[u8], width_px: u32, height_px: u32, color: ExtendedColorType) -> Result<(), MediaError> {
    let wanted = u64::from(width_px) * u64::from(height_px) * u64::from(color.bits_per_pixel()) / 8;
    if pixels.len() as u64 == wanted && wanted > 0 {
        return Ok(());
    }
    let what = format!("{} bytes are not a picture of {width_px} x {height_px}", pixels.len());
    Err(MediaError::new("a picture", Problem::Encode(what)))
}

fn failed(error: image::ImageError) -> MediaError {
    MediaError::new("a picture", Problem::Encode(error.to_string())).because(error)
}
