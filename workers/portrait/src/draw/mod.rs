//! Drawing on the processor, without a library: a texture, a triangle rasteriser, soft masks. Pixel centres lie at
//! whole coordinates everywhere.

mod mask;
mod raster;
mod text;
mod texture;
mod yuv;

pub(crate) use mask::{Mask, blur};
pub(crate) use raster::{Corner, triangle};
pub(crate) use text::{Fonts, Sprite, TextStyle};
pub(crate) use texture::Texture;
pub(crate) use yuv::Yuv;

/// Pixels `x0..x1`, `y0..y1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Rect {
    pub(crate) x0: i32,
    pub(crate) y0: i32,
    pub(crate) x1: i32,
    pub(crate) y1: i32,
}

impl Rect {
    pub(crate) fn new(x0: i32, y0: i32, x1: i32, y1: i32) -> Self {
        Self { x0, y0, x1: x1.max(x0), y1: y1.max(y0) }
    }

    /// The smallest one that holds all pixels within `margin` of the points.
    pub(crate) fn around(points: impl IntoIterator<Item = [f32; 2]>, margin: f32) -> Self {
        let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
        for point in points {
            (0..2).for_each(|k| (low[k], high[k]) = (low[k].min(point[k]), high[k].max(point[k])));
        }
        if low[0] > high[0] {
            return Self::default();
        }
        let whole = |v: f32| v.clamp(-1e6, 1e6) as i32;
        Self::new(
            whole((low[0] - margin).floor()),
            whole((low[1] - margin).floor()),
            whole((high[0] + margin).ceil()) + 1,
            whole((high[1] + margin).ceil()) + 1,
        )
    }

    pub(crate) fn width(&self) -> usize {
        usize::try_from(self.x1 - self.x0).unwrap_or(0)
    }

    pub(crate) fn height(&self) -> usize {
        usize::try_from(self.y1 - self.y0).unwrap_or(0)
    }

    pub(crate) fn covers(&self, other: Rect) -> bool {
        self.x0 <= other.x0 && self.y0 <= other.y0 && self.x1 >= other.x1 && self.y1 >= other.y1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }

    #[must_use]
    pub(crate) fn cut(&self, by: Self) -> Self {
        Self::new(self.x0.max(by.x0), self.y0.max(by.y0), self.x1.min(by.x1), self.y1.min(by.y1))
    }

    /// The smallest rectangle with even corners around this one: where chroma is halved.
    #[must_use]
    pub(crate) fn even(&self) -> Self {
        Self::new(self.x0 & !1, self.y0 & !1, (self.x1 + 1) & !1, (self.y1 + 1) & !1)
    }
}

/// A picture being drawn: `[r, g, b, unused]` per pixel, rows of `width`.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<[u8; 4]>,
}

impl Canvas {
    pub(crate) fn from_rgb(image: &image::RgbImage) -> Self {
        let pixels = image.pixels().map(|p| [p.0[0], p.0[1], p.0[2], 0]).collect();
        Self { width: image.width() as usize, height: image.height() as usize, pixels }
    }

    pub(crate) fn rect(&self) -> Rect {
        Rect::new(0, 0, self.width as i32, self.height as i32)
    }

    /// Mixes colours into pixels of `rect`, which must lie inside, row by row; `blend` gets x, y and the colour there.
    pub(crate) fn map(&mut self, rect: Rect, mut blend: impl FnMut(usize, usize, &mut [u8; 4])) {
        let rect = rect.cut(self.rect());
        for y in rect.y0 as usize..rect.y1 as usize {
            let row = y * self.width;
            for x in rect.x0 as usize..rect.x1 as usize {
                blend(x, y, &mut self.pixels[row + x]);
            }
        }
    }

    /// Takes over the pixels of `rect` from a canvas of the same size.
    pub(crate) fn restore(&mut self, from: &Self, rect: Rect) {
        let rect = rect.cut(self.rect());
        for y in rect.y0 as usize..rect.y1 as usize {
            let row = y * self.width + rect.x0 as usize..y * self.width + rect.x1 as usize;
            self.pixels[row.clone()].copy_from_slice(&from.pixels[row]);
        }
    }

    #[cfg(test)]
    pub(crate) fn to_rgb(&self) -> image::RgbImage {
        let bytes = self.pixels.iter().flat_map(|p| [p[0], p[1], p[2]]).collect();
        image::RgbImage::from_raw(self.width as u32, self.height as u32, bytes).expect("three bytes a pixel")
    }
}

/// A colour as a byte a channel.
pub(crate) fn to_bytes(colour: [f32; 4]) -> [u8; 4] {
    // Saturating: a cast from float to integer clamps.
    colour.map(|v| (v + 0.5) as u8)
}

/// `0` at `low`, `1` at `high`, clamped.
pub(crate) fn ramp(value: f32, low: f32, high: f32) -> f32 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}
