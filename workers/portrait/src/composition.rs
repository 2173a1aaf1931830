//! The composition of a news clip: the shape of the canvas, the photo on it, the background.

use image::{RgbImage, imageops::FilterType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    draw::{Canvas, Rect},
    scene::{DetectedFace, MAX_ENLARGED, Placement, Scene},
};

/// The shape of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Aspect {
    /// Television.
    #[default]
    #[serde(rename = "16:9")]
    Wide,
    /// A telephone held upright.
    #[serde(rename = "9:16")]
    Tall,
    #[serde(rename = "1:1")]
    Square,
}

/// The background of a photo that does not fill the clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Background {
    /// The photo itself, blurred and darkened.
    #[default]
    Blur,
    /// A picture of its own: the third input. The photo then stands whole before it.
    Image,
    /// Plain dark blue.
    Plain,
}

/// How a clip is composed: its shape, its size and what is behind the photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Composition {
    pub aspect: Aspect,
    /// The shorter side.
    pub short_px: u32,
    pub background: Background,
}

impl Composition {
    pub(crate) fn size(&self) -> (u32, u32) {
        let short = self.short_px & !1;
        let long = (self.short_px * 16 / 9 + 1) & !1;
        match self.aspect {
            Aspect::Wide => (long, short),
            Aspect::Tall => (short, long),
            Aspect::Square => (short, short),
        }
    }

    /// Puts the photo on the canvas: it fills it where the face stays well inside, else it stands whole before the
    /// background.
    pub(crate) fn compose(&self, photo: &RgbImage, face: &DetectedFace, behind: Option<&RgbImage>) -> (Canvas, Scene) {
        let (width, height) = self.size();
        let (photo_width, photo_height) = (f64::from(photo.width()), f64::from(photo.height()));
        let (across, down) = (f64::from(width) / photo_width, f64::from(height) / photo_height);
        let cover = across.max(down);
        let bounds = Bounds::of(face);
        // A background of the user's own must stay visible.
        let fills = behind.is_none()
            && cover <= MAX_ENLARGED
            && bounds.height * cover < 0.75 * f64::from(height)
            && bounds.width * cover < 0.85 * f64::from(width);
        let scale = if fills { cover } else { across.min(down).min(MAX_ENLARGED) };
        let (wide, high) = ((photo_width * scale).round() as u32, (photo_height * scale).round() as u32);
        // The exact scale after rounding to whole pixels.
        let scale_x = f64::from(wide) / photo_width;
        let scaled = image::imageops::resize(photo, wide.max(2), high.max(2), FilterType::Lanczos3);
        let shift =
            [place(width, wide, bounds.centre[0] * scale, 0.5), place(height, high, bounds.centre[1] * scale, 0.46)];
        let mut image = match (self.background, behind) {
            _ if fills => RgbImage::new(width, height),
            (Background::Image, Some(picture)) => filled(picture, width, height),
            (Background::Plain, _) => RgbImage::from_pixel(width, height, image::Rgb([18, 32, 58])),
            _ => blurred(photo, width, height),
        };
        image::imageops::replace(&mut image, &scaled, shift[0], shift[1]);
        let canvas = Canvas::from_rgb(&image);
        let (x, y) = (shift[0] as i32, shift[1] as i32);
        let placed = Rect::new(x, y, x + wide as i32, y + high as i32).cut(canvas.rect());
        let placement = Placement { scale: scale_x, shift: [shift[0] as f64, shift[1] as f64] };
        let mut scene = Scene::new((width, height), placed, face, placement);
        if behind.is_some() && placed.covers(canvas.rect()) {
            let what =
                "the background is not seen: the photo has the shape of the clip and fills it; choose another --aspect";
            scene.quality.warnings.push(what.into());
        }
        (canvas, scene)
    }
}

/// The face's box in the photo.
struct Bounds {
    centre: [f64; 2],
    width: f64,
    height: f64,
}

impl Bounds {
    fn of(face: &DetectedFace) -> Self {
        let bound = |k: usize, start: f64, f: fn(f64, f64) -> f64| face.mesh.iter().map(|p| p[k]).fold(start, f);
        let [x0, y0] = [0, 1].map(|k| bound(k, f64::MAX, f64::min));
        let [x1, y1] = [0, 1].map(|k| bound(k, f64::MIN, f64::max));
        Self { centre: [(x0 + x1) / 2.0, (y0 + y1) / 2.0], width: x1 - x0, height: y1 - y0 }
    }
}

/// The offset of something of `length` along a side of `room`: centred when it fits, else with its `point` at `share` of the
/// room and no gap at either end.
fn place(room: u32, length: u32, point: f64, share: f64) -> i64 {
    if length <= room {
        return i64::from((room - length) / 2);
    }
    let wanted = (f64::from(room) * share - point).round() as i64;
    wanted.clamp(i64::from(room) - i64::from(length), 0)
}

/// A picture cut and scaled to fill.
fn filled(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let scale = (f64::from(width) / f64::from(picture.width())).max(f64::from(height) / f64::from(picture.height()));
    let (cut_width, cut_height) = (
        ((f64::from(width) / scale).round() as u32).clamp(1, picture.width()),
        ((f64::from(height) / scale).round() as u32).clamp(1, picture.height()),
    );
    let (x, y) = ((picture.width() - cut_width) / 2, (picture.height() - cut_height) / 2);
    let cut = image::imageops::crop_imm(picture, x, y, cut_width, cut_height).to_image();
    image::imageops::resize(&cut, width, height, FilterType::Triangle)
}

/// The photo as a backdrop: blurred at an eighth of the size, darkened.
fn blurred(photo: &RgbImage, width: u32, height: u32) -> RgbImage {
    const SMALLER: u32 = 8;
    let small = filled(photo, (width / SMALLER).max(8), (height / SMALLER).max(8));
    let soft = image::imageops::blur(&small, 5.0);
    let mut large = image::imageops::resize(&soft, width, height, FilterType::Triangle);
    large.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|v| (u16::from(v) * 11 / 20) as u8));
    large
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(x: f64, y: f64, size: f64) -> DetectedFace {
        let mesh =
            (0..468).map(|i| [x + size * f64::from(i % 22 - 11) / 22.0, y + size * f64::from(i / 22 - 10) / 21.0, 0.0]);
        DetectedFace { mesh: mesh.collect(), faces: 1, yaw_deg: 0.0, pitch_deg: 0.0, score: 1.0 }
    }

    #[test]
    fn the_photo_fills_what_it_can_and_the_face_lands_where_its_pixels_are() {
        let mut photo = RgbImage::from_pixel(400, 600, image::Rgb([200, 200, 200]));
        photo.put_pixel(150, 220, image::Rgb([255, 0, 0]));
        let found = found(150.0, 220.0, 90.0);
        for (aspect, fills) in [(Aspect::Tall, true), (Aspect::Square, true), (Aspect::Wide, true)] {
            let composition = Composition { aspect, short_px: 360, background: Background::Blur };
            let (canvas, scene) = composition.compose(&photo, &found, None);
            assert_eq!((canvas.width as u32, canvas.height as u32), composition.size());
            assert_eq!(scene.photo == canvas.rect(), fills, "{aspect:?}");
            let middle = [0, 1].map(|k| scene.mesh.iter().map(|p| p[k]).sum::<f64>() / 468.0);
            let reddest = (0..canvas.pixels.len())
                .max_by_key(|&i| i32::from(canvas.pixels[i][0]) - i32::from(canvas.pixels[i][1]))
                .unwrap();
            let (x, y) = ((reddest % canvas.width) as f64, (reddest / canvas.width) as f64);
            assert!((x - middle[0]).abs() < 4.0 && (y - middle[1]).abs() < 4.0, "{aspect:?}: {x} {y} and {middle:?}");
        }
    }

    #[test]
    fn a_background_that_is_given_is_seen_or_its_absence_is_reported() {
        let behind = RgbImage::from_pixel(64, 36, image::Rgb([0, 200, 0]));
        let composition = Composition { aspect: Aspect::Wide, short_px: 360, background: Background::Image };
        let upright = RgbImage::from_pixel(400, 600, image::Rgb([200, 200, 200]));
        let (canvas, scene) = composition.compose(&upright, &found(150.0, 220.0, 90.0), Some(&behind));
        assert_eq!(canvas.pixels[0][..3], [0, 200, 0]);
        assert!(scene.quality.warnings.is_empty());
        let of_its_shape = RgbImage::from_pixel(640, 360, image::Rgb([200, 200, 200]));
        let (_, scene) = composition.compose(&of_its_shape, &found(320.0, 180.0, 90.0), Some(&behind));
        assert!(scene.quality.warnings[0].contains("background"), "{:?}", scene.quality);
    }

    #[test]
    fn a_small_photo_stands_before_its_background() {
        let photo = RgbImage::from_pixel(200, 300, image::Rgb([250, 10, 10]));
        let composition = Composition { aspect: Aspect::Wide, short_px: 720, background: Background::Plain };
        let (canvas, scene) = composition.compose(&photo, &found(100.0, 120.0, 80.0), None);
        assert_eq!(scene.photo.height(), 720);
        assert_eq!(canvas.pixels[0][..3], [18, 32, 58]);
        assert!(scene.enlarged <= 2.5);
    }
}
