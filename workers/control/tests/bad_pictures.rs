//! Pictures of every kind through the worker: the right map, or an error that says what is wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{fs, io::Cursor, path::Path, sync::LazyLock};

use image::{
    DynamicImage, Frame, ImageBuffer, ImageEncoder, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder},
};
use medley_control::{AnnotatorName, ControlConfig, ControlParams, ControlWorker};
use medley_models::Models;
use medley_step::{BuildContext, StepError, Worker, testing};

static WORKER: LazyLock<ControlWorker> = LazyLock::new(|| {
    let build = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    ControlWorker::build(ControlConfig::default(), &build).unwrap()
});

fn canny(path: &Path) -> Result<RgbImage, StepError> {
    let folder = tempfile::tempdir().unwrap();
    let params = ControlParams { annotators: vec![AnnotatorName::Canny], ..ControlParams::default() };
    let ran = testing::run(&*WORKER, params, vec![testing::input(path).unwrap()], folder.path())?;
    Ok(image::open(&ran.artifacts["canny.png"]).unwrap().to_rgb8())
}

fn canny_of(name: &str, bytes: &[u8]) -> Result<RgbImage, StepError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    canny(&path)
}

/// A map with one upright edge in the middle.
fn assert_edge_in_the_middle(name: &str, map: &RgbImage) {
    let edges: Vec<u32> = map.enumerate_pixels().filter(|(.., pixel)| pixel.0[0] == 255).map(|(x, ..)| x).collect();
    assert!(edges.len() as u32 >= map.height(), "{name} has its edge");
    let middle = map.width() as f32 / 2.0;
    // Enlarged by Lanczos, the edge rings a little.
    let near = edges.iter().filter(|x| (**x as f32 - middle).abs() < 0.04 * middle).count();
    assert!(near * 2 > edges.len(), "{name}: most edges are in the middle");
}

const SIZE: (u32, u32) = (300, 200);

fn is_left(x: u32) -> bool {
    x < SIZE.0 / 2
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn black_and_white() -> RgbImage {
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, _| Rgb([if is_left(x) { 0 } else { 255 }; 3]))
}

#[test]
fn every_kind_of_pixel_gives_the_same_edge() {
    let (width, height) = SIZE;
    let gray = |x: u32| if is_left(x) { 0u8 } else { 255 };
    let opacity = |x: u32| if is_left(x) { 255u8 } else { 0 };
    let pictures: Vec<(&str, DynamicImage)> = vec![
        ("rgb.png", black_and_white().into()),
        ("grey.png", ImageBuffer::from_fn(width, height, |x, _| Luma([gray(x)])).into()),
        ("grey16.png", ImageBuffer::from_fn(width, height, |x, _| Luma([u16::from(gray(x)) * 257])).into()),
        ("rgb16.png", ImageBuffer::from_fn(width, height, |x, _| Rgb([u16::from(gray(x)) * 257; 3])).into()),
        // Black all over, and nothing of it on the right: white lies below.
        ("clear.png", ImageBuffer::from_fn(width, height, |x, _| Rgba([0, 0, 0, opacity(x)])).into()),
        ("grey-clear.png", ImageBuffer::from_fn(width, height, |x, _| LumaA([0, opacity(x)])).into()),
    ];
    for (name, picture) in pictures {
        assert_edge_in_the_middle(name, &canny_of(name, &written(&picture, ImageFormat::Png)).unwrap());
    }
    for (name, format) in [
        ("file.jpg", ImageFormat::Jpeg),
        ("file.webp", ImageFormat::WebP),
        ("file.bmp", ImageFormat::Bmp),
        ("file.tif", ImageFormat::Tiff),
        ("file.ppm", ImageFormat::Pnm),
        ("wrong-ending.png", ImageFormat::Jpeg),
    ] {
        assert_edge_in_the_middle(name, &canny_of(name, &written(&black_and_white().into(), format)).unwrap());
    }
}

#[test]
fn of_an_animation_the_first_frame_is_taken() {
    let first = DynamicImage::from(black_and_white()).to_rgba8();
    let second = ImageBuffer::from_pixel(SIZE.0, SIZE.1, Rgba([255u8, 0, 0, 255]));
    let mut gif = Vec::new();
    // A GIF's colours come from a palette.
    GifEncoder::new(&mut gif).encode_frames([Frame::new(first), Frame::new(second)]).unwrap();
    assert_edge_in_the_middle("two.gif", &canny_of("two.gif", &gif).unwrap());
}

#[test]
fn exif_says_which_way_up() {
    // Lies on its side, and says so: orientation 6 is turned clockwise to be seen.
    let lying = image::imageops::rotate270(&black_and_white());
    let exif = [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"[..]].concat();
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.encode_image(&lying).unwrap();
    let map = canny_of("lying.jpg", &bytes).unwrap();
    assert_eq!(map.dimensions(), (768, 512));
    assert_edge_in_the_middle("lying.jpg", &map);
}

#[test]
fn sizes_from_one_pixel_to_a_hundred_million() {
    let dot = canny_of("dot.png", &written(&RgbImage::new(1, 1).into(), ImageFormat::Png)).unwrap();
    assert_eq!(dot.dimensions(), (512, 512));
    let png = |width: u32, height: u32| {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(
            &mut bytes,
            image::codecs::png::CompressionType::Fast,
            image::codecs::png::FilterType::NoFilter,
        );
        let half = width as usize / 2;
        let row: Vec<u8> = (0..width as usize).map(|x| if x < half { 0 } else { 255 }).collect();
        encoder.write_image(&row.repeat(height as usize), width, height, image::ExtendedColorType::L8).unwrap();
        bytes
    };
    assert_edge_in_the_middle("large.png", &canny_of("large.png", &png(10_000, 10_000)).unwrap());
    let error = canny_of("larger.png", &png(10_000, 10_001)).unwrap_err();
    assert_eq!(error.code().as_str(), "media_too_large");
    assert!(error.to_string().contains("larger.png") && error.to_string().contains("10000 x 10001"), "{error}");
    // A map of a hair would be endless.
    for (width, height) in [(1, 3000), (3000, 1), (65_500, 3), (2, 50_000), (1_000_000, 1), (1, 1_000_000)] {
        let error = canny_of("hair.png", &png(width, height)).unwrap_err();
        assert_eq!(error.code().as_str(), "media_too_large", "{width} x {height}: {error}");
        assert!(error.to_string().contains("hair.png"), "{error}");
    }
    // What the header promises is not believed before it is checked.
    let mut lie = png(8, 8);
    lie[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert!(canny_of("lie.png", &lie).unwrap_err().code().as_str().starts_with("media_"));
}

#[test]
fn what_is_damaged_is_named_and_never_half_shown() {
    let png = written(&black_and_white().into(), ImageFormat::Png);
    let noise = RgbImage::from_fn(160, 160, |x, y| Rgb([(x * 31 + y * 17) as u8, (x * y) as u8, (x ^ y) as u8]));
    let jpeg = written(&noise.into(), ImageFormat::Jpeg);
    let mut flipped = png.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    for (name, bytes, code) in [
        ("cut.png", &png[..png.len() / 2], "media_undecodable"),
        ("cut.jpg", &jpeg[..jpeg.len() / 2], "media_undecodable"),
        ("flipped.png", &flipped[..], "media_undecodable"),
        ("text.jpg", &b"This is no picture at all.\n"[..], "media_unsupported"),
        ("empty.png", &[], "media_empty"),
    ] {
        let error = canny_of(name, bytes).unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{name} is not tried again: {error:?}");
        assert_eq!(error.code().as_str(), code, "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}
