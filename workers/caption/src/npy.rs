//! NumPy's array files, version 1.0: matrices of little-endian f32 in C order.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// The header of a matrix of `rows` × `columns` values. It is always 128 bytes long, so that it can be written again in
/// place after rows were added.
pub(crate) fn header(rows: usize, columns: usize) -> Vec<u8> {
    const BYTES: usize = 128;
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&((BYTES - 10) as u16).to_le_bytes());
    out.extend_from_slice(dict.as_bytes());
    out.resize(BYTES - 1, b' ');
    out.push(b'\n');
    out
}

/// A whole file with these rows, which all have the same length.
pub(crate) fn matrix(rows: &[Vec<f32>]) -> Vec<u8> {
    let mut out = header(rows.len(), rows.first().map_or(0, Vec::len));
    out.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    out
}

/// Writes a file of `rows` × `columns` values, streamed from `values`, which gives them as little-endian bytes.
///
/// # Errors
/// When `values` has another number of bytes, or the disk fails.
pub(crate) fn write(path: &Path, rows: u64, columns: u32, mut values: impl Read) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let count = usize::try_from(rows).map_err(io::Error::other)?;
    out.write_all(&header(count, columns as usize))?;
    let copied = io::copy(&mut values, &mut out)?;
    if copied != rows * u64::from(columns) * 4 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    out.flush()
}

/// Where a file's values begin, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) start: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Layout {
    /// Reads the header of a whole file.
    ///
    /// # Errors
    /// When the file is no matrix of f32, or does not end where its header says.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, &'static str> {
        let head = file.get(..10).filter(|head| head.starts_with(MAGIC));
        let head = head.ok_or("it is no .npy file of version 1.0")?;
        let start = 10 + usize::from(u16::from_le_bytes([head[8], head[9]]));
        let text = file.get(10..start).map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let shape = text.split_once("'shape': (").and_then(|(_, after)| after.split_once(')'));
        let shape: Vec<usize> = shape
            .map(|(shape, _)| shape.split(',').filter_map(|n| n.trim().parse().ok()).collect())
            .unwrap_or_default();
        let end = |rows: usize, columns: usize| rows.checked_mul(columns)?.checked_mul(4)?.checked_add(start);
        let is_f32_in_c_order = text.contains("'<f4'") && text.contains("'fortran_order': False");
        match shape[..] {
            [rows, columns] if is_f32_in_c_order && columns > 0 && end(rows, columns) == Some(file.len()) => {
                Ok(Self { start, rows, columns })
            }
            _ => Err("it is not of f32 vectors, or was cut off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_numpys() {
        let bytes = matrix(&[vec![1.0, 2.0], vec![3.0, 4.0]]);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
        assert_eq!(&bytes[10..10 + dict.len()], dict.as_bytes());
        assert_eq!((bytes.len(), bytes[127]), (128 + 16, b'\n'));
        assert_eq!(bytes[132..136], 2.0_f32.to_le_bytes());
        assert_eq!(Layout::parse(&bytes), Ok(Layout { start: 128, rows: 2, columns: 2 }));
        assert!(Layout::parse(&bytes[..143]).is_err());
    }

    #[test]
    fn values_that_are_missing_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        assert!(write(&path, 2, 2, &[0_u8; 12][..]).is_err());
        write(&path, 2, 2, &[0_u8; 16][..]).unwrap();
    }
}
