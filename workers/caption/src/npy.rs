//! NumPy's array files, version 1.0: little-endian f32, C order.

/// What comes before the values of a matrix of `rows` × `columns`; 128 bytes, so that rows may be added behind and the
/// header be written anew in its place.
pub fn header(rows: usize, columns: usize) -> Vec<u8> {
    const BYTES: usize = 128;
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend_from_slice(&((BYTES - 10) as u16).to_le_bytes());
    out.extend_from_slice(dict.as_bytes());
    out.resize(BYTES - 1, b' ');
    out.push(b'\n');
    out
}

/// A whole file of these rows, which are of one length.
pub fn matrix(rows: &[Vec<f32>]) -> Vec<u8> {
    let mut out = header(rows.len(), rows.first().map_or(0, Vec::len));
    out.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    out
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
    }
}
