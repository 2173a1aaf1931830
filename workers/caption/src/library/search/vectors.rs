//! `embeddings.npy`, mapped, and the exact nearest of its vectors.

use std::path::Path;

use memmap2::Mmap;

use super::{SearchError, index::map, top::Top};
use crate::npy;

/// Vectors of length 1 in one file.
#[derive(Debug)]
pub(super) struct Vectors {
    file: Mmap,
    start: usize,
    dim: usize,
    rows: usize,
}

impl Vectors {
    /// None when there is no such file.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, SearchError> {
        let fail = |what: &str, source| SearchError::Damaged { path: path.into(), what: what.into(), source };
        let file = match map(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail("it cannot be read", Some(error))),
        };
        let npy::Layout { start, rows, columns } = npy::Layout::parse(&file).map_err(|what| fail(what, None))?;
        Ok(Some(Self { file, start, dim: columns, rows }))
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn rows(&self) -> u32 {
        u32::try_from(self.rows).unwrap_or(u32::MAX)
    }

    fn bytes(&self, row: u32) -> &[[u8; 4]] {
        let at = self.start + row as usize * self.dim * 4;
        self.file[at..at + self.dim * 4].as_chunks::<4>().0
    }

    pub(super) fn vector(&self, row: u32) -> Vec<f32> {
        self.bytes(row).iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// The rows of the highest cosine, on all cores.
    pub(super) fn nearest(&self, to: &[f32], limit: usize) -> Vec<(u32, f32)> {
        let length = length(to);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let each = self.rows().div_ceil(u32::try_from(threads).unwrap_or(1)).max(1);
        let scan = |from: u32| {
            let mut top = Top::new(limit);
            for row in from..from.saturating_add(each).min(self.rows()) {
                top.add(row, self.dot(row, to) / length);
            }
            top.finish()
        };
        let mut all = Top::new(limit);
        std::thread::scope(|scope| {
            let parts: Vec<_> =
                (0..self.rows()).step_by(each as usize).map(|from| scope.spawn(move || scan(from))).collect();
            for part in parts {
                part.join().expect("a scan only reads").into_iter().for_each(|(row, score)| all.add(row, score));
            }
        });
        all.finish()
    }

    /// The cosine of a row and a vector.
    pub(super) fn cosine(&self, row: u32, to: &[f32]) -> f32 {
        self.dot(row, to) / length(to)
    }

    /// Eight sums, which the compiler computes at the same time.
    fn dot(&self, row: u32, to: &[f32]) -> f32 {
        let (eights, rest) = self.bytes(row).as_chunks::<8>();
        let (to_eights, to_rest) = to.as_chunks::<8>();
        let mut sums = [0.0_f32; 8];
        for (bytes, values) in eights.iter().zip(to_eights) {
            for n in 0..8 {
                sums[n] += f32::from_le_bytes(bytes[n]) * values[n];
            }
        }
        let rest: f32 = rest.iter().zip(to_rest).map(|(bytes, value)| f32::from_le_bytes(*bytes) * value).sum();
        sums.iter().sum::<f32>() + rest
    }
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        // Points on a circle, and eleven values to cross the groups of eight.
        let vector = |n: u32| {
            let angle = n as f32 / 50.0;
            let mut vector = [0.0_f32; 11];
            (vector[0], vector[10]) = (angle.cos(), angle.sin());
            vector
        };
        let bytes: Vec<u8> = (0..100).flat_map(vector).flat_map(f32::to_le_bytes).collect();
        npy::write(&path, 100, 11, &bytes[..]).unwrap();
        let vectors = Vectors::open(&path).unwrap().unwrap();
        let found = vectors.nearest(&vector(42).map(|value| value * 3.0), 3);
        let mut rows: Vec<_> = found.iter().map(|hit| hit.0).collect();
        assert_eq!(rows[0], 42);
        assert!((found[0].1 - 1.0).abs() < 1e-6);
        rows.sort_unstable();
        assert_eq!(rows, [41, 42, 43]);
        assert!(Vectors::open(&folder.path().join("none.npy")).unwrap().is_none());
        std::fs::write(&path, &bytes[..100]).unwrap();
        assert!(Vectors::open(&path).is_err());
    }
}
