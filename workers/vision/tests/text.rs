//! The text reader on a photographed page (scikit-image's `page.png`), with the real models.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::LazyLock;

use image::{RgbImage, imageops};
use medley_models::Models;
use medley_step::testing::QuietHost;
use medley_vision::text::{LineReader, PpOcr, PpOcrVersion, Slots, TextPage};

const WORDS: [&str; 7] = [
    "Region-based segmentation",
    "Let us first determine markers of the coins and the",
    "background. These markers are pixels that we can label",
    "unambiguously as either object or background. Here,",
    "the markers are found at the two extreme parts of the",
    "histogram of grey values:",
    "markers = np.zeros_like(coins)",
];

static MODELS: LazyLock<Models> = LazyLock::new(|| Models::open(&Models::default_dir()));

fn photographed() -> RgbImage {
    image::open(MODELS.file("sample-pictures", "page.png").unwrap()).unwrap().to_rgb8()
}

fn read(version: PpOcrVersion, threads_per_page: usize, picture: &RgbImage) -> TextPage {
    let reader = PpOcr::open(&MODELS, version, Slots { pages: 1, threads_per_page }).unwrap();
    reader.read(picture, &QuietHost::default()).unwrap()
}

#[test]
fn a_photographed_page_reads_word_for_word() {
    let page = read(PpOcrVersion::V6Small, 2, &photographed());
    let texts: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, WORDS);
    assert!(page.lines.iter().all(|line| line.confidence > 0.9));
    assert!(page.lines.windows(2).all(|pair| pair[0].upright.center().y < pair[1].upright.center().y));
    // Characters stand where they are: the first at the left, in order.
    let glyphs = &page.lines[1].glyphs;
    assert!(glyphs[0].at < 0.05 && glyphs.windows(2).all(|pair| pair[0].at < pair[1].at));
}

#[test]
fn how_many_threads_read_does_not_matter() {
    let picture = photographed();
    assert_eq!(read(PpOcrVersion::V6Small, 1, &picture), read(PpOcrVersion::V6Small, 2, &picture));
}

#[test]
fn a_page_on_its_head_reads_the_same_and_its_boxes_turn_with_it() {
    let picture = photographed();
    let upright = read(PpOcrVersion::V6Small, 2, &picture);
    let turned = read(PpOcrVersion::V6Small, 2, &imageops::rotate180(&picture));
    assert_eq!(turned.turn_deg, 180);
    for (a, b) in upright.lines.iter().zip(&turned.lines) {
        assert_eq!(a.text, b.text);
        let (a, b) = (a.polygon.0[0], b.polygon.0[0]);
        let (right, bottom) = (picture.width() as f32, picture.height() as f32);
        assert!((a.x - (right - b.x)).abs() < 1.0 && (a.y - (bottom - b.y)).abs() < 1.0, "{a:?} {b:?}");
    }
}

#[test]
fn the_older_models_read_too() {
    let page = read(PpOcrVersion::V4, 2, &photographed());
    let texts: Vec<String> = page.lines.iter().map(|line| line.text.replace(' ', "")).collect();
    let read = WORDS.iter().filter(|words| texts.contains(&words.replace(' ', ""))).count();
    // The older detector joins or misses a line of the photograph, and the older reader errs in one.
    assert!(read + 2 >= WORDS.len(), "{texts:?}");
}

#[test]
fn an_empty_picture_has_no_lines() {
    let page = read(PpOcrVersion::V6Small, 1, &RgbImage::from_pixel(200, 100, image::Rgb([255; 3])));
    assert!(page.lines.is_empty());
    // Also what is hardly a picture.
    let hair = read(PpOcrVersion::V6Small, 1, &RgbImage::from_pixel(1, 3000, image::Rgb([255; 3])));
    assert!(hair.lines.is_empty());
}
