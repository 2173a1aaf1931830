use medley_vision::face::{CanonicalFace, Mesh};

/// Points of the face mesh.
pub(crate) const POINTS: usize = Mesh::POINTS;

/// The canonical face: what the mesh of any face is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Canonical {
    /// Centimetres: x to the picture's right, y up, z to the camera.
    pub(crate) points: Vec<[f64; 3]>,
    /// 898 triangles, eyes and mouth filled.
    pub(crate) triangles: Vec<[usize; 3]>,
}

impl From<CanonicalFace> for Canonical {
    fn from(face: CanonicalFace) -> Self {
        Self {
            points: face.vertices.iter().map(|point| point.map(f64::from)).collect(),
            triangles: face.triangles.iter().map(|triangle| triangle.map(usize::from)).collect(),
        }
    }
}
