//! JPEGs through libjpeg-turbo, at full size, a half, a quarter or an eighth. Pillow uses the same decoder, so the pixels
//! are Pillow's to the bit. A smaller size skips the work that it does not need.

use image::RgbImage;
use opencv::{
    core::{Mat, MatTraitConst, MatTraitConstManual, Vector},
    imgcodecs,
};

/// The segments of a JPEG, read without decoding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u8,
    /// The TIFF block of its EXIF segment.
    pub(super) exif: Option<&'a [u8]>,
    /// Whether the end marker is there; a file that was cut off has none.
    pub(super) whole: bool,
}

/// Reads the segments of a JPEG; none when they are broken. The media crate's decoder is more tolerant.
pub(super) fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let mut at = bytes.starts_with(&[0xff, 0xd8]).then_some(2)?;
    let mut exif = None;
    let mut size = None;
    loop {
        let &[0xff, marker] = bytes.get(at..at + 2)?.as_array()? else { return None };
        if marker == 0xff {
            at += 1;
            continue;
        }
        let len = usize::from(u16::from_be_bytes(*bytes.get(at + 2..at + 4)?.as_array()?));
        let segment = bytes.get(at + 4..at + 2 + len)?;
        match marker {
            // Baseline, extended, progressive with 8 bits. All others go to the tolerant decoder.
            0xc0..=0xc2 if *segment.first()? == 8 => {
                let side = |at: usize| Some(u32::from(u16::from_be_bytes(*segment.get(at..at + 2)?.as_array()?)));
                size = Some((side(3)?, side(1)?, *segment.get(5)?));
            }
            0xe1 if exif.is_none() => exif = segment.strip_prefix(b"Exif\0\0"),
            0xda => break,
            _ => {}
        }
        at += 2 + len;
    }
    let (width, height, components) = size.filter(|(width, height, _)| *width > 0 && *height > 0)?;
    Some(Header { width, height, components, exif, whole: ends(&bytes[at..]) })
}

/// Whether the end marker follows the entropy-coded data, in which every 0xff is followed by its meaning.
fn ends(data: &[u8]) -> bool {
    data.windows(2).any(|pair| pair == [0xff, 0xd9])
}

/// The image at 1/`shrink` of its size (1, 2, 4 or 8), not turned; none when the decoder refuses it.
pub(super) fn decode(bytes: &[u8], shrink: u8) -> Option<RgbImage> {
    let flags = match shrink {
        2 => imgcodecs::IMREAD_REDUCED_COLOR_2,
        4 => imgcodecs::IMREAD_REDUCED_COLOR_4,
        8 => imgcodecs::IMREAD_REDUCED_COLOR_8,
        _ => imgcodecs::IMREAD_COLOR,
    };
    let mat = imgcodecs::imdecode(&bytes, flags | imgcodecs::IMREAD_IGNORE_ORIENTATION).ok()?;
    to_rgb(&mat)
}

/// The image as it comes out of a JPEG of this quality with colour at half the resolution.
pub(super) fn round_trip(image: &RgbImage, quality: i32) -> Option<RgbImage> {
    let mut bgr = image.as_raw().clone();
    bgr.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
    let rows = i32::try_from(image.height()).ok()?;
    let mat = Mat::from_slice(&bgr).ok()?;
    let mat = mat.reshape(3, rows).ok()?;
    let mut jpeg = Vector::<u8>::new();
    let params = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, quality]);
    imgcodecs::imencode(".jpg", &mat, &mut jpeg, &params).ok()?;
    decode(jpeg.as_slice(), 1)
}

fn to_rgb(mat: &Mat) -> Option<RgbImage> {
    let (width, height) = (u32::try_from(mat.cols()).ok()?, u32::try_from(mat.rows()).ok()?);
    let mut rgb = mat.data_bytes().ok()?.to_vec();
    rgb.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
    RgbImage::from_raw(width, height, rgb).filter(|image| image.width() > 0 && image.height() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let rgb: Vec<u8> = (0..64 * 48 * 3).map(|i| (i / 7 % 251) as u8).collect();
        medley_media::picture::jpeg(&rgb, 64, 48, 90).unwrap()
    }

    #[test]
    fn segments_say_what_is_in_the_file() {
        let bytes = jpeg();
        let header = header(&bytes).unwrap();
        assert_eq!((header.width, header.height, header.components, header.whole), (64, 48, 3, true));
        assert_eq!(decode(&bytes, 1).unwrap().dimensions(), (64, 48));
        assert_eq!(decode(&bytes, 4).unwrap().dimensions(), (16, 12));
    }

    #[test]
    fn every_cut_is_seen() {
        let bytes = jpeg();
        for len in 0..bytes.len() - 1 {
            assert!(header(&bytes[..len]).is_none_or(|header| !header.whole), "{len}");
        }
    }
}
