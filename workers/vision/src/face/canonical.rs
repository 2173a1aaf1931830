use std::{fs, path::Path};

use medley_models::Models;

use crate::{VisionError, face::Mesh};

const MODEL: &str = "face-mesh";
const FILE: &str = "geometry_pipeline_metadata_landmarks.binarypb";

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

    /// Reads the file of the face geometry pipeline (a protocol buffer, `GeometryPipelineMetadata`).
    ///
    /// # Errors
    /// When the file cannot be read or is not what it should be.
    pub fn read(path: &Path) -> Result<Self, VisionError> {
        let bytes = fs::read(path).map_err(|_| VisionError::Canonical("it cannot be read"))?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, VisionError> {
        let (mut floats, mut indices) = (Vec::new(), Vec::new());
        for field in fields(bytes) {
            let (1, Value::Bytes(mesh)) = field? else { continue };
            for field in fields(mesh) {
                match field? {
                    (3, value) => value.floats(&mut floats)?,
                    (4, value) => value.varints(&mut indices)?,
                    _ => {}
                }
            }
        }
        if floats.len() != Mesh::POINTS * 5 || indices.len() % 3 != 0 || indices.is_empty() {
            return Err(VisionError::Canonical("it does not hold 468 vertices of five values and triangles"));
        }
        if indices.iter().any(|i| *i >= Mesh::POINTS as u64) {
            return Err(VisionError::Canonical("a triangle names a vertex that is not there"));
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

/// A value of the wire format.
enum Value<'a> {
    Varint(u64),
    Fixed([u8; 4]),
    Bytes(&'a [u8]),
    Other,
}

impl Value<'_> {
    fn floats(&self, into: &mut Vec<f32>) -> Result<(), VisionError> {
        match self {
            Self::Fixed(bytes) => into.push(f32::from_le_bytes(*bytes)),
            Self::Bytes(packed) => {
                into.extend(packed.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
            }
            _ => return Err(VisionError::Canonical("vertices of an unknown type")),
        }
        Ok(())
    }

    fn varints(&self, into: &mut Vec<u64>) -> Result<(), VisionError> {
        match self {
            Self::Varint(value) => into.push(*value),
            &Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    into.push(varint(&mut packed)?);
                }
            }
            _ => return Err(VisionError::Canonical("indices of an unknown type")),
        }
        Ok(())
    }
}

/// The fields of a message, with their numbers.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), VisionError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let field = field(&mut bytes);
        if field.is_err() {
            bytes = &[];
        }
        Some(field)
    })
}

fn field<'a>(bytes: &mut &'a [u8]) -> Result<(u64, Value<'a>), VisionError> {
    let tag = varint(bytes)?;
    let value = match tag & 7 {
        0 => Value::Varint(varint(bytes)?),
        1 => take(bytes, 8).map(|_| Value::Other)?,
        2 => {
            let length = varint(bytes)?;
            Value::Bytes(take(bytes, usize::try_from(length).unwrap_or(usize::MAX))?)
        }
        5 => {
            let b = take(bytes, 4)?;
            Value::Fixed([b[0], b[1], b[2], b[3]])
        }
        _ => return Err(VisionError::Canonical("an unknown wire type")),
    };
    Ok((tag >> 3, value))
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], VisionError> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(VisionError::Canonical("it ends too early"))?;
    *bytes = rest;
    Ok(taken)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, VisionError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(VisionError::Canonical("a number too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_an_error() {
        for bytes in [&[0x0a][..], &[0x0a, 0x05, 1], &[0x0b], &[0xff; 12], &[]] {
            assert!(matches!(CanonicalFace::parse(bytes), Err(VisionError::Canonical(_))), "{bytes:?}");
        }
    }
}
