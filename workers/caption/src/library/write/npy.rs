//! NumPy's format 1.0 (numpy/lib/format.py): magic, version, length and text of a header, then the values.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

/// Writes `rows` × `dim` f32 values, little-endian, as they come from `values`.
pub(crate) fn write(path: &Path, rows: u64, dim: u32, mut values: impl Read) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.write_all(&header(rows, dim))?;
    let copied = io::copy(&mut values, &mut out)?;
    if copied != rows * u64::from(dim) * 4 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    out.flush()
}

fn header(rows: u64, dim: u32) -> Vec<u8> {
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    // The values start at a multiple of 64 bytes, so that they can be mapped.
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let length = u16::try_from(text.len()).expect("two numbers are short");
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_start_where_they_can_be_mapped() {
        for (rows, dim) in [(0, 512), (1, 1), (1_000_000, 768), (4_000_000_000, 1_024)] {
            let header = header(rows, dim);
            assert_eq!(header.len() % 64, 0);
            assert_eq!(header.last(), Some(&b'\n'));
        }
    }

    #[test]
    fn values_that_are_missing_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        assert!(write(&path, 2, 2, &[0_u8; 12][..]).is_err());
        write(&path, 2, 2, &[0_u8; 16][..]).unwrap();
    }
}
