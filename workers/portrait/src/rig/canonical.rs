use std::path::Path;

use crate::PortraitError;

/// Points of the face mesh.
pub(crate) const POINTS: usize = 468;

/// The canonical face of MediaPipe: what the mesh of any face is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Canonical {
    /// Centimetres: x to the picture's right, y up, z to the camera.
    pub(crate) points: Vec<[f64; 3]>,
    /// 898 triangles, eyes and mouth filled.
    pub(crate) triangles: Vec<[usize; 3]>,
}

impl Canonical {
    /// Reads `geometry_pipeline_metadata_landmarks.binarypb`: a protobuf whose field 1 is the mesh, in it field 3 the
    /// floats `x y z u v` of each vertex and field 4 the indices (mediapipe/modules/face_geometry/protos).
    ///
    /// # Errors
    /// When the file cannot be read or is not that message.
    pub(crate) fn open(path: &Path) -> Result<Self, PortraitError> {
        let bytes = std::fs::read(path).map_err(|error| PortraitError::Geometry(error.to_string()))?;
        Self::parse(&bytes).ok_or_else(|| PortraitError::Geometry("it is not a face geometry message".into()))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut outer = Wire(bytes);
        if outer.varint()? != (1 << 3 | 2) {
            return None;
        }
        let length = usize::try_from(outer.varint()?).ok()?;
        let mut mesh = Wire(outer.take(length)?);
        let (mut floats, mut indices) = (Vec::new(), Vec::new());
        while !mesh.0.is_empty() {
            let key = mesh.varint()?;
            match (key >> 3, key & 7) {
                (_, 5) => floats.push(f64::from(f32::from_le_bytes(mesh.take(4)?.try_into().ok()?))),
                (4, 0) => indices.push(usize::try_from(mesh.varint()?).ok()?),
                (_, 0) => drop(mesh.varint()?),
                _ => return None,
            }
        }
        let points: Vec<[f64; 3]> = floats.chunks_exact(5).map(|v| [v[0], v[1], v[2]]).collect();
        let triangles: Vec<[usize; 3]> = indices.chunks_exact(3).map(|t| [t[0], t[1], t[2]]).collect();
        let whole = points.len() == POINTS && triangles.iter().flatten().all(|&i| i < POINTS);
        whole.then_some(Self { points, triangles })
    }
}

/// A protobuf message being read; none where it ends early.
struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_geometry_is_refused() {
        for bytes in [&b""[..], b"\x0a", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0a\x05\x1d\0\0"] {
            assert!(Canonical::parse(bytes).is_none());
        }
    }
}
