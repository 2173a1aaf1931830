use super::{Canvas, Rect};

/// A picture as an encoder takes it: planar Y, U, V, chroma halved both ways (4:2:0), BT.709, limited range.
#[derive(Debug, Clone)]
pub(crate) struct Yuv {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

impl Yuv {
    /// `canvas` must have even sides.
    pub(crate) fn new(canvas: &Canvas) -> Self {
        let (width, height) = (canvas.width, canvas.height);
        let mut yuv = Self { width, height, bytes: vec![0; width * height * 3 / 2] };
        yuv.update(canvas, canvas.rect());
        yuv
    }

    /// The three planes, one after the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Converts the pixels of `rect` anew.
    pub(crate) fn update(&mut self, canvas: &Canvas, rect: Rect) {
        let rect = rect.even().cut(canvas.rect());
        if rect.is_empty() {
            return;
        }
        let (x0, x1) = (rect.x0 as usize, rect.x1 as usize);
        let (luma, chroma) = self.bytes.split_at_mut(self.width * self.height);
        let (blue, red) = chroma.split_at_mut(self.width * self.height / 4);
        for y in (rect.y0 as usize..rect.y1 as usize).step_by(2) {
            let rows = [y, y + 1].map(|y| &canvas.pixels[y * self.width + x0..y * self.width + x1]);
            for (k, row) in rows.iter().enumerate() {
                let line = &mut luma[(y + k) * self.width + x0..(y + k) * self.width + x1];
                line.iter_mut().zip(*row).for_each(|(luma, pixel)| *luma = luma_of(*pixel));
            }
            let half = y / 2 * (self.width / 2) + x0 / 2..y / 2 * (self.width / 2) + x1 / 2;
            let pairs = rows[0].chunks_exact(2).zip(rows[1].chunks_exact(2));
            let planes = blue[half.clone()].iter_mut().zip(&mut red[half]);
            for ((above, below), (blue, red)) in pairs.zip(planes) {
                let sum = |c: usize| {
                    i32::from(above[0][c]) + i32::from(above[1][c]) + i32::from(below[0][c]) + i32::from(below[1][c])
                };
                let [r, g, b] = [sum(0), sum(1), sum(2)];
                *blue = ((-6596 * r - 22189 * g + 28784 * b + (128 << 18) + (1 << 17)) >> 18) as u8;
                *red = ((28784 * r - 26145 * g - 2640 * b + (128 << 18) + (1 << 17)) >> 18) as u8;
            }
        }
    }
}

#[inline]
fn luma_of([r, g, b, _]: [u8; 4]) -> u8 {
    ((11966 * i32::from(r) + 40254 * i32::from(g) + 4064 * i32::from(b) + (16 << 16) + (1 << 15)) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_become_their_bt709_codes() {
        for (rgb, yuv) in [
            ([0, 0, 0, 0], [16, 128, 128]),
            ([255, 255, 255, 0], [235, 128, 128]),
            ([255, 0, 0, 0], [63, 102, 240]),
            ([0, 0, 255, 0], [32, 240, 118]),
        ] {
            let canvas = Canvas { width: 2, height: 2, pixels: vec![rgb; 4] };
            let made = Yuv::new(&canvas);
            assert_eq!([made.bytes[0], made.bytes[4], made.bytes[5]], yuv, "{rgb:?}");
        }
    }

    #[test]
    fn an_update_of_a_part_is_the_same_as_of_the_whole() {
        let mut canvas = Canvas { width: 8, height: 6, pixels: vec![[9, 90, 200, 0]; 48] };
        let mut part = Yuv::new(&canvas);
        canvas.pixels[3 * 8 + 5] = [200, 10, 10, 0];
        part.update(&canvas, Rect::new(5, 3, 6, 4));
        assert_eq!(part.bytes, Yuv::new(&canvas).bytes);
    }
}
