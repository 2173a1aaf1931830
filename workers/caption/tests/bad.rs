//! Images that are large, odd, hostile or broken: right, or a row that says why not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage, codecs::gif::GifEncoder};
use medley_caption::{Analyzer, AnalyzerSlots, CaptionParams, Row};
use medley_models::Models;
use medley_step::testing::QuietHost;

/// Without models: what is tried here is reading.
fn analyze(files: &[(&str, Vec<u8>)]) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<(String, PathBuf)> = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            ((*name).to_owned(), path)
        })
        .collect();
    analyze_paths(&paths)
}

fn analyze_paths(paths: &[(String, PathBuf)]) -> Vec<Row> {
    let params = CaptionParams { objects: false, text: false, people: false, nsfw: false, ..CaptionParams::default() };
    let analyzer =
        Analyzer::open(&Models::open(Path::new("nowhere")), &params, AnalyzerSlots { threads: 2, calls: 1 }).unwrap();
    analyzer.analyze(paths, &QuietHost::default()).unwrap().into_iter().map(|seen| seen.row).collect()
}

fn waves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 60]))
}

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn depths_modes_and_animations_are_read() {
    let sixteen: Vec<u8> = (0..64 * 64_u32).flat_map(|n| ((n * 16) as u16).to_ne_bytes()).collect();
    let mut deep = Vec::new();
    image::codecs::png::PngEncoder::new(&mut deep).write_image(&sixteen, 64, 64, ExtendedColorType::L16).unwrap();
    let mut animated = Vec::new();
    let frame = |rgb: [u8; 3]| {
        image::Frame::new(DynamicImage::ImageRgb8(RgbImage::from_pixel(20, 10, image::Rgb(rgb))).into_rgba8())
    };
    GifEncoder::new(&mut animated).encode_frames([frame([205, 30, 35]), frame([40, 90, 195])]).unwrap();
    let clear = image::RgbaImage::from_pixel(30, 30, image::Rgba([0, 0, 0, 0]));
    let rows = analyze(&[
        ("deep.png", deep),
        ("animated.gif", animated),
        ("clear.png", encode(clear, ImageFormat::Png)),
        ("plain.webp", encode(waves(40, 20), ImageFormat::WebP)),
        ("plain.tiff", encode(waves(40, 20), ImageFormat::Tiff)),
        ("one.bmp", encode(waves(1, 1), ImageFormat::Bmp)),
    ]);
    assert!(rows.iter().all(|row| row.error.is_none() && !row.caption.is_empty()), "{rows:#?}");
    // A ramp from black to white whose mean is half.
    assert!((rows[0].exposure - 0.5).abs() < 0.01, "{}", rows[0].exposure);
    assert_eq!(rows[1].colours[0].name, "red");
    assert_eq!(rows[2].colours[0].name, "white");
    assert_eq!(
        rows.iter().map(|row| row.format.as_str()).collect::<Vec<_>>(),
        ["png", "gif", "png", "webp", "tiff", "bmp"]
    );
}

#[test]
fn photos_are_turned_and_their_camera_is_named_or_not() {
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95)
        .write_image(waves(60, 40).as_raw(), 60, 40, ExtendedColorType::Rgb8)
        .unwrap();
    // Little-endian TIFF with orientation 6 (to be turned right) and a maker.
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend([0x0f, 1, 2, 0, 4, 0, 0, 0, b'A', b'c', b'e', 0]);
    tiff.extend([0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
    tiff.extend([0; 4]);
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend(((tiff.len() + 8) as u16).to_be_bytes());
    turned.extend(b"Exif\0\0");
    turned.extend(&tiff);
    turned.extend(&jpeg[2..]);
    let rows = analyze(&[("turned.jpg", turned.clone()), ("straight.jpg", jpeg)]);
    assert_eq!((rows[0].width, rows[0].height, rows[0].orientation), (40, 60, 6));
    assert_eq!(rows[0].exif.as_ref().unwrap().camera.as_deref(), Some("Ace"));
    assert_eq!((rows[1].width, rows[1].height, rows[1].orientation, &rows[1].exif), (60, 40, 1, &None));
    assert_ne!(rows[0].phash, rows[1].phash);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turned.jpg");
    fs::write(&path, turned).unwrap();
    let params = CaptionParams {
        objects: false,
        text: false,
        people: false,
        nsfw: false,
        strip_exif: true,
        ..CaptionParams::default()
    };
    let analyzer =
        Analyzer::open(&Models::open(folder.path()), &params, AnalyzerSlots { threads: 1, calls: 1 }).unwrap();
    let seen = analyzer.analyze(&[("turned.jpg".into(), path)], &QuietHost::default()).unwrap();
    assert_eq!((&seen[0].row.exif, seen[0].row.orientation), (&None, 6));
}

#[test]
fn broken_and_hostile_files_are_rows_that_say_why() {
    let jpeg = medley_media::picture::jpeg(waves(300, 200).as_raw(), 300, 200, 90).unwrap();
    let png = encode(waves(300, 200), ImageFormat::Png);
    // A PNG of 60,000 × 60,000 by its header.
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let rows = analyze(&[
        ("empty.jpg", Vec::new()),
        ("text.jpg", b"not an image at all".to_vec()),
        ("cut.png", png[..png.len() / 2].to_vec()),
        ("bomb.png", bomb),
        ("header.jpg", jpeg[..200].to_vec()),
        ("good.jpg", jpeg.clone()),
    ]);
    let code = |row: &Row| row.error.as_ref().map(|error| error.code.as_str().to_owned());
    let codes: Vec<Option<String>> = rows.iter().map(code).collect();
    let wanted = [
        Some("media_empty"),
        Some("media_unsupported"),
        Some("media_undecodable"),
        Some("media_too_large"),
        Some("media_undecodable"),
        None,
    ];
    assert_eq!(codes, wanted.map(|code| code.map(str::to_owned)));
    for row in &rows[..5] {
        let error = row.error.as_ref().unwrap();
        assert!(error.message.starts_with(&row.path) && row.sha256.len() == 64, "{error:?}");
        assert!(row.caption.is_empty() && row.width == 0);
    }
    let rows = analyze_paths(&[("gone.jpg".into(), "/nowhere/gone.jpg".into()), ("folder".into(), "/".into())]);
    assert_eq!(
        rows.iter().map(code).collect::<Vec<_>>(),
        ["input_not_found", "input_not_a_file"].map(|code| Some(code.to_owned()))
    );
}

/// Every cut of a JPEG is an answer: read as far as it goes, or an error; and the same each time.
#[test]
fn cut_jpegs_are_answers() {
    let jpeg = medley_media::picture::jpeg(waves(120, 80).as_raw(), 120, 80, 90).unwrap();
    let files: Vec<(String, Vec<u8>)> =
        (0..jpeg.len()).step_by(61).map(|len| (format!("{len:05}.jpg"), jpeg[..len].to_vec())).collect();
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let rows = analyze(&files);
    assert_eq!(rows, analyze(&files));
    assert!(rows.iter().all(|row| row.error.is_some() || (row.width, row.height) == (120, 80)));
    assert!(rows[..3].iter().all(|row| row.error.is_some()));
}

#[test]
fn a_panorama_of_a_hundred_megapixels_is_read() {
    let (width, height) = (25_000, 4_000);
    let mut jpeg = Vec::new();
    let rgb: Vec<u8> =
        (0..width * height).flat_map(|n: u32| [(n % width / 100) as u8, (n / width / 16) as u8, 90]).collect();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 60)
        .write_image(&rgb, width, height, ExtendedColorType::Rgb8)
        .unwrap();
    let row = &analyze(&[("panorama.jpg", jpeg)])[0];
    assert_eq!((row.width, row.height, &row.error), (width, height, &None));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    })
}
