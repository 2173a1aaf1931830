use crate::draw::{Corner, Rect, Texture, triangle};

/// Triangles of a rig, where their corners are drawn and where they are in the photo.
pub(super) struct Layer<'a> {
    pub(super) triangles: &'a [[usize; 3]],
    pub(super) at: &'a [[f32; 2]],
    pub(super) from: &'a [[f64; 3]],
}

/// Draws a layer: `put` gets each pixel and its colour.
#[inline]
pub(super) fn paint(layer: &Layer<'_>, texture: &Texture, bounds: Rect, mut put: impl FnMut(usize, usize, [f32; 4])) {
    let corner = |i: usize| Corner { at: layer.at[i], from: [layer.from[i][0] as f32, layer.from[i][1] as f32] };
    for &[a, b, c] in layer.triangles {
        triangle([corner(a), corner(b), corner(c)], bounds, |y, x0, x1, [mut u, mut v], [du, dv]| {
            for x in x0..x1 {
                put(x as usize, y as usize, texture.bicubic(u, v));
                u += du;
                v += dv;
            }
        });
    }
}
