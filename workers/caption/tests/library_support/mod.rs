//! Libraries to test with, and how they are run.

use std::{fs, io::Cursor, path::Path};

use image::{ImageFormat, Rgb, RgbImage};
use medley_tests::binary::Medley;
use serde_json::Value;

/// Asks for nothing that needs a model.
pub(crate) const BARE: &[&str] = &["--objects=false", "--text=false", "--people=false", "--nsfw=false"];

/// A small JPEG unlike those of other numbers: smooth waves of its own.
pub(crate) fn draw(number: u32) -> Vec<u8> {
    let wave = |n: u32| f64::from((number.wrapping_add(n).wrapping_mul(2_654_435_761) >> 8) % 1_000) / 1_000.0;
    let image = RgbImage::from_fn(96, 64, |x, y| {
        let (x, y) = (f64::from(x) / 96.0, f64::from(y) / 64.0);
        let level = |n: u32| {
            let angle = 12.0 * (x * (wave(n) - 0.5) * 4.0 + y * (wave(n + 7) - 0.5) * 4.0) + 6.0 * wave(n + 13);
            (127.5 + 120.0 * angle.sin()) as u8
        };
        Rgb([level(1), level(2), level(3)])
    });
    let mut jpeg = Vec::new();
    image.write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
    jpeg
}

/// `00000.jpg`, … in a folder.
pub(crate) fn drawn(folder: &Path, count: u32) {
    fs::create_dir_all(folder).unwrap();
    (0..count).for_each(|n| fs::write(folder.join(format!("{n:05}.jpg")), draw(n)).unwrap());
}

/// Runs a library into `dataset` and returns its manifest.
pub(crate) fn run(medley: &Medley, args: &[&str]) -> Value {
    let ended = medley.call(&[&["run", "library", "--json", "-o", "dataset"], args].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

pub(crate) fn rows(dataset: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dataset.join("captions.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
