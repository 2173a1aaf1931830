use wide::f32x4;

use super::{Canvas, Rect};

/// A picture to sample from, mirrored a little beyond its edges, so that a face that moves at the picture's edge
/// draws no streaks.
#[derive(Debug, Clone)]
pub(crate) struct Texture {
    stride: usize,
    /// The lowest coordinates at which a whole 4 x 4 window exists, and how far from there the highest are.
    low: (f32, f32),
    span: (f32, f32),
    texels: Vec<f32x4>,
}

impl Texture {
    /// The part `rect` of a canvas, in the canvas' coordinates, with `margin` mirrored pixels around it.
    pub(crate) fn new(canvas: &Canvas, rect: Rect, margin: i32) -> Self {
        let rect = rect.cut(canvas.rect());
        let margin = margin.max(4);
        let (width, height) = (rect.x1 - rect.x0 + 2 * margin, rect.y1 - rect.y0 + 2 * margin);
        let mut texels = Vec::with_capacity((width * height) as usize);
        for y in -margin..rect.y1 - rect.y0 + margin {
            let row = (rect.y0 + mirror(y, rect.y1 - rect.y0)) as usize * canvas.width;
            for x in -margin..rect.x1 - rect.x0 + margin {
                let column = (rect.x0 + mirror(x, rect.x1 - rect.x0)) as usize;
                texels.push(canvas.pixels[row + column].map(f32::from).into());
            }
        }
        Self {
            stride: width as usize,
            low: ((rect.x0 - margin + 1) as f32, (rect.y0 - margin + 1) as f32),
            span: (width as f32 - 4.0, height as f32 - 4.0),
            texels,
        }
    }

    /// The same picture, `by` pixels further right and down.
    pub(crate) fn moved(mut self, by: (i32, i32)) -> Self {
        self.low = (self.low.0 + by.0 as f32, self.low.1 + by.1 as f32);
        self
    }

    /// The colour at a point between pixels: Catmull-Rom over 4 x 4 of them, exact at the pixels themselves.
    #[inline]
    pub(crate) fn bicubic(&self, u: f32, v: f32) -> [f32; 4] {
        let fixed = |at: f32, low: f32, span: f32| ((at - low).clamp(0.0, span) * ONE as f32) as i32;
        self.at(fixed(u, self.low.0, self.span.0), fixed(v, self.low.1, self.span.1)).to_array()
    }

    /// Colours along a line, `step` apart from `(u, v)` on: what a row of a triangle is filled with.
    #[inline]
    pub(crate) fn line(&self, [u, v]: [f32; 2], [du, dv]: [f32; 2], out: &mut [[u8; 4]]) {
        let last = out.len().saturating_sub(1) as f32;
        let within = |at: f32, low: f32, span: f32| (0.0..=span).contains(&(at - low));
        let inside = within(u, self.low.0, self.span.0)
            && within(v, self.low.1, self.span.1)
            && within(u + du * last, self.low.0, self.span.0)
            && within(v + dv * last, self.low.1, self.span.1);
        if !inside {
            for (i, pixel) in out.iter_mut().enumerate() {
                *pixel = super::to_bytes(self.bicubic(u + du * i as f32, v + dv * i as f32));
            }
            return;
        }
        // Rounding of the steps must not leave the window, hence the clamp of the last bit.
        let fixed = |at: f32| (at * ONE as f32) as i32;
        let (mut x, mut y) = (fixed(u - self.low.0), fixed(v - self.low.1));
        let (dx, dy) = (fixed(du), fixed(dv));
        let (max_x, max_y) = (fixed(self.span.0), fixed(self.span.1));
        for pixel in out {
            *pixel = bytes(self.at(x.clamp(0, max_x), y.clamp(0, max_y)));
            x = x.wrapping_add(dx);
            y = y.wrapping_add(dy);
        }
    }

    /// `x`, `y` in 1/65536 pixel from the first whole window on, both within the span.
    #[inline]
    fn at(&self, x: i32, y: i32) -> f32x4 {
        let weights = |at: i32| &CATMULL_ROM[(at as u32 >> (ONE_BITS - PHASE_BITS)) as usize % PHASES];
        let [w0, w1, w2, w3] = weights(x).map(f32x4::splat);
        let start = (y >> ONE_BITS) as usize * self.stride + (x >> ONE_BITS) as usize;
        let row = |n: usize| -> f32x4 {
            let texels: &[f32x4; 4] = self.texels[start + n * self.stride..][..4].try_into().expect("a slice of four");
            w0 * texels[0] + w1 * texels[1] + (w2 * texels[2] + w3 * texels[3])
        };
        let [h0, h1, h2, h3] = weights(y).map(f32x4::splat);
        row(0) * h0 + row(1) * h1 + (row(2) * h2 + row(3) * h3)
    }
}

const ONE_BITS: u32 = 16;
const ONE: i32 = 1 << ONE_BITS;
/// Between two pixels the weights are looked up for this many places.
const PHASE_BITS: u32 = 8;
const PHASES: usize = 1 << PHASE_BITS;

#[inline]
fn bytes(colour: f32x4) -> [u8; 4] {
    let whole = colour.max(f32x4::splat(0.0)).min(f32x4::splat(255.0)).fast_round_int().to_array();
    whole.map(|v| v as u8)
}

/// `..2 1 | 0 1 2 .. n-1 | n-2 ..`
fn mirror(i: i32, n: i32) -> i32 {
    if n < 2 {
        return 0;
    }
    let period = 2 * n - 2;
    let i = i.rem_euclid(period);
    if i < n { i } else { period - i }
}

static CATMULL_ROM: [[f32; 4]; PHASES] = {
    let mut table = [[0.0; 4]; PHASES];
    let mut i = 0;
    while i < PHASES {
        let t = i as f32 / PHASES as f32;
        let (t2, t3) = (t * t, t * t * t);
        table[i] = [
            0.5 * (-t + 2.0 * t2 - t3),
            0.5 * (2.0 - 5.0 * t2 + 3.0 * t3),
            0.5 * (t + 4.0 * t2 - 3.0 * t3),
            0.5 * (t3 - t2),
        ];
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn checkered(width: usize, height: usize) -> Canvas {
        let pixels = (0..width * height).map(|i| [(i * 37 % 256) as u8, (i % 256) as u8, 7, 0]).collect();
        Canvas { width, height, pixels }
    }

    #[test]
    fn sampling_at_a_pixel_gives_the_pixel() {
        let canvas = checkered(9, 7);
        let texture = Texture::new(&canvas, canvas.rect(), 4);
        for y in 0..7 {
            for x in 0..9 {
                assert_eq!(super::super::to_bytes(texture.bicubic(x as f32, y as f32)), canvas.pixels[y * 9 + x]);
            }
        }
    }

    #[test]
    fn far_outside_is_still_a_colour_of_the_picture() {
        let canvas = Canvas { width: 4, height: 4, pixels: vec![[10, 20, 30, 0]; 16] };
        let texture = Texture::new(&canvas, canvas.rect(), 4);
        for (u, v) in [(-1e9, 3.0), (1e9, -1e9), (f32::MAX, 0.0)] {
            assert_eq!(super::super::to_bytes(texture.bicubic(u, v)), [10, 20, 30, 0]);
        }
    }
}
