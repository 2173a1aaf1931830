//! JPEGs with four inks, as print shops send them.

use image::RgbImage;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::PictureFormat;

/// Decodes a JPEG of CMYK or YCCK; nothing for any other picture.
///
/// Adobe writes inks inverted (255 is none) and says so with an APP14 marker; without that marker 255 is full ink. YCCK
/// is the complement of the first three inks as luma and chroma (ITU-T T.872, 6.1). No colour profile is applied:
/// R = (255 - C)(255 - K) / 255, as viewers without colour management show it.
pub(super) fn decode(bytes: &[u8], format: PictureFormat) -> Option<Result<RgbImage, String>> {
    if format != PictureFormat::Jpeg {
        return None;
    }
    let options = || DecoderOptions::default().set_strict_mode(false).set_max_width(65_535).set_max_height(65_535);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().ok()?;
    let space = decoder.input_colorspace()?;
    if !matches!(space, ColorSpace::CMYK | ColorSpace::YCCK) {
        return None;
    }
    let (width, height) = decoder.dimensions()?;
    let options = options().jpeg_set_out_colorspace(space);
    let inks = match JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode() {
        Ok(inks) => inks,
        Err(error) => return Some(Err(error.to_string())),
    };
    let inverted = has_adobe_marker(bytes);
    let rgb = inks.as_chunks::<4>().0.iter().flat_map(|&[a, b, c, k]| {
        let [c, m, y] = if space == ColorSpace::YCCK { inks_of_luma(a, b, c) } else { [a, b, c] };
        let paper = |ink: u8| u32::from(if inverted { ink } else { 255 - ink });
        [c, m, y].map(|ink| ((paper(ink) * paper(k) + 127) / 255) as u8)
    });
    let image = RgbImage::from_raw(width as u32, height as u32, rgb.collect());
    Some(image.ok_or_else(|| "it has fewer pixels than its header says".into()))
}

/// The inks whose complement has this luma and chroma (ITU-R BT.601, full range).
fn inks_of_luma(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let complement = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
    complement.map(|value| 255 - value.round().clamp(0.0, 255.0) as u8)
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
