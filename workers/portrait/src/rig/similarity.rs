/// `y = scale · rotation · x + shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Similarity {
    pub(crate) scale: f64,
    pub(crate) rotation: [[f64; 3]; 3],
    pub(crate) shift: [f64; 3],
}

impl Similarity {
    /// The similarity that takes `from` to `to` with the least weighted squared error (Umeyama 1991, eq. 40–43).
    pub(crate) fn fit(from: &[[f64; 3]], to: &[[f64; 3]], weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mean = |points: &[[f64; 3]]| {
            let mut mean = [0.0; 3];
            for (point, weight) in points.iter().zip(weights) {
                (0..3).for_each(|k| mean[k] += weight / total * point[k]);
            }
            mean
        };
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut covariance, mut variance) = ([[0.0; 3]; 3], 0.0);
        for ((a, b), weight) in from.iter().zip(to).zip(weights) {
            for i in 0..3 {
                variance += weight / total * (a[i] - from_mean[i]).powi(2);
                for j in 0..3 {
                    covariance[i][j] += weight / total * (b[i] - to_mean[i]) * (a[j] - from_mean[j]);
                }
            }
        }
        let (u, singular, v) = svd(covariance);
        let sign = if determinant(u) * determinant(v) < 0.0 { -1.0 } else { 1.0 };
        let signs = [1.0, 1.0, sign];
        let mut rotation = [[0.0; 3]; 3];
        for i in 0..3 {
            for j in 0..3 {
                rotation[i][j] = (0..3).map(|k| u[i][k] * signs[k] * v[j][k]).sum();
            }
        }
        let scale = (0..3).map(|k| singular[k] * signs[k]).sum::<f64>() / variance;
        let turned = multiply(rotation, from_mean);
        let shift = std::array::from_fn(|k| to_mean[k] - scale * turned[k]);
        Self { scale, rotation, shift }
    }

    pub(crate) fn point(&self, x: [f64; 3]) -> [f64; 3] {
        let y = self.direction(x);
        std::array::from_fn(|k| y[k] + self.shift[k])
    }

    /// Without the shift.
    pub(crate) fn direction(&self, x: [f64; 3]) -> [f64; 3] {
        multiply(self.rotation, x).map(|v| v * self.scale)
    }

    pub(crate) fn inverse(&self, y: [f64; 3]) -> [f64; 3] {
        let d: [f64; 3] = std::array::from_fn(|k| (y[k] - self.shift[k]) / self.scale);
        std::array::from_fn(|j| (0..3).map(|i| self.rotation[i][j] * d[i]).sum())
    }

    /// How far the head is turned to the side and up or down, in degrees.
    pub(crate) fn yaw_pitch_deg(&self) -> (f64, f64) {
        let forward = [self.rotation[0][2], self.rotation[1][2], self.rotation[2][2]];
        let yaw = forward[0].atan2(forward[2]).to_degrees();
        (yaw, forward[1].clamp(-1.0, 1.0).asin().to_degrees())
    }
}

pub(crate) fn multiply(m: [[f64; 3]; 3], x: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * x[0] + row[1] * x[1] + row[2] * x[2])
}

pub(crate) fn product(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

fn determinant(m: [[f64; 3]; 3]) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

/// Singular value decomposition by one-sided Jacobi rotations: `m = u · diag(s) · vᵀ`, `s` falling.
fn svd(m: [[f64; 3]; 3]) -> ([[f64; 3]; 3], [f64; 3], [[f64; 3]; 3]) {
    const MAX_SWEEPS: usize = 60;
    let column = |m: &[[f64; 3]; 3], j: usize| [m[0][j], m[1][j], m[2][j]];
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let (mut a, mut v) = (m, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    for _ in 0..MAX_SWEEPS {
        let mut off: f64 = 0.0;
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            let (x, y) = (column(&a, p), column(&a, q));
            let (alpha, beta, gamma) = (dot(x, x), dot(y, y), dot(x, y));
            if gamma.abs() <= 1e-15 * (alpha * beta).sqrt() || gamma == 0.0 {
                continue;
            }
            off = off.max(gamma.abs());
            let zeta = (beta - alpha) / (2.0 * gamma);
            let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
            let t = if zeta == 0.0 { 1.0 } else { t };
            let c = 1.0 / (1.0 + t * t).sqrt();
            let s = c * t;
            for row in a.iter_mut().chain(v.iter_mut()) {
                (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
            }
        }
        if off == 0.0 {
            break;
        }
    }
    let mut order = [0, 1, 2];
    let lengths: [f64; 3] = std::array::from_fn(|j| dot(column(&a, j), column(&a, j)).sqrt());
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let mut columns: [[f64; 3]; 3] = order.map(|j| column(&a, j).map(|x| x / lengths[j].max(1e-300)));
    if lengths[order[2]] < 1e-12 * lengths[order[0]] {
        // Flat data: the third axis is whatever stands on the other two.
        let (x, y) = (columns[0], columns[1]);
        columns[2] = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
    }
    let u = std::array::from_fn(|i| std::array::from_fn(|j| columns[j][i]));
    let v = std::array::from_fn(|i| order.map(|j| v[i][j]));
    (u, order.map(|j| lengths[j]), v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_similarity_is_found_again() {
        let (sin, cos) = 0.4f64.sin_cos();
        let truth = Similarity {
            scale: 13.0,
            rotation: product(
                [[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]],
                [[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]],
            ),
            shift: [120.0, -340.0, 12.0],
        };
        let from: Vec<[f64; 3]> = (0..40)
            .map(f64::from)
            .map(|i| [(i * 1.7).sin() * 7.0, (i * 0.9).cos() * 8.0, (i * 2.3).sin() * 3.0])
            .collect();
        let to: Vec<_> = from.iter().map(|&p| truth.point(p)).collect();
        let found = Similarity::fit(&from, &to, &vec![1.0; from.len()]);
        assert!((found.scale - truth.scale).abs() < 1e-9);
        for &p in &from {
            let (a, b) = (found.point(p), truth.point(p));
            assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-8));
            assert!((0..3).all(|k| (found.inverse(a)[k] - p[k]).abs() < 1e-8));
        }
    }

    #[test]
    fn a_mirror_image_is_never_fitted_with_a_reflection() {
        let from = [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 1.0]];
        let to = from.map(|p| [-p[0], p[1], p[2]]);
        assert!(determinant(Similarity::fit(&from, &to, &[1.0; 4]).rotation) > 0.99);
    }
}
