//! How late the sound of an AVI begins. An AVI knows no times: sound whose chunks are frames (MP3, AAC, AC-3) is delayed
//! by empty chunks, one for each frame, which ffmpeg passes over.

use std::{fs::File, io, os::unix::fs::FileExt};

/// More chunks than this are not walked over: at 20 ms each, a delay of five hours.
const MAX_CHUNKS: usize = 1 << 20;
/// `strh` up to the size of a sample.
const HEADER_BYTES: usize = 48;

/// The silence before a sound track (from 0) of an AVI of so many bytes, in seconds; 0 when it tells of none.
pub(super) fn delay_s(file: &File, bytes: u64, track: usize) -> f64 {
    read_delay(file, bytes, track).ok().flatten().unwrap_or(0.0)
}

fn read_delay(file: &File, bytes: u64, track: usize) -> io::Result<Option<f64>> {
    let (mut stream, mut sounds, mut frame_s) = (0, 0, None);
    let mut chunk = 12;
    for _ in 0..MAX_CHUNKS {
        let Some(found) = Chunk::at(file, chunk, bytes)? else { return Ok(None) };
        match &found.kind {
            // The streams' headers lie in lists of lists.
            b"LIST" if matches!(&found.list, b"hdrl" | b"strl") => {
                chunk = found.content + 4;
                continue;
            }
            b"LIST" if &found.list == b"movi" => {
                let Some((stream, frame_s)) = frame_s else { return Ok(None) };
                let empty = empty_chunks(file, found.content + 4..found.end.min(bytes), stream)?;
                return Ok(Some(empty as f64 * frame_s));
            }
            b"strh" => {
                let mut header = [0; HEADER_BYTES];
                file.read_exact_at(&mut header, found.content)?;
                if &header[..4] == b"auds" {
                    if sounds == track {
                        frame_s = frame_seconds(&header).map(|seconds| (stream, seconds));
                    }
                    sounds += 1;
                }
                stream += 1;
            }
            _ => {}
        }
        chunk = found.end + found.end % 2;
    }
    Ok(None)
}

/// How long a chunk sounds; none where its bytes tell that, as those of PCM do.
fn frame_seconds(header: &[u8; HEADER_BYTES]) -> Option<f64> {
    let field = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let (scale, rate, sample_bytes) = (field(20), field(24), field(44));
    (sample_bytes == 0 && rate > 0).then(|| f64::from(scale) / f64::from(rate)).filter(|seconds| *seconds < 1.0)
}

/// The empty chunks of a stream before its second one with content: the first may be the encoder's priming alone, and
/// stands at the very start.
fn empty_chunks(file: &File, movie: std::ops::Range<u64>, stream: usize) -> io::Result<usize> {
    let (mut empty, mut full, mut chunk) = (0, 0, movie.start);
    let name = format!("{stream:02}wb");
    for _ in 0..MAX_CHUNKS {
        let Some(found) = Chunk::at(file, chunk, movie.end)? else { break };
        if &found.kind == b"LIST" && &found.list == b"rec " {
            chunk = found.content + 4;
            continue;
        }
        if found.kind == name.as_bytes() {
            if found.end == found.content {
                empty += 1
            } else {
                full += 1
            }
            if full == 2 {
                return Ok(empty);
            }
        }
        chunk = found.end + found.end % 2;
    }
    // Sound of which there is but one frame is none.
    Ok(0)
}

struct Chunk {
    kind: [u8; 4],
    /// Of a list, what it holds.
    list: [u8; 4],
    content: u64,
    end: u64,
}

impl Chunk {
    fn at(file: &File, at: u64, end: u64) -> io::Result<Option<Self>> {
        let mut head = [0; 12];
        let have = usize::try_from(end.saturating_sub(at)).unwrap_or(head.len()).min(head.len());
        if have < 8 {
            return Ok(None);
        }
        file.read_exact_at(&mut head[..have], at)?;
        let [a, b, c, d, e, f, g, h, list @ ..] = head;
        let content = at + 8;
        Ok(Some(Self { kind: [a, b, c, d], list, content, end: content + u64::from(u32::from_le_bytes([e, f, g, h])) }))
    }
}
