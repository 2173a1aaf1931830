//! Whether an ASF (WMA, WMV) is cut off. It tells how long the film is and nothing of its sound, so that only this says
//! whether sound that ends before the picture was lost.

use std::{fs::File, os::unix::fs::FileExt};

/// The identifier of the object with the file's properties (ASF specification, 3.2).
const PROPERTIES: [u8; 16] = *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";
/// It lies near the start of the header.
const SEARCHED_BYTES: usize = 64 << 10;

/// Whether an ASF of so many bytes ends before its header says.
pub(super) fn is_cut(file: &File, bytes: u64) -> bool {
    let mut head = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX).min(SEARCHED_BYTES)];
    if file.read_exact_at(&mut head, 0).is_err() {
        return false;
    }
    let found = head.windows(PROPERTIES.len()).position(|id| id == PROPERTIES);
    // Behind the identifier come the object's size and the file's identifier, then the file's size; a live stream's is 0.
    let size = found.and_then(|at| head.get(at + 40..)?.first_chunk()).map(|size| u64::from_le_bytes(*size));
    size.is_some_and(|size| size > bytes)
}
