//! Files that are found joined by the mark with which each begins.

use std::io;

use super::{Bytes, Part};
use crate::audio::span::Span;

/// Whether a file of a kind begins with these (up to 64) bytes.
type IsHead = fn(&[u8]) -> bool;

/// A FLAC begins with its mark and the head of STREAMINFO, whose length is fixed (RFC 9639, 8): eight bytes that
/// compressed sound does not hold by chance.
pub(super) const FLAC: (&[u8], IsHead) = (b"fLaC", |head| matches!(head.get(4..8), Some([0 | 0x80, 0, 0, 0x22])));
pub(super) const CAF: (&[u8], IsHead) = (b"caff", |head| head.get(4..12) == Some(b"\0\x01\0\0desc"));
pub(super) const FLV: (&[u8], IsHead) = (b"FLV\x01", |head| head.get(5..9) == Some(b"\0\0\0\x09"));
/// Their marks are identifiers of 16 bytes.
pub(super) const WAVE64: (&[u8], IsHead) = (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", |_| true);
pub(super) const ASF: (&[u8], IsHead) = (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", |_| true);
/// A known coding, a rate that a sound may have, and some channels.
pub(super) const AU: (&[u8], IsHead) = (b".snd", |head| {
    let field =
        |at: usize| head.get(at..at + 4).and_then(<[u8]>::as_array).map_or(0, |bytes| u32::from_be_bytes(*bytes));
    (24..4096).contains(&field(4))
        && field(12) < 30
        && (1_000..768_000).contains(&field(16))
        && (1..64).contains(&field(20))
});
/// The first block of a stream: its samples begin at 0, and it is the first of its time.
pub(super) const WAV_PACK: (&[u8], IsHead) = (b"wvpk", |head| {
    head.get(9) == Some(&4) && head.get(16..20) == Some(&[0; 4]) && head.get(25).is_some_and(|flags| flags & 0x08 != 0)
});

/// Files that were laid end to end, by the heads with which they begin.
pub(super) fn heads(bytes: &mut Bytes<'_>, (mark, is_head): (&[u8], IsHead)) -> io::Result<Vec<Part>> {
    let end = bytes.end();
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(found) = bytes.find(mark, at, end)? {
        if is_head(bytes.at(found, 64)?) {
            starts.push(found);
        }
        at = found + mark.len() as u64;
    }
    Ok(between(&starts, end))
}

/// MP4s that were laid end to end: another `ftyp` behind the sound and the index of the first.
pub(super) fn films(bytes: &mut Bytes<'_>) -> io::Result<Vec<Part>> {
    let end = bytes.end();
    let (mut starts, mut at) = (vec![0], 0);
    let (mut has_index, mut has_media) = (false, false);
    for _ in 0..1 << 16 {
        let head = bytes.at(at, 16)?;
        if head.len() < 8 {
            break;
        }
        let (short, kind) = (u32::from_be_bytes([head[0], head[1], head[2], head[3]]), &head[4..8]);
        let size = match (short, head.get(8..16).and_then(<[u8]>::as_array)) {
            (0, _) => end - at,
            (1, Some(long)) => u64::from_be_bytes(*long),
            _ => u64::from(short),
        };
        if kind == b"ftyp" && has_index && has_media {
            starts.push(at);
            (has_index, has_media) = (false, false);
        }
        has_index |= kind == b"moov";
        has_media |= kind == b"mdat";
        if size < 8 {
            break;
        }
        at = at.saturating_add(size);
    }
    Ok(if starts.len() > 1 { between(&starts, end) } else { Vec::new() })
}

/// AIFFs and AVIs that were laid end to end: chunks of a known size with one of these forms. Other forms behind the
/// first belong to it (`AVIX`, the rest of a long AVI).
pub(super) fn chunks(bytes: &mut Bytes<'_>, mark: &[u8; 4], forms: &[&[u8; 4]]) -> io::Result<Vec<Part>> {
    let end = bytes.end();
    let (mut starts, mut at) = (Vec::new(), 0);
    while at < end {
        let Some(&head) = bytes.at(at, 12)?.first_chunk::<12>() else { break };
        if !head.starts_with(mark) {
            break;
        }
        if forms.iter().any(|form| head[8..] == **form) {
            starts.push(at);
        }
        let size = [head[4], head[5], head[6], head[7]];
        let size = u64::from(if mark == b"FORM" { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) });
        at = at.saturating_add(8 + size + (size & 1));
    }
    Ok(if starts.len() > 1 { between(&starts, end) } else { Vec::new() })
}

const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];

/// Matroska files that were laid end to end: a segment of a known length that ends before the file, with another head
/// behind it. Of a live recording, whose segment has no length, the next head is looked for.
pub(super) fn matroskas(bytes: &mut Bytes<'_>) -> io::Result<Vec<Part>> {
    let end = bytes.end();
    let mut starts = Vec::new();
    let mut at = 0;
    while at < end && bytes.is(at, &EBML)? {
        starts.push(at);
        let Some((head, Some(size))) = length(bytes, at + 4)? else { break };
        let segment = at + 4 + head + size;
        if !bytes.is(segment, &SEGMENT)? {
            break;
        }
        let Some((head, size)) = length(bytes, segment + 4)? else { break };
        let from = segment + 4 + head;
        at = match size {
            Some(size) => from.saturating_add(size),
            None => next_head(bytes, from)?.unwrap_or(end),
        };
    }
    Ok(if starts.len() > 1 { between(&starts, end) } else { Vec::new() })
}

/// A head followed by the name of its kind.
fn next_head(bytes: &mut Bytes<'_>, from: u64) -> io::Result<Option<u64>> {
    let end = bytes.end();
    let mut at = from;
    while let Some(found) = bytes.find(&EBML, at, end)? {
        let head = bytes.at(found, 64)?;
        if head.windows(4).any(|name| name == b"matr" || name == b"webm") {
            return Ok(Some(found));
        }
        at = found + 4;
    }
    Ok(None)
}

/// An EBML length: how many bytes it takes, and the length unless it is unknown (RFC 8794, 4).
fn length(bytes: &mut Bytes<'_>, at: u64) -> io::Result<Option<(u64, Option<u64>)>> {
    let head = bytes.at(at, 8)?;
    let Some(&first) = head.first().filter(|&&first| first != 0) else { return Ok(None) };
    let wide = first.leading_zeros() as usize + 1;
    let Some(rest) = head.get(1..wide) else { return Ok(None) };
    let mask = 0xff_u8.checked_shr(wide as u32).unwrap_or(0);
    let value = rest.iter().fold(u64::from(first & mask), |value, &byte| value << 8 | u64::from(byte));
    let unknown = (1_u64 << (7 * wide)) - 1;
    Ok(Some((wide as u64, (value != unknown).then_some(value))))
}

fn between(starts: &[u64], end: u64) -> Vec<Part> {
    let ends = starts.iter().skip(1).copied().chain([end]);
    starts.iter().zip(ends).map(|(&start, end)| Part::new(Span::new(start, end))).collect()
}
