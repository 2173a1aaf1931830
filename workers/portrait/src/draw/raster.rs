use super::Rect;

/// A corner of a triangle: where it is drawn, and where its colour comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corner {
    pub(crate) at: [f32; 2],
    pub(crate) from: [f32; 2],
}

/// Positions are rounded to 1/256 pixel, so that two triangles that share an edge agree about it exactly.
const ONE: i64 = 256;

/// Calls `span(y, x0, x1, uv, step)` for each row of pixels whose centres lie in the triangle: pixels `x0..x1` of row
/// `y`, source coordinates `uv` at `x0`, growing by `step` a pixel. A centre on an edge belongs to the triangle for
/// which the edge is a top or a left one; so triangles that tile the plane draw each pixel once, whichever way round
/// they are wound. Draws nothing outside `bounds` and nothing for triangles without area.
#[inline]
pub(crate) fn triangle(
    mut corners: [Corner; 3],
    bounds: Rect,
    mut span: impl FnMut(i32, i32, i32, [f32; 2], [f32; 2]),
) {
    let fixed = |corner: &Corner| corner.at.map(|v| (f64::from(v.clamp(-1e6, 1e6)) * ONE as f64).round() as i64);
    let mut p = [fixed(&corners[0]), fixed(&corners[1]), fixed(&corners[2])];
    let cross =
        |p: &[[i64; 2]; 3]| (p[1][0] - p[0][0]) * (p[2][1] - p[0][1]) - (p[1][1] - p[0][1]) * (p[2][0] - p[0][0]);
    let mut area = cross(&p);
    if area == 0 {
        return;
    }
    if area < 0 {
        p.swap(1, 2);
        corners.swap(1, 2);
        area = -area;
    }
    let low = p.iter().map(|q| q[1]).min().unwrap_or(0);
    let high = p.iter().map(|q| q[1]).max().unwrap_or(0);
    let y0 = (low + ONE - 1).div_euclid(ONE).max(i64::from(bounds.y0));
    let y1 = (high.div_euclid(ONE) + 1).min(i64::from(bounds.y1));

    // Source coordinates are an affine function of the place: u = u0 + du_dx (x - x0) + du_dy (y - y0).
    let scale = 1.0 / area as f64;
    let edge = |i: usize, k: usize| (p[i][k] - p[0][k]) as f64;
    let gradient = |k: usize| {
        let d1 = f64::from(corners[1].from[k]) - f64::from(corners[0].from[k]);
        let d2 = f64::from(corners[2].from[k]) - f64::from(corners[0].from[k]);
        let dx = (d1 * edge(2, 1) - d2 * edge(1, 1)) * scale * ONE as f64;
        let dy = (d2 * edge(1, 0) - d1 * edge(2, 0)) * scale * ONE as f64;
        (dx, dy)
    };
    let ((du_dx, du_dy), (dv_dx, dv_dy)) = (gradient(0), gradient(1));
    let start = [p[0][0] as f64 / ONE as f64, p[0][1] as f64 / ONE as f64];

    for y in y0..y1 {
        let (mut left, mut right) = (i64::from(bounds.x0), i64::from(bounds.x1) - 1);
        for (a, b) in [(p[0], p[1]), (p[1], p[2]), (p[2], p[0])] {
            // Inside is where (b - a) x (pixel - a) > 0, or = 0 on a top or left edge; in x: dy * X <= c.
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let owns = dy < 0 || (dy == 0 && dx > 0);
            let c = dx * (y * ONE - a[1]) + dy * a[0] - i64::from(!owns);
            match dy {
                0 if c < 0 => right = left - 1,
                0 => {}
                1.. => right = right.min(c.div_euclid(dy * ONE)),
                _ => left = left.max(-c.div_euclid(-dy * ONE)),
            }
        }
        if left <= right {
            let (rx, ry) = (left as f64 - start[0], y as f64 - start[1]);
            let u = f64::from(corners[0].from[0]) + du_dx * rx + du_dy * ry;
            let v = f64::from(corners[0].from[1]) + dv_dx * rx + dv_dy * ry;
            let step = [du_dx as f32, dv_dx as f32];
            span(y as i32, left as i32, right as i32 + 1, [u as f32, v as f32], step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(corners: [Corner; 3], count: &mut [u32], width: usize, height: usize) {
        triangle(corners, Rect::new(0, 0, width as i32, height as i32), |y, x0, x1, _, _| {
            (x0..x1).for_each(|x| count[y as usize * width + x as usize] += 1);
        });
    }

    /// A jittered grid of triangles over the whole picture, wound in both directions.
    fn grid(seed: u32) -> Vec<[Corner; 3]> {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let n = 9;
        let points: Vec<[f32; 2]> = (0..n * n)
            .map(|i| {
                let (x, y) = ((i % n) as f32, (i / n) as f32);
                let inner = (1.0..7.5).contains(&x) && (1.0..7.5).contains(&y);
                let jitter = if inner { [random() - 0.5, random() - 0.5] } else { [0.0; 2] };
                // More would make quadrangles whose diagonal runs outside.
                [(x + 0.45 * jitter[0]) * 6.0 - 2.0, (y + 0.45 * jitter[1]) * 6.0 - 2.0]
            })
            .collect();
        let corner = |i: usize| Corner { at: points[i], from: points[i] };
        let mut triangles = Vec::new();
        for i in (0..n * n).filter(|i| i % n < n - 1 && i / n < n - 1) {
            triangles.push([corner(i), corner(i + 1), corner(i + n)]);
            triangles.push([corner(i + 1), corner(i + n), corner(i + n + 1)]);
        }
        triangles
    }

    #[test]
    fn a_tiling_draws_each_pixel_once() {
        for seed in 0..60 {
            let mut count = vec![0; 40 * 40];
            grid(seed).into_iter().for_each(|corners| paint(corners, &mut count, 40, 40));
            assert!(count.iter().all(|&n| n == 1), "seed {seed}: {:?}", count.iter().max());
        }
    }

    #[test]
    fn edges_on_pixel_centres_are_shared_fairly() {
        let corner = |x: f32, y: f32| Corner { at: [x, y], from: [x, y] };
        let (a, b, c, d) = (corner(0.0, 0.0), corner(10.0, 0.0), corner(10.0, 10.0), corner(0.0, 10.0));
        for quad in [[[a, b, c], [a, c, d]], [[a, b, d], [b, d, c]]] {
            let mut count = vec![0; 12 * 12];
            quad.into_iter().for_each(|corners| paint(corners, &mut count, 12, 12));
            assert_eq!(count.iter().filter(|&&n| n == 1).count(), 100);
            assert!(count.iter().all(|&n| n <= 1));
        }
    }

    #[test]
    fn source_coordinates_follow_the_place() {
        for corners in grid(7) {
            triangle(corners, Rect::new(0, 0, 40, 40), |y, x0, x1, uv, step| {
                for (i, x) in (x0..x1).enumerate() {
                    assert!((uv[0] + i as f32 * step[0] - x as f32).abs() < 0.02, "rounding moved the source");
                    assert!((uv[1] + i as f32 * step[1] - y as f32).abs() < 0.02);
                }
            });
        }
    }

    #[test]
    fn nothing_is_drawn_outside_or_of_nothing() {
        let corner = |x: f32, y: f32| Corner { at: [x, y], from: [0.0, 0.0] };
        let mut count = vec![0; 16];
        paint([corner(1.0, 1.0), corner(2.0, 2.0), corner(3.0, 3.0)], &mut count, 4, 4);
        paint([corner(-9.0, -9.0), corner(-8.0, -9.0), corner(-8.0, 99.0)], &mut count, 4, 4);
        assert_eq!(count.iter().sum::<u32>(), 0);
    }
}
