//! Real photographs through every format and back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{fs, io::Cursor};

use image::{DynamicImage, ImageFormat};
use medley_media::picture::{self, PictureLimits};
use medley_models::Models;
use proptest::prelude::*;

fn sample(name: &str) -> std::path::PathBuf {
    Models::open(&Models::default_dir()).file("sample-pictures", name).unwrap()
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn open(bytes: &[u8]) -> picture::Picture {
    picture::from_bytes(bytes, "test", &PictureLimits::default()).unwrap()
}

fn astronaut() -> DynamicImage {
    DynamicImage::ImageRgb8(image::open(sample("astronaut.png")).unwrap().to_rgb8())
}

#[test]
fn formats_without_loss_give_the_same_pixels() {
    let original = astronaut();
    let rgb = original.to_rgb8().into_raw();
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Pnm] {
        let picture = open(&written(&original, format));
        assert_eq!((picture.width_px, picture.height_px, picture.source_bits), (512, 512, 8));
        assert!(picture.rgb == rgb, "{format:?}");
        assert_eq!(picture.alpha, None);
    }
    let lossy = open(&written(&original, ImageFormat::Jpeg));
    let error: f64 =
        lossy.rgb.iter().zip(&rgb).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / rgb.len() as f64;
    assert!(error < 4.0, "{error}");
}

#[test]
fn depth_gray_palette_and_opacity_are_understood() {
    let original = astronaut();
    let deep = open(&written(&DynamicImage::ImageRgb16(original.to_rgb16()), ImageFormat::Png));
    assert_eq!((deep.source_bits, deep.source_is_gray), (16, false));
    assert!(deep.rgb == original.to_rgb8().into_raw(), "16 bits go back to the 8 they came from");
    let gray = open(&written(&DynamicImage::ImageLuma8(original.to_luma8()), ImageFormat::Png));
    assert!(gray.source_is_gray && gray.rgb.as_chunks::<3>().0.iter().all(|p| p[0] == p[1] && p[1] == p[2]));
    let gif = picture::open(&sample("animation.gif"), &PictureLimits::default()).unwrap();
    assert!(gif.width_px > 1 && gif.rgb.len() == (gif.width_px * gif.height_px * 3) as usize);
    let refused = picture::open(&sample("multipage.tif"), &PictureLimits::default()).unwrap_err();
    assert_eq!(refused.code().as_str(), "media_unsupported", "a TIFF of 64-bit floats");

    let mut see_through = image::RgbaImage::from_pixel(2, 1, image::Rgba([200, 100, 50, 255]));
    see_through.put_pixel(1, 0, image::Rgba([200, 100, 50, 0]));
    let picture = open(&written(&DynamicImage::ImageRgba8(see_through), ImageFormat::Png));
    assert_eq!(picture.alpha.as_deref(), Some(&[255, 0][..]));
    assert_eq!(picture.over([1, 2, 3]), [200, 100, 50, 1, 2, 3]);
}

/// A JPEG with an EXIF block that says how it is to be turned, and when it was taken.
fn with_exif(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    tiff.extend([&b"\x01\x12\0\x03\0\0\0\x01"[..], &orientation.to_be_bytes(), &[0, 0]].concat());
    tiff.extend(b"\x01\x32\0\x02\0\0\0\x14\0\0\0\x26\0\0\0\0");
    tiff.extend(b"2021:03:04 05:06:07\0");
    let mut segment = b"Exif\0\0".to_vec();
    segment.extend(tiff);
    let length = (segment.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &segment, &jpeg[2..]].concat()
}

#[test]
fn exif_turns_the_picture_upright() {
    // Red at the top left of what is seen, whichever way it is stored.
    let mut upright = image::RgbImage::from_pixel(48, 32, image::Rgb([0, 0, 200]));
    for (x, y) in (0..16).flat_map(|x| (0..16).map(move |y| (x, y))) {
        upright.put_pixel(x, y, image::Rgb([200, 0, 0]));
    }
    let upright = DynamicImage::ImageRgb8(upright);
    // EXIF 2.3, table 6: what was done to the picture before it was stored.
    let stored: [(u16, DynamicImage); 8] = [
        (1, upright.clone()),
        (2, upright.fliph()),
        (3, upright.rotate180()),
        (4, upright.flipv()),
        (5, upright.rotate90().fliph()),
        (6, upright.rotate270()),
        (7, upright.rotate270().fliph()),
        (8, upright.rotate90()),
    ];
    for (orientation, image) in stored {
        let picture = open(&with_exif(&written(&image, ImageFormat::Jpeg), orientation));
        assert_eq!((picture.width_px, picture.height_px), (48, 32), "orientation {orientation}");
        let [r, _, b] = picture.pixel(4, 4);
        assert!(r > 150 && b < 60, "orientation {orientation}: {:?}", picture.pixel(4, 4));
        let [r, _, b] = picture.pixel(40, 28);
        assert!(b > 150 && r < 60, "orientation {orientation}");
        assert_eq!(picture.reoriented, orientation != 1);
        assert_eq!(picture.exif.taken_at.as_deref(), Some("2021-03-04 05:06:07"));
    }
}

/// A JPEG of 8 × 8 equal pixels with four inks (ITU-T T.81, baseline; quantised by 1, so exact).
fn four_inks(inks: [u8; 4], adobe_transform: Option<u8>) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    if let Some(transform) = adobe_transform {
        out.extend(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0");
        out.push(transform);
    }
    out.extend(b"\xff\xdb\0\x43\0");
    out.extend([1; 64]);
    out.extend(b"\xff\xc0\0\x14\x08\0\x08\0\x08\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0");
    // DC: twelve codes of four bits, code = category. AC: one code of one bit, end of block.
    out.extend(b"\xff\xc4\0\x1f\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0");
    out.extend(0..12);
    out.extend(b"\xff\xc4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    out.extend(b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0");
    let mut bits = String::new();
    for ink in inks {
        let dc = (i32::from(ink) - 128) * 8;
        let category = 32 - dc.unsigned_abs().leading_zeros();
        let value = if dc < 0 { dc + (1 << category) - 1 } else { dc };
        bits += &format!("{category:04b}");
        if category > 0 {
            bits += &format!("{value:0width$b}", width = category as usize);
        }
        bits += "0";
    }
    while !bits.len().is_multiple_of(8) {
        bits += "1";
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
        out.push(byte);
        if byte == 0xff {
            out.push(0);
        }
    }
    out.extend([0xff, 0xd9]);
    out
}

#[test]
fn four_inks_become_the_colours_that_are_seen() {
    let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(&a, b)| a.abs_diff(b) <= 2);
    // Adobe stores inks inverted: 255 is none.
    let cases: [([u8; 4], [u8; 3]); 4] = [
        ([255, 255, 255, 255], [255, 255, 255]),
        ([255, 255, 255, 0], [0, 0, 0]),
        ([0, 255, 255, 255], [0, 255, 255]),
        ([255, 100, 50, 200], [200, 78, 39]),
    ];
    for (inks, rgb) in cases {
        let picture = open(&four_inks(inks, Some(0)));
        assert!(near(picture.pixel(3, 3), rgb), "Adobe {inks:?}: {:?}, not {rgb:?}", picture.pixel(3, 3));
        let plain = open(&four_inks(inks.map(|ink| 255 - ink), None));
        assert!(near(plain.pixel(3, 3), rgb), "plain {inks:?}: {:?}, not {rgb:?}", plain.pixel(3, 3));
    }
    // YCCK, as libjpeg reads it.
    for (inks, rgb) in [([200, 128, 128, 240], [52, 52, 52]), ([100, 90, 200, 250], [53, 189, 218])] {
        let picture = open(&four_inks(inks, Some(2)));
        assert!(near(picture.pixel(0, 0), rgb), "YCCK {inks:?}: {:?}, not {rgb:?}", picture.pixel(0, 0));
    }
}

#[test]
fn bombs_and_nonsense_are_refused_before_memory_is_taken() {
    let code = |bytes: &[u8]| picture::from_bytes(bytes, "x.png", &PictureLimits::default()).unwrap_err();
    let mut bomb = written(&astronaut(), ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let crc = png_crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(code(&bomb).code().as_str(), "media_too_large", "{}", code(&bomb));
    assert_eq!(code(b"").code().as_str(), "media_empty");
    assert_eq!(code(b"hello, world, this is text").code().as_str(), "media_unsupported");
    assert_eq!(code(&bomb[..60]).code().as_str(), "media_too_large");
    let whole = written(&astronaut(), ImageFormat::Png);
    assert_eq!(code(&whole[..whole.len() / 2]).code().as_str(), "media_undecodable");
    let small = PictureLimits { max_bytes: 100, ..PictureLimits::default() };
    assert_eq!(picture::from_bytes(&whole, "x", &small).unwrap_err().code().as_str(), "media_too_large");
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(picture::open(dir.path(), &small).unwrap_err().code().as_str(), "input_not_a_file");
    assert_eq!(picture::open(&dir.path().join("no"), &small).unwrap_err().code().as_str(), "input_not_found");
}

#[test]
fn hairs_are_refused_whatever_they_are_written_as() {
    // Few pixels, and a side that everything computed from it would multiply.
    for (width, height) in [(1_000_000, 1), (1, 1_000_000), (65_536, 2)] {
        let hair = DynamicImage::from(image::GrayImage::new(width, height));
        for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Bmp, ImageFormat::Pnm] {
            let error =
                picture::from_bytes(&written(&hair, format), "hair.png", &PictureLimits::default()).unwrap_err();
            assert_eq!(error.code().as_str(), "media_too_large", "{format:?}: {error}");
            let says = error.to_string();
            assert!(says.starts_with("hair.png ") && says.contains(&format!("{width} x {height}")), "{says}");
        }
    }
    for (width, height) in [(65_500, 3), (2, 50_000)] {
        let strip = DynamicImage::from(image::RgbImage::new(width, height));
        for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Jpeg, ImageFormat::Gif] {
            let picture = open(&written(&strip, format));
            assert_eq!((picture.width_px, picture.height_px), (width, height), "{format:?}");
        }
    }
}

fn png_crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[test]
fn what_is_encoded_reads_back() {
    let gray: Vec<u16> = (0..64 * 64).map(|n| n * 13).collect();
    let bytes = picture::png_gray16(&gray, 64, 64).unwrap();
    let image::DynamicImage::ImageLuma16(back) = image::load_from_memory(&bytes).unwrap() else {
        panic!("16-bit grey")
    };
    assert_eq!(back.into_raw(), gray);
    let rgb = astronaut().to_rgb8().into_raw();
    assert!(open(&picture::png_rgb8(&rgb, 512, 512).unwrap()).rgb == rgb);
    assert_eq!(open(&picture::jpeg(&rgb, 512, 512, 90).unwrap()).width_px, 512);
    assert!(picture::png_rgb8(&rgb, 512, 511).is_err());
}

fn small_files() -> Vec<Vec<u8>> {
    let image = astronaut().thumbnail(48, 48);
    let mut files: Vec<_> =
        [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Pnm, ImageFormat::Jpeg]
            .map(|format| written(&image, format))
            .to_vec();
    files.push(fs::read(sample("animation.gif")).unwrap());
    files.push(four_inks([10, 20, 30, 40], Some(2)));
    files.push(with_exif(&files[5], 6));
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cut anywhere, with bits flipped anywhere: a picture or an error, never a panic, never much memory.
    #[test]
    fn damage_is_an_answer(which in 0..9_usize, keep in 0.0..1.2_f64, flips in prop::collection::vec((0.0..1.0_f64, 0..8_u8), 0..12), head in any::<bool>()) {
        static FILES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
        let mut bytes = FILES.get_or_init(small_files)[which].clone();
        let reach = if head { 200.min(bytes.len()) } else { bytes.len() } as f64;
        for (place, bit) in flips {
            bytes[(place * reach) as usize] ^= 1 << bit;
        }
        bytes.truncate((keep * bytes.len() as f64) as usize);
        let limits = PictureLimits { max_pixels: 1_000_000, max_bytes: 1 << 20, max_decode_bytes: 64 << 20, ..PictureLimits::default() };
        if let Ok(picture) = picture::from_bytes(&bytes, "damaged", &limits) {
            prop_assert_eq!(picture.rgb.len(), (picture.width_px * picture.height_px * 3) as usize);
        }
    }
}
