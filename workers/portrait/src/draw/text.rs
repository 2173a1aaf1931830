use std::{fs, path::Path};

use ab_glyph::{Font, FontVec, GlyphId, PxScale, ScaleFont, point};
use medley_text::{marks::closes, script::is_wide};

use super::Rect;
use crate::PortraitError;

/// Where Debian's packages put fonts, the preferred first: fonts-dejavu-core for Latin, fonts-wqy-microhei or
/// fonts-noto-cjk for Chinese (and Latin in a pinch).
const FONTS: [&str; 4] = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
];

/// The fonts of this machine; a letter is drawn from the first that has it. In a text with ideographs that is the font
/// of the ideographs, so that digits and Latin words among them are of the same weight.
pub(crate) struct Fonts(Vec<FontVec>);

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} fonts", self.0.len())
    }
}

/// A word that is drawn whole, or a single ideograph.
type Glyphs = Vec<(usize, GlyphId)>;

impl Fonts {
    /// # Errors
    /// `tool_missing` when no font is installed that could write `text`.
    pub(crate) fn for_text(text: &str) -> Result<Self, PortraitError> {
        let open = |path: &&str| FontVec::try_from_vec_and_index(fs::read(Path::new(path)).ok()?, 0).ok();
        let latin_last = usize::from(text.chars().any(is_wide));
        let paths = FONTS.iter().cycle().skip(latin_last).take(FONTS.len());
        let fonts = Self(paths.filter_map(open).collect());
        let missing = text.chars().find(|&c| !c.is_whitespace() && !c.is_control() && fonts.find(c).is_none());
        match missing {
            None => Ok(fonts),
            Some(letter) if is_wide(letter) => Err(PortraitError::NoFont { letter, package: "fonts-wqy-microhei" }),
            // A sign that no font has is left out; a whole alphabet is not.
            Some(_) if !fonts.0.is_empty() => Ok(fonts),
            Some(letter) => Err(PortraitError::NoFont { letter, package: "fonts-dejavu-core" }),
        }
    }

    fn find(&self, c: char) -> Option<(usize, GlyphId)> {
        self.0.iter().enumerate().map(|(i, font)| (i, font.glyph_id(c))).find(|(_, glyph)| glyph.0 != 0)
    }

    fn glyphs(&self, text: &str) -> Glyphs {
        text.chars().filter_map(|c| self.find(c)).collect()
    }

    /// The width of a line, in pixels.
    pub(crate) fn width(&self, text: &str, px: f32) -> f32 {
        self.glyphs(text).iter().map(|&(font, glyph)| self.0[font].as_scaled(PxScale::from(px)).h_advance(glyph)).sum()
    }

    /// Breaks text into lines no wider than `width_px`, between words or beside ideographs.
    pub(crate) fn wrap(&self, text: &str, px: f32, width_px: f32) -> Vec<String> {
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in words(text) {
            let longer = format!("{line}{word}");
            if !line.is_empty() && self.width(longer.trim_end(), px) > width_px {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                line = word.trim_start().to_owned();
            } else {
                line = longer;
            }
        }
        if !line.trim().is_empty() {
            lines.push(line.trim_end().to_owned());
        }
        lines
    }

    /// Lines of text in `colour`, centred or at the left, with a soft dark edge so that they read on anything.
    pub(crate) fn draw(&self, lines: &[String], style: &TextStyle) -> Sprite {
        let px = style.px;
        let edge = (px * 0.14).ceil() as usize;
        let widest = lines.iter().map(|line| self.width(line, px)).fold(0.0, f32::max);
        let step = px * 1.25;
        let (width, height) =
            (widest.ceil() as usize + 2 * edge, (step * lines.len() as f32).ceil() as usize + 2 * edge);
        let mut ink = vec![0.0f32; width * height];
        for (row, line) in lines.iter().enumerate() {
            let indent = if style.centred { (widest - self.width(line, px)) / 2.0 } else { 0.0 };
            let mut x = edge as f32 + indent;
            let baseline = edge as f32 + step * row as f32 + px * 0.95;
            for (font, glyph) in self.glyphs(line) {
                let font = self.0[font].as_scaled(PxScale::from(px));
                let placed = glyph.with_scale_and_position(px, point(x, baseline));
                x += font.h_advance(glyph);
                let Some(outline) = font.outline_glyph(placed) else { continue };
                let corner = outline.px_bounds().min;
                outline.draw(|gx, gy, share| {
                    let (x, y) = (corner.x as i32 + gx as i32, corner.y as i32 + gy as i32);
                    if x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height {
                        let cell = &mut ink[y as usize * width + x as usize];
                        *cell = cell.max(share.min(1.0));
                    }
                });
            }
        }
        let mut halo = ink.clone();
        super::blur(&mut halo, width, height, px * 0.05);
        let [r, g, b] = style.colour;
        let pixels = ink
            .iter()
            .zip(&halo)
            .map(|(&ink, &halo)| {
                let dark = (halo * 1.8).min(0.85) * (1.0 - ink);
                let alpha = ink + dark;
                let lit = if alpha > 0.0 { ink / alpha } else { 0.0 };
                [r, g, b].map(|v| (f32::from(v) * lit) as u8).into_iter().chain([(alpha * 255.0) as u8])
            })
            .map(|mut pixel| std::array::from_fn(|_| pixel.next().unwrap_or(0)))
            .collect();
        Sprite { rect: Rect::new(0, 0, width as i32, height as i32), pixels }
    }
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextStyle {
    pub(crate) px: f32,
    pub(crate) colour: [u8; 3],
    pub(crate) centred: bool,
}

/// Pieces between which a line may break, spaces at their ends.
fn words(text: &str) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let opens = before.is_some_and(|b| b.is_whitespace() && !c.is_whitespace());
        let beside = is_wide(c) && !closes(c) && before.is_some();
        let after = before.is_some_and(|b| is_wide(b) && !is_wide(c) && !c.is_whitespace());
        if opens || beside || after {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&text[start..]);
    pieces
}

/// A small picture with transparency, somewhere on the canvas.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sprite {
    pub(crate) rect: Rect,
    /// Red, green, blue, opacity.
    pub(crate) pixels: Vec<[u8; 4]>,
}

impl Sprite {
    /// A plain rectangle.
    pub(crate) fn plain(rect: Rect, pixel: [u8; 4]) -> Self {
        Self { rect, pixels: vec![pixel; rect.width() * rect.height()] }
    }

    #[must_use]
    pub(crate) fn at(mut self, x: i32, y: i32) -> Self {
        self.rect = Rect::new(x, y, x + self.rect.width() as i32, y + self.rect.height() as i32);
        self
    }

    /// Lays it over a canvas; `strength` 0 to 1 fades it.
    pub(crate) fn lay(&self, canvas: &mut super::Canvas, strength: f32) {
        let (rect, width) = (self.rect, self.rect.width());
        canvas.map(rect, |x, y, pixel| {
            let at = (y as i32 - rect.y0) as usize * width + (x as i32 - rect.x0) as usize;
            let [r, g, b, alpha] = self.pixels[at];
            let share = f32::from(alpha) / 255.0 * strength;
            for (under, over) in pixel.iter_mut().zip([r, g, b]) {
                *under = (f32::from(*under) + (f32::from(over) - f32::from(*under)) * share + 0.5) as u8;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_written_and_broken_into_lines() {
        let text = "The bridge opens 大桥今天开放，全长三公里。";
        let fonts = Fonts::for_text(text).unwrap();
        let lines = fonts.wrap(text, 20.0, 150.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| fonts.width(line, 20.0) <= 160.0), "{lines:?}");
        assert!(lines.iter().all(|line| !line.starts_with(['，', '。', ' '])), "{lines:?}");
        let style = TextStyle { px: 20.0, colour: [255; 3], centred: true };
        let sprite = fonts.draw(&lines, &style);
        assert!(sprite.pixels.iter().filter(|p| p[3] > 200 && p[0] > 200).count() > 500);
    }

    #[test]
    fn digits_and_latin_words_among_ideographs_are_of_their_font() {
        let text = "2026 年 11 月，GDP 增长 4.5%";
        let fonts = Fonts::for_text(text).unwrap();
        let letters = text.chars().filter(|c| !c.is_whitespace());
        assert!(letters.clone().all(|c| fonts.find(c).unwrap().0 == fonts.find('年').unwrap().0));
        let latin = Fonts::for_text("GDP grew by 4.5% in 2026").unwrap();
        assert_eq!(latin.find('4').unwrap().0, 0, "Latin text keeps the first font");
    }
}
