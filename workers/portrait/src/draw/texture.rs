use super::{Canvas, Rect};

/// A picture to sample from, mirrored a little beyond its edges, so that a face that moves at the picture's edge
/// draws no streaks.
#[derive(Debug, Clone)]
pub(crate) struct Texture {
    stride: usize,
    /// Where pixel (0, 0) of the canvas it was cut from lies in `texels`.
    origin: (i32, i32),
    /// Lowest and highest coordinate at which a whole 4 x 4 window exists.
    low: (f32, f32),
    high: (f32, f32),
    texels: Vec<[f32; 4]>,
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
                texels.push(canvas.pixels[row + column].map(f32::from));
            }
        }
        let (x0, y0) = ((rect.x0 - margin) as f32, (rect.y0 - margin) as f32);
        Self {
            stride: width as usize,
            origin: (rect.x0 - margin, rect.y0 - margin),
            low: (x0 + 1.0, y0 + 1.0),
            high: (x0 + width as f32 - 3.0, y0 + height as f32 - 3.0),
            texels,
        }
    }

    /// The same picture, `by` pixels further right and down.
    pub(crate) fn moved(mut self, by: (i32, i32)) -> Self {
        self.origin = (self.origin.0 + by.0, self.origin.1 + by.1);
        for bound in [&mut self.low, &mut self.high] {
            *bound = (bound.0 + by.0 as f32, bound.1 + by.1 as f32);
        }
        self
    }

    /// The colour at a point between pixels: Catmull-Rom over 4 x 4 of them, exact at the pixels themselves.
    #[inline]
    pub(crate) fn bicubic(&self, u: f32, v: f32) -> [f32; 4] {
        let (u, v) = (u.clamp(self.low.0, self.high.0), v.clamp(self.low.1, self.high.1));
        let (x, y) = (u.floor(), v.floor());
        let (wx, wy) = (catmull_rom(u - x), catmull_rom(v - y));
        let start = (y as i32 - self.origin.1 - 1) as usize * self.stride + (x as i32 - self.origin.0 - 1) as usize;
        let mut sum = [0.0; 4];
        for (row, &weight) in wy.iter().enumerate() {
            let texels: &[[f32; 4]; 4] =
                self.texels[start + row * self.stride..][..4].try_into().expect("a slice of four");
            for c in 0..4 {
                let across = wx[0] * texels[0][c] + wx[1] * texels[1][c] + wx[2] * texels[2][c] + wx[3] * texels[3][c];
                sum[c] += weight * across;
            }
        }
        sum
    }
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

#[inline]
fn catmull_rom(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (-t + 2.0 * t2 - t3),
        0.5 * (2.0 - 5.0 * t2 + 3.0 * t3),
        0.5 * (t + 4.0 * t2 - 3.0 * t3),
        0.5 * (t3 - t2),
    ]
}

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
