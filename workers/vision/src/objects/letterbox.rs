use image::{RgbImage, imageops};

use crate::{
    geometry::Rect,
    resample::{Filter, resize},
};

/// A picture scaled to fit a square of `side` px, in its middle, on black.
pub(super) struct Letterbox {
    pub(super) view: RgbImage,
    scale: f32,
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

impl Letterbox {
    pub(super) fn new(image: &RgbImage, side: u32) -> Self {
        let (width, height) = image.dimensions();
        let scale = f64::from(side) / f64::from(width.max(height));
        let size = [width, height].map(|length| ((f64::from(length) * scale).round() as u32).clamp(1, side));
        let [left, top] = size.map(|length| (side - length) / 2);
        let mut view = RgbImage::new(side, side);
        imageops::replace(&mut view, &resize(image, size, Filter::Bilinear), left.into(), top.into());
        Self {
            view,
            scale: scale as f32,
            left: left as f32,
            top: top as f32,
            width: width as f32,
            height: height as f32,
        }
    }

    /// A box of the view, given by its corners, in px of the picture and within it.
    pub(super) fn in_picture(&self, [x0, y0, x1, y1]: [f32; 4]) -> Rect {
        let x = [x0, x1].map(|x| ((x - self.left) / self.scale).clamp(0.0, self.width));
        let y = [y0, y1].map(|y| ((y - self.top) / self.scale).clamp(0.0, self.height));
        Rect { x: x[0], y: y[0], width: (x[1] - x[0]).max(0.0), height: (y[1] - y[0]).max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_come_back_to_the_picture() {
        let image = RgbImage::from_pixel(200, 100, image::Rgb([255; 3]));
        let boxed = Letterbox::new(&image, 50);
        assert_eq!((boxed.view.get_pixel(0, 11)[0], boxed.view.get_pixel(0, 12)[0]), (0, 255));
        let whole = boxed.in_picture([-5.0, 12.0, 50.0, 99.0]);
        assert_eq!((whole.x, whole.y, whole.width, whole.height), (0.0, 0.0, 200.0, 100.0));
    }
}
