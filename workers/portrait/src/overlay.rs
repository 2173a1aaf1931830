//! Overlays on the picture: a label, a logo, the lower third, burnt-in subtitles.

use medley_text::subtitle::{Cue, Limits};
use serde::{Deserialize, Serialize};

use crate::{
    PortraitError,
    draw::{Canvas, Fonts, Rect, Sprite, TextStyle},
};

/// What is written over the picture, as `scene.json` keeps it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Overlays {
    /// For as long as the clip lasts, at the top left.
    pub(crate) label: Option<String>,
    /// Name and line below it.
    pub(crate) lower_third: Option<(String, String)>,
    /// The title of the file.
    pub(crate) title: Option<String>,
    pub(crate) cues: Vec<Cue>,
    /// Whether the cues are in the picture.
    pub(crate) burnt: bool,
    /// Where the logo stands, in case there is one.
    pub(crate) logo: Option<Rect>,
}

/// An overlay that is visible from one time to another.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    pub(crate) sprites: Vec<Sprite>,
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    /// How long it takes to fade in and out.
    pub(crate) fade_s: f64,
}

impl Timed {
    /// Its opacity at a time, 0 to 1.
    fn strength(&self, time_s: f64) -> f32 {
        if time_s < self.from_s || time_s >= self.to_s {
            return 0.0;
        }
        if self.fade_s == 0.0 {
            return 1.0;
        }
        (((time_s - self.from_s).min(self.to_s - time_s)) / self.fade_s).clamp(0.0, 1.0) as f32
    }

    /// Draws it over the canvas and adds the changed rectangles to `dirty`.
    pub(crate) fn lay(&self, canvas: &mut Canvas, time_s: f64, dirty: &mut Vec<Rect>) {
        let strength = self.strength(time_s);
        if strength > 0.0 {
            for sprite in &self.sprites {
                sprite.lay(canvas, strength);
                dirty.push(sprite.rect.cut(canvas.rect()));
            }
        }
    }
}

/// The height of burnt-in subtitles in hundredths of the frame's shorter side.
const SUBTITLE_SIZE: f32 = 5.0;
/// The share of the frame's width that they may take.
const SUBTITLE_ROOM: f32 = 0.88;
/// The mean width of a bold letter or space, as a share of its height.
const LETTER_WIDTH: f32 = 0.62;
/// Lines that are too wide are drawn smaller, but not below this share of the usual height.
const MIN_SUBTITLE_SCALE: f32 = 0.7;

/// How much a subtitle of a clip may hold: what the guides say, and in the picture only as much as its width has room
/// for. A square or upright frame takes 28 letters in a line.
pub(crate) fn subtitle_limits(burnt: bool, width: u32, height: u32) -> Limits {
    if !burnt {
        return Limits::default();
    }
    let ems = width as f32 * SUBTITLE_ROOM / (SUBTITLE_SIZE * width.min(height) as f32 / 100.0);
    Limits::default().chars(((ems / LETTER_WIDTH) as u16).min(42), (ems as u16).min(16))
}

/// A cue's own lines.
fn subtitle(cue: &Cue, px: f32, room_px: f32) -> Result<Sprite, PortraitError> {
    let fonts = Fonts::for_text(&cue.lines.concat())?;
    let widest = cue.lines.iter().map(|line| fonts.width(line, px)).fold(1.0, f32::max);
    let scale = (room_px / widest).min(1.0);
    let style = TextStyle { px: px * scale.max(MIN_SUBTITLE_SCALE), colour: [255; 3], centred: true };
    if scale >= MIN_SUBTITLE_SCALE {
        return Ok(fonts.draw(&cue.lines, &style));
    }
    // A scene of an earlier version has long cues in one line.
    let lines: Vec<String> = cue.lines.iter().flat_map(|line| fonts.wrap(line, style.px, room_px)).collect();
    Ok(fonts.draw(&lines, &style))
}

/// The lower third stays this long.
const LOWER_THIRD_S: (f64, f64) = (0.6, 6.0);

impl Overlays {
    /// Draws the overlays that are visible between two times of the clip.
    pub(crate) fn drawn(
        &self,
        canvas: &Canvas,
        logo: Option<Sprite>,
        from_s: f64,
        to_s: f64,
    ) -> Result<Vec<Timed>, PortraitError> {
        let (width, height) = (canvas.width as f32, canvas.height as f32);
        let unit = width.min(height) / 100.0;
        let mut timed = Vec::new();
        let always = |sprites| Timed { sprites, from_s: 0.0, to_s: f64::INFINITY, fade_s: 0.0 };
        if let Some(logo) = logo {
            timed.push(always(vec![logo]));
        }
        if let Some(label) = &self.label {
            let fonts = Fonts::for_text(label)?;
            let style = TextStyle { px: (3.2 * unit).max(9.0), colour: [255; 3], centred: false };
            let lines = fonts.wrap(label, style.px, width * 0.6);
            let at = (2.5 * unit) as i32;
            timed.push(always(vec![fonts.draw(&lines, &style).at(at, at)]));
        }
        let (start, end) = LOWER_THIRD_S;
        if let Some((name, line)) = self.lower_third.as_ref().filter(|_| from_s < end && to_s > start) {
            let sprites = lower_third(name, line, width, height, unit)?;
            timed.push(Timed { sprites, from_s: start, to_s: end, fade_s: 0.4 });
        }
        for cue in self.cues.iter().filter(|cue| self.burnt && cue.start_s < to_s && cue.end_s > from_s) {
            let sprite = subtitle(cue, SUBTITLE_SIZE * unit, width * SUBTITLE_ROOM)?;
            let x = (width as i32 - sprite.rect.width() as i32) / 2;
            let y = (height - 4.0 * unit) as i32 - sprite.rect.height() as i32;
            let sprites = vec![sprite.at(x, y)];
            timed.push(Timed { sprites, from_s: cue.start_s, to_s: cue.end_s, fade_s: 0.0 });
        }
        Ok(timed)
    }
}

fn lower_third(name: &str, line: &str, width: f32, height: f32, unit: f32) -> Result<Vec<Sprite>, PortraitError> {
    let fonts = Fonts::for_text(&format!("{name}{line}"))?;
    let large = TextStyle { px: 5.2 * unit, colour: [255; 3], centred: false };
    let small = TextStyle { px: 3.4 * unit, colour: [214, 224, 240], centred: false };
    let most = width * 0.7;
    let texts: Vec<Sprite> = [(name, large), (line, small)]
        .into_iter()
        .filter(|(text, _)| !text.trim().is_empty())
        .map(|(text, style)| fonts.draw(&fonts.wrap(text, style.px, most), &style))
        .collect();
    let inner_width = texts.iter().map(|text| text.rect.width()).max().unwrap_or(0) as i32;
    let inner_height: i32 = texts.iter().map(|text| text.rect.height() as i32).sum();
    let pad = (1.6 * unit) as i32;
    let (x, bar) = ((5.0 * unit) as i32, (0.9 * unit).max(2.0) as i32);
    // Above the place of subtitles.
    let y = (height - 20.0 * unit) as i32 - inner_height - 2 * pad;
    let panel = Rect::new(x, y, x + inner_width + 2 * pad + bar, y + inner_height + 2 * pad);
    let mut sprites = vec![
        Sprite::plain(panel, [14, 26, 48, 205]),
        Sprite::plain(Rect::new(panel.x0, panel.y0, panel.x0 + bar, panel.y1), [220, 38, 38, 255]),
    ];
    let mut down = y + pad;
    for text in texts {
        let high = text.rect.height() as i32;
        sprites.push(text.at(x + bar + pad, down));
        down += high;
    }
    Ok(sprites)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burnt_subtitles_keep_their_own_lines_in_every_frame() {
        let long = ["The old bridge beside the river is", "closed for the rest of the month,"].map(str::to_owned);
        for (width, height) in [(1920, 1080), (1080, 1080), (1080, 1920)] {
            let unit = width.min(height) as f32 / 100.0;
            let (px, room_px) = (SUBTITLE_SIZE * unit, width as f32 * SUBTITLE_ROOM);
            let cue = |lines: &[String]| Cue { start_s: 0.0, end_s: 1.0, lines: lines.to_vec(), speaker: None };
            let sprite = subtitle(&cue(&long), px, room_px).unwrap();
            assert!(sprite.rect.width() as f32 <= room_px + px, "{width}×{height}: {:?}", sprite.rect);
            let limits = subtitle_limits(true, width, height);
            let full = ["字".repeat(16), "word ".repeat(5)];
            assert!(full.iter().all(|line| limits.holds(line.trim())), "{width}×{height}");
            let drawn = subtitle(&cue(&full), px, room_px).unwrap();
            assert_eq!(
                drawn.rect.height(),
                (px * 2.5).ceil() as usize + 2 * (px * 0.14).ceil() as usize,
                "two lines of full size"
            );
            // One line as an earlier version left it.
            let old = subtitle(&cue(&[long.concat()]), px, room_px * 0.6).unwrap();
            assert!(old.rect.width() as f32 <= room_px * 0.6 + px);
        }
        assert!(
            !subtitle_limits(true, 1080, 1920).holds(&long[0]) && subtitle_limits(false, 1080, 1920).holds(&long[0])
        );
        assert_eq!(subtitle_limits(true, 1920, 1080), Limits::default());
    }
}
