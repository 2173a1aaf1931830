use crate::draw::{Canvas, Corner, Rect, Texture, triangle};

/// Triangles of a rig, where their corners are drawn and where they are in the photo.
pub(super) struct Layer<'a> {
    pub(super) triangles: &'a [[usize; 3]],
    pub(super) at: &'a [[f32; 2]],
    pub(super) from: &'a [[f64; 3]],
}

/// Draws a layer onto a canvas.
pub(super) fn draw(canvas: &mut Canvas, layer: &Layer<'_>, texture: &Texture, bounds: Rect) {
    let width = canvas.width;
    layer.each(bounds, |y, x0, x1, uv, step| {
        texture.line(uv, step, &mut canvas.pixels[y as usize * width + x0 as usize..y as usize * width + x1 as usize]);
    });
}

/// Draws a layer finely: `put` gets each pixel and its colour.
#[inline]
pub(super) fn paint(layer: &Layer<'_>, texture: &Texture, bounds: Rect, mut put: impl FnMut(usize, usize, [f32; 4])) {
    layer.each(bounds, |y, x0, x1, [mut u, mut v], [du, dv]| {
        for x in x0..x1 {
            put(x as usize, y as usize, texture.bicubic(u, v));
            u += du;
            v += dv;
        }
    });
}

impl Layer<'_> {
    #[inline]
    fn each(&self, bounds: Rect, mut span: impl FnMut(i32, i32, i32, [f32; 2], [f32; 2])) {
        let corner = |i: usize| Corner { at: self.at[i], from: [self.from[i][0] as f32, self.from[i][1] as f32] };
        for &[a, b, c] in self.triangles {
            triangle([corner(a), corner(b), corner(c)], bounds, &mut span);
        }
    }
}
