use super::warp::{Layer, paint};
use crate::{
    draw::{Canvas, Mask, Rect, Texture, blur, to_bytes},
    rig::{EYES, Eye, Posed, Rig},
};

const FINER: usize = 2;

/// Draws closing lids finer than the canvas: the eyeball stays where it is, the skin of the lids comes over it.
pub(super) fn draw(canvas: &mut Canvas, texture: &Texture, rig: &Rig, posed: &Posed) {
    for eye in &EYES {
        draw_one(canvas, texture, rig, posed, eye);
    }
}

fn draw_one(canvas: &mut Canvas, texture: &Texture, rig: &Rig, posed: &Posed, eye: &Eye) {
    let unit = rig.unit();
    let rim: Vec<[f32; 2]> = eye.rim().map(|i| posed.unblinked[i]).collect();
    let rect = Rect::around(rim.iter().copied(), 5.0 * unit.max(0.7)).cut(canvas.rect());
    if rect.is_empty() {
        return;
    }
    let (width, height) = (rect.width() * FINER, rect.height() * FINER);
    let fine = Rect::new(0, 0, width as i32, height as i32);
    let place = |&[x, y]: &[f32; 2]| {
        let finer = FINER as f32;
        [(x - rect.x0 as f32 + 0.5) * finer - 0.5, (y - rect.y0 as f32 + 0.5) * finer - 0.5]
    };
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        let row = (rect.y0 as usize + y / FINER) * canvas.width + rect.x0 as usize;
        pixels.extend((0..width).map(|x| canvas.pixels[row + x / FINER].map(f32::from)));
    }
    let ball: Vec<[f32; 2]> = posed.unblinked.iter().map(place).collect();
    let skin: Vec<[f32; 2]> = posed.points.iter().map(place).collect();
    for (triangles, at) in [(&rig.triangles.eyes, &ball), (&rig.triangles.skin, &skin)] {
        let layer = Layer { triangles, at, from: &rig.points };
        paint(&layer, texture, fine, |x, y, colour| pixels[y * width + x] = colour);
    }
    blur(&mut pixels, width, height, 0.5 * FINER as f32);
    let mut near = Mask::polygon(rect, &rim);
    near.dilate(unit.round().max(1.0) as usize);
    near.blur(1.2 * unit.max(0.7));
    canvas.map(rect, |x, y, pixel| {
        let share = near.at(x as i32, y as i32).min(1.0);
        let (x, y) = ((x - rect.x0 as usize) * FINER, (y - rect.y0 as usize) * FINER);
        let mut sum = [0.0; 4];
        for row in y..y + FINER {
            for value in &pixels[row * width + x..][..FINER] {
                (0..4).for_each(|k| sum[k] += value[k] / (FINER * FINER) as f32);
            }
        }
        *pixel = to_bytes(std::array::from_fn(|k| f32::from(pixel[k]) * (1.0 - share) + sum[k] * share));
    });
}
