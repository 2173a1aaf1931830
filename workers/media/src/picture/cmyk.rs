//! JPEGs with four inks, as print shops send them.

use image::RgbImage;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::PictureFormat;

/// Decodes a JPEG of CMYK or YCCK; nothing for any other picture.
///
/// Adobe writes inks inverted (255 is none) and says so with an APP14 marker; without that marker 255 is full ink. No
/// colour profile is applied: R = (255 - C)(255 - K) / 255, as viewers without colour management show it.
pub(super) fn decode(bytes: &[u8], format: PictureFormat) -> Option<Result<RgbImage, String>> {
    if format != PictureFormat::Jpeg {
        return None;
    }
    let options = || DecoderOptions::default().set_strict_mode(false).set_max_width(65_535).set_max_height(65_535);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().ok()?;
    if !matches!(decoder.input_colorspace()?, ColorSpace::CMYK | ColorSpace::YCCK) {
        return None;
    }
    let (width, height) = decoder.dimensions()?;
    let options = options().jpeg_set_out_colorspace(ColorSpace::CMYK);
    let inks = match JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode() {
        Ok(inks) => inks,
        Err(error) => return Some(Err(error.to_string())),
    };
    let inverted = has_adobe_marker(bytes);
    let rgb = inks.as_chunks::<4>().0.iter().flat_map(|&[c, m, y, k]| {
        let paper = |ink: u8| u32::from(if inverted { ink } else { 255 - ink });
        [c, m, y].map(|ink| ((paper(ink) * paper(k) + 127) / 255) as u8)
    });
    let image = RgbImage::from_raw(width as u32, height as u32, rgb.collect());
    Some(image.ok_or_else(|| "it has fewer pixels than its header says".into()))
}

/// Whether an APP14 segment of Adobe comes before the picture's data.
fn has_adobe_marker(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4).and_then(|head| head.as_array()) {
        match marker {
            0xee if bytes.get(at + 4..at + 9) == Some(b"Adobe") => return true,
            0xda | 0xd9 => return false,
            0xff => at += 1,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
}
