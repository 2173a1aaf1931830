use std::collections::BTreeMap;

/// The graph Laplacian of a mesh, weights 1 / edge length: what "smooth over the face" means here.
#[derive(Debug, Clone)]
pub(crate) struct Laplacian {
    /// For each point its neighbours and the weights to them.
    neighbours: Vec<Vec<(usize, f64)>>,
    diagonal: Vec<f64>,
}

impl Laplacian {
    /// `length(a, b)` is how long the edge is; anything shorter than 1 counts as 1.
    pub(crate) fn new(points: usize, triangles: &[[usize; 3]], length: impl Fn(usize, usize) -> f64) -> Self {
        let mut edges = BTreeMap::new();
        for &[a, b, c] in triangles {
            for (a, b) in [(a, b), (b, c), (c, a)] {
                edges.insert((a.min(b), a.max(b)), 1.0 / length(a, b).max(1.0));
            }
        }
        let mut neighbours = vec![Vec::new(); points];
        let mut diagonal = vec![0.0; points];
        for ((a, b), weight) in edges {
            neighbours[a].push((b, weight));
            neighbours[b].push((a, weight));
            diagonal[a] += weight;
            diagonal[b] += weight;
        }
        Self { neighbours, diagonal }
    }

    /// The harmonic field that takes the given values at the seeds: the smoothest one, free of new extremes.
    pub(crate) fn harmonic(&self, seeds: &BTreeMap<usize, f64>) -> Vec<f64> {
        let points = self.diagonal.len();
        let mut field = vec![0.0; points];
        let mut free = vec![true; points];
        for (&point, &value) in seeds {
            field[point] = value;
            free[point] = false;
        }
        let right = (0..points)
            .map(|i| {
                let fixed = self.neighbours[i].iter().filter(|(j, _)| !free[*j]);
                if free[i] { fixed.map(|(j, weight)| weight * field[*j]).sum() } else { 0.0 }
            })
            .collect::<Vec<f64>>();
        let solved = self.conjugate_gradient(&free, 0.0, 1.0, &right);
        (0..points).filter(|&i| free[i]).for_each(|i| field[i] = solved[i]);
        field
    }

    /// `(I + strength L)^-1 values`: the values with what is steep from neighbour to neighbour taken out.
    pub(crate) fn smoothed(&self, values: &[f64], strength: f64) -> Vec<f64> {
        self.conjugate_gradient(&vec![true; values.len()], 1.0, strength, values)
    }

    /// Solves `(shift I + scale L) x = right` over the free points, the others being zero (preconditioned with the
    /// diagonal). The matrix has some seven entries a row, so this beats a dense factorisation by two orders.
    fn conjugate_gradient(&self, free: &[bool], shift: f64, scale: f64, right: &[f64]) -> Vec<f64> {
        const MAX_ROUNDS: usize = 3000;
        const TOLERANCE: f64 = 1e-10;
        let points = right.len();
        let apply = |x: &[f64], out: &mut [f64]| {
            for i in (0..points).filter(|&i| free[i]) {
                let sum: f64 = self.neighbours[i].iter().map(|&(j, weight)| weight * x[j]).sum();
                out[i] = shift * x[i] + scale * (self.diagonal[i] * x[i] - sum);
            }
        };
        // A point without neighbours and without a shift has no equation: it stays zero.
        let inverse: Vec<f64> = (0..points)
            .map(|i| {
                let diagonal = shift + scale * self.diagonal[i];
                if free[i] && diagonal > 0.0 { 1.0 / diagonal } else { 0.0 }
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut x = vec![0.0; points];
        let mut residual: Vec<f64> = (0..points).map(|i| if inverse[i] > 0.0 { right[i] } else { 0.0 }).collect();
        let mut z: Vec<f64> = residual.iter().zip(&inverse).map(|(r, m)| r * m).collect();
        let mut direction = z.clone();
        let mut applied = vec![0.0; points];
        let mut energy = dot(&residual, &z);
        let enough = energy * TOLERANCE * TOLERANCE;
        for _ in 0..MAX_ROUNDS {
            if energy <= enough || energy == 0.0 {
                break;
            }
            apply(&direction, &mut applied);
            let step = energy / dot(&direction, &applied);
            for i in 0..points {
                x[i] += step * direction[i];
                residual[i] -= step * applied[i];
                z[i] = residual[i] * inverse[i];
            }
            let next = dot(&residual, &z);
            let turn = next / energy;
            energy = next;
            direction.iter_mut().zip(&z).for_each(|(d, z)| *d = z + turn * *d);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A strip of unit squares, two triangles each.
    fn strip(squares: usize) -> (Laplacian, usize) {
        let triangles: Vec<_> =
            (0..squares).flat_map(|i| [[2 * i, 2 * i + 1, 2 * i + 2], [2 * i + 1, 2 * i + 3, 2 * i + 2]]).collect();
        let points = 2 * squares + 2;
        (Laplacian::new(points, &triangles, |_, _| 1.0), points)
    }

    #[test]
    fn a_harmonic_field_keeps_its_seeds_and_has_no_extremes_elsewhere() {
        let (laplacian, points) = strip(20);
        let seeds = BTreeMap::from([(0, 0.0), (1, 0.0), (points - 2, 1.0), (points - 1, 1.0)]);
        let field = laplacian.harmonic(&seeds);
        assert_eq!((field[0], field[points - 1]), (0.0, 1.0));
        assert!(field.windows(3).all(|w| w[2] >= w[0] - 1e-9), "not monotonic along the strip: {field:?}");
        assert!((field[points / 2] - 0.5).abs() < 0.05);
    }

    #[test]
    fn smoothing_keeps_the_mean_and_flattens() {
        let (laplacian, points) = strip(10);
        let values: Vec<f64> = (0..points).map(|i| f64::from(u8::from(i == 5))).collect();
        let smooth = laplacian.smoothed(&values, 10.0);
        assert!((smooth.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        assert!(smooth.iter().all(|&v| v < 0.5));
    }
}
