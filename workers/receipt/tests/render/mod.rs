//! Receipts made for the tests: words set in a Debian font on paper, and what happens to paper.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;

use ab_glyph::{Font, FontVec, PxScale, ScaleFont};
use image::{Rgb, RgbImage};

const LATIN: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
const CHINESE: &str = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc";

/// A cell of a row: where it starts or, for numbers, ends across the paper, and its words.
pub(crate) enum Cell<'a> {
    Left(f32, &'a str),
    Right(f32, &'a str),
    Middle(&'a str),
}

/// A sheet of rows, each of cells.
pub(crate) struct Paper {
    pub(crate) width: u32,
    pub(crate) text_px: f32,
    pub(crate) chinese: bool,
}

impl Default for Paper {
    fn default() -> Self {
        Self { width: 620, text_px: 26.0, chinese: false }
    }
}

impl Paper {
    /// Sets the rows from the top, black on white.
    pub(crate) fn print(&self, rows: &[Vec<Cell<'_>>]) -> RgbImage {
        let font = font(if self.chinese { CHINESE } else { LATIN });
        let font = font.as_scaled(PxScale::from(self.text_px));
        let step = self.text_px * 1.5;
        let height = (step * (rows.len() + 3) as f32) as u32;
        let mut paper = RgbImage::from_pixel(self.width, height, Rgb([255; 3]));
        for (index, row) in rows.iter().enumerate() {
            let baseline = step * (index as f32 + 2.0);
            for cell in row {
                let (at, words) = match cell {
                    Cell::Left(at, words) => (*at, *words),
                    Cell::Right(at, words) => (*at - length(&font, words) / self.width as f32, *words),
                    Cell::Middle(words) => (0.5 - length(&font, words) / self.width as f32 / 2.0, *words),
                };
                write(&mut paper, &font, words, at * self.width as f32, baseline);
            }
        }
        paper
    }
}

fn font(path: &str) -> FontVec {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}; scripts/test installs the fonts"));
    FontVec::try_from_vec_and_index(bytes, 0).unwrap()
}

fn length<F: Font>(font: &impl ScaleFont<F>, words: &str) -> f32 {
    words.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
}

fn write<F: Font>(paper: &mut RgbImage, font: &impl ScaleFont<F>, words: &str, mut x: f32, baseline: f32) {
    for c in words.chars() {
        let mut glyph = font.scaled_glyph(c);
        glyph.position = ab_glyph::point(x, baseline);
        x += font.h_advance(glyph.id);
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        outline.draw(|dx, dy, ink| {
            let (x, y) = (bounds.min.x as i64 + i64::from(dx), bounds.min.y as i64 + i64::from(dy));
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = paper.get_pixel_mut_checked(x, y)
            {
                let paper = f32::from(pixel.0[0]);
                *pixel = Rgb([(paper * (1.0 - ink)) as u8; 3]);
            }
        });
    }
}

/// The picture seen through `back`, which says for each point of the new picture where in the old one it comes from.
pub(crate) fn seen(picture: &RgbImage, width: u32, height: u32, back: impl Fn(f32, f32) -> (f32, f32)) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = back(x as f32 + 0.5, y as f32 + 0.5);
        sample(picture, u - 0.5, v - 0.5)
    })
}

/// Bilinear; grey, like a table, outside.
fn sample(picture: &RgbImage, x: f32, y: f32) -> Rgb<u8> {
    const TABLE: u8 = 120;
    if x < 0.0 || y < 0.0 || x > picture.width() as f32 - 1.0 || y > picture.height() as f32 - 1.0 {
        return Rgb([TABLE; 3]);
    }
    let (x0, y0) = (x as u32, y as u32);
    let (x1, y1) = ((x0 + 1).min(picture.width() - 1), (y0 + 1).min(picture.height() - 1));
    let (fx, fy) = (x.fract(), y.fract());
    let at = |x, y| f32::from(picture.get_pixel(x, y).0[0]);
    let top = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
    let bottom = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
    Rgb([(top * (1.0 - fy) + bottom * fy) as u8; 3])
}

/// Turned clockwise by an angle about its middle, on a table.
pub(crate) fn skewed(picture: &RgbImage, degrees: f32) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    let (width, height) = (w * cos.abs() + h * sin.abs(), w * sin.abs() + h * cos.abs());
    seen(picture, width as u32, height as u32, |x, y| {
        let (dx, dy) = (x - width / 2.0, y - height / 2.0);
        (dx * cos + dy * sin + w / 2.0, dy * cos - dx * sin + h / 2.0)
    })
}

pub(crate) fn save(picture: &RgbImage, path: &Path) {
    picture.save(path).unwrap();
}
