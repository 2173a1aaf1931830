//! Embeddings as NumPy reads them, streamed.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

use crate::npy;

/// Writes `rows` × `dim` f32 values, little-endian, as they come from `values`.
pub(crate) fn write(path: &Path, rows: u64, dim: u32, mut values: impl Read) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let count = usize::try_from(rows).map_err(io::Error::other)?;
    out.write_all(&npy::header(count, dim as usize))?;
    let copied = io::copy(&mut values, &mut out)?;
    if copied != rows * u64::from(dim) * 4 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_missing_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        assert!(write(&path, 2, 2, &[0_u8; 12][..]).is_err());
        write(&path, 2, 2, &[0_u8; 16][..]).unwrap();
    }
}
