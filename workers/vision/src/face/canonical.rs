use std::{fs, path::Path};

use medley_models::Models;

use crate::{VisionError, face::Mesh};

const MODEL: &str = "face-mesh";
const FILE: &str = "canonical-face.bin";

/// MediaPipe's canonical face: the mean face that the mesh's points are numbered after.
#[derive(Debug, Clone, PartialEq)]
pub struct CanonicalFace {
    /// 468 × (x, y, z) in cm: x to the right of the picture, y up, z towards the camera.
    pub vertices: Vec<[f32; 3]>,
    /// 468 × (u, v), 0 to 1.
    pub texture: Vec<[f32; 2]>,
    /// 898 triangles: a full disc, so eyes and mouth are filled.
    pub triangles: Vec<[u16; 3]>,
}

impl CanonicalFace {
    /// # Errors
    /// When the model `face-mesh` is missing or damaged.
    pub fn open(models: &Models) -> Result<Self, VisionError> {
        Self::read(&models.file(MODEL, FILE)?)
    }

    /// Reads the registry's form of it: u32 vertices, u32 triangles, f32 [vertices, 5] as x y z u v, u32 [triangles, 3];
    /// all little-endian.
    ///
    /// # Errors
    /// When the file cannot be read or is not what it should be.
    pub fn read(path: &Path) -> Result<Self, VisionError> {
        let bytes = fs::read(path).map_err(|_| VisionError::Canonical("it cannot be read"))?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, VisionError> {
        let words: Vec<[u8; 4]> = bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]).collect();
        let [vertices, triangles, ref rest @ ..] = words[..] else {
            return Err(VisionError::Canonical("it has no header"));
        };
        let (vertices, triangles) = (u32::from_le_bytes(vertices) as usize, u32::from_le_bytes(triangles) as usize);
        if vertices != Mesh::POINTS
            || triangles.checked_mul(3).and_then(|n| n.checked_add(vertices * 5)) != Some(rest.len())
        {
            return Err(VisionError::Canonical("it does not hold 468 vertices of five values and its triangles"));
        }
        let (floats, indices) = rest.split_at(vertices * 5);
        let floats: Vec<f32> = floats.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let indices: Vec<u32> = indices.iter().map(|b| u32::from_le_bytes(*b)).collect();
        if indices.iter().any(|i| *i as usize >= vertices) || floats.iter().any(|f| !f.is_finite()) {
            return Err(VisionError::Canonical("a triangle or a vertex lies outside it"));
        }
        Ok(Self {
            vertices: floats.chunks_exact(5).map(|v| [v[0], v[1], v[2]]).collect(),
            texture: floats.chunks_exact(5).map(|v| [v[3], v[4]]).collect(),
            triangles: indices.chunks_exact(3).map(|t| [t[0] as u16, t[1] as u16, t[2] as u16]).collect(),
        })
    }

    /// Each edge of the triangles once, the smaller index first.
    pub fn edges(&self) -> Vec<[u16; 2]> {
        let mut edges: Vec<[u16; 2]> = self
            .triangles
            .iter()
            .flat_map(|&[a, b, c]| [[a, b], [b, c], [c, a]].map(|[from, to]| [from.min(to), from.max(to)]))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(triangle: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [468, 1] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.extend(std::iter::repeat_n(1f32.to_le_bytes(), 468 * 5).flatten());
        for word in [0, 1, triangle] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes
    }

    #[test]
    fn reads_what_the_registry_writes() {
        let face = CanonicalFace::parse(&file(2)).unwrap();
        assert_eq!((face.vertices.len(), face.edges()), (468, vec![[0, 1], [0, 2], [1, 2]]));
    }

    #[test]
    fn damage_is_an_error() {
        let whole = file(2);
        for bytes in [&[][..], &whole[..7], &whole[..whole.len() - 4], &file(468)[..]] {
            assert!(matches!(CanonicalFace::parse(bytes), Err(VisionError::Canonical(_))));
        }
    }
}
