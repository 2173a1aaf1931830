//! Overlays on the picture: a label, a logo, the lower third, burnt-in subtitles.

use serde::{Deserialize, Serialize};

use crate::{
    PortraitError,
    draw::{Canvas, Fonts, Rect, Sprite, TextStyle},
    subtitles::Cue,
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
            let fonts = Fonts::for_text(&cue.text)?;
            let style = TextStyle { px: 5.0 * unit, colour: [255; 3], centred: true };
            let lines = fonts.wrap(&cue.text, style.px, width * 0.88);
            let sprite = fonts.draw(&lines, &style);
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
