//! Ogg files by their pages (RFC 3533). Streams may be chained: one ends and another, of any rate, begins.

use std::io;

use super::{Bytes, Part};
use crate::audio::span::Span;

/// How far the next page is looked for behind damage; further away it is still found, by the next page after that.
const PAGE_HEAD: usize = 27;
const FIRST: u8 = 2;

/// The links of a chain.
pub(super) fn links(bytes: &mut Bytes<'_>) -> io::Result<Vec<Part>> {
    let end = bytes.end();
    let mut starts = Vec::new();
    let (mut at, mut in_heads) = (0, false);
    let mut junk = 0;
    while at < end {
        let head = bytes.at(at, PAGE_HEAD + 255)?;
        if !head.starts_with(b"OggS") || head.len() < PAGE_HEAD || head[4] != 0 {
            let next = bytes.find(b"OggS", at + 1, end)?.unwrap_or(end);
            junk += next - at;
            at = next;
            continue;
        }
        let segments = usize::from(head[26]);
        let body: u64 = head.iter().skip(PAGE_HEAD).take(segments).map(|&length| u64::from(length)).sum();
        let is_first = head[5] & FIRST != 0;
        if is_first && !in_heads {
            starts.push(at);
        }
        in_heads = is_first;
        at += (PAGE_HEAD + segments) as u64 + body;
    }
    let ends = starts.iter().skip(1).copied().chain([end]);
    let mut parts: Vec<Part> = starts.iter().zip(ends).map(|(&start, end)| Part::new(Span::new(start, end))).collect();
    if junk > 16 << 10
        && let Some(last) = parts.last_mut()
    {
        // Speech in Ogg has about 64 kbit/s.
        last.loses(junk as f64 / 8_000.0, "bytes between its pages are no sound");
    }
    Ok(parts)
}
