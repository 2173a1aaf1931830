//! Downloads that broke off: decoders fill what is missing of a JPEG with grey and say nothing.

use zune_core::{bytestream::ZCursor, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

/// Does a JPEG's file end before its picture does? A missing end marker alone, as some cameras leave it, is no cut: then
/// the pixels are looked at.
pub(super) fn is_cut_off(jpeg: &[u8]) -> bool {
    if has_end(jpeg) {
        return false;
    }
    let strict = DecoderOptions::default().set_strict_mode(true).set_max_width(65_535).set_max_height(65_535);
    JpegDecoder::new_with_options(ZCursor::new(jpeg), strict).decode().is_err()
}

/// Is there an end marker behind the picture's data? Segments are skipped by their length, so that the one of an embedded
/// thumbnail does not count.
fn has_end(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&byte) = jpeg.get(at) {
        let Some(&marker) = jpeg.get(at + 1).filter(|_| byte == 0xff) else {
            // Within the data: on to the next marker.
            at += 1;
            continue;
        };
        match marker {
            0xd9 => return true,
            // A stuffed byte, a restart, fill: part of the data.
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            0xff => at += 1,
            _ => {
                let Some(length) = jpeg.get(at + 2..at + 4) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let picture = image::RgbImage::from_fn(160, 120, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).expect("a JPEG is written to memory");
        bytes.into_inner()
    }

    #[test]
    fn half_a_picture_is_cut_off_and_a_whole_one_is_not() {
        let whole = jpeg();
        assert!(!is_cut_off(&whole));
        assert!(is_cut_off(&whole[..whole.len() / 2]));
        let junk_behind: Vec<u8> = whole.iter().copied().chain([0; 100]).collect();
        assert!(!is_cut_off(&junk_behind));
    }

    #[test]
    fn a_thumbnails_end_is_not_the_pictures() {
        let whole = jpeg();
        // An APP1 segment that holds an end marker.
        let app1 = [0xff, 0xe1, 0x00, 0x06, 0xff, 0xd9, 0xff, 0xd9];
        let with_thumbnail = [&whole[..2], &app1, &whole[2..]].concat();
        assert!(!is_cut_off(&with_thumbnail));
        assert!(is_cut_off(&with_thumbnail[..with_thumbnail.len() / 2]));
    }
}
