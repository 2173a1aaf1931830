//! WAV files by their chunks, with sizes that are believed only as far as the file bears them out.

use std::io;

use super::{Bytes, Part};
use crate::audio::span::Span;

/// Sizes from here on mean that the writer did not know: it wrote to a pipe, or could not go back.
const UNKNOWN: u32 = 0x7fff_0000;
/// Chunks of one file that are looked at.
const MAX_CHUNKS: usize = 1024;
/// A shorter rest is no sound that somebody misses.
const MIN_LOSS_S: f64 = 0.1;

struct Wave {
    /// Where the data's size stands; its bytes follow.
    size_at: u64,
    size: u32,
    data: u64,
    bytes_per_s: f64,
    rate_hz: u32,
    /// The chunks behind the data end here, as far as they are chunks.
    end: u64,
    /// Whether that is the end of the file, or another WAV begins there.
    ends_well: bool,
}

/// The WAVs of a file, each with the sizes that it truly has.
pub(super) fn waves(bytes: &mut Bytes<'_>) -> io::Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut at = 0;
    while at < bytes.end() && starts(bytes, at)? {
        let Some(wave) = wave(bytes, at)? else { break };
        let size = u64::from(wave.size);
        let known = wave.size > 0 && wave.size < UNKNOWN;
        let next = if known && wave.ends_well { wave.end } else { next_wave(bytes, wave.data)? };
        let has = next.min(bytes.end()).saturating_sub(wave.data);
        // Behind the data stand chunks, or the data goes on: its writer died before it could write down the size.
        let data_bytes = if known && (wave.ends_well || size > has) { size.min(has) } else { has };
        let mut span = Span::new(at, next);
        if data_bytes != size {
            let true_size = u32::try_from(data_bytes).unwrap_or(u32::MAX);
            span.patches.push((wave.size_at, true_size.to_le_bytes().to_vec()));
            // The size of the whole has no say.
            span.patches.push((at + 4, u32::MAX.to_le_bytes().to_vec()));
        }
        let mut part = Part { seconds: data_bytes as f64 / wave.bytes_per_s.max(1.0), ..Part::new(span) };
        let missing_s = size.saturating_sub(has) as f64 / wave.bytes_per_s.max(1.0);
        if known && missing_s >= MIN_LOSS_S && wave.rate_hz >= 1000 {
            part.loses(missing_s, "it ends before its header says");
        }
        parts.push(part);
        at = next;
    }
    Ok(parts)
}

fn starts(bytes: &mut Bytes<'_>, at: u64) -> io::Result<bool> {
    let head = bytes.at(at, 12)?;
    Ok(head.starts_with(b"RIFF") && head.get(8..) == Some(b"WAVE"))
}

/// Walks over the chunks of the WAV at a place; none when it has no sound that could be measured.
fn wave(bytes: &mut Bytes<'_>, start: u64) -> io::Result<Option<Wave>> {
    let end = bytes.end();
    let (mut rate_hz, mut bytes_per_s) = (0, 0.0);
    let mut found: Option<Wave> = None;
    let mut at = start + 12;
    for _ in 0..MAX_CHUNKS {
        let head = bytes.at(at, 8)?.to_vec();
        let joined = head.starts_with(b"RIFF") && starts(bytes, at)?;
        if let Some(wave) = &mut found
            && (at >= end || joined || !is_chunk(&head))
        {
            // A few bytes behind the last chunk are the padding of something.
            (wave.end, wave.ends_well) = (at.min(end), at >= end || joined || end - at < 8);
            if wave.ends_well && !joined {
                wave.end = end;
            }
            return Ok(found);
        }
        if head.len() < 8 {
            return Ok(None);
        }
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        match &head[..4] {
            b"fmt " => {
                let format = bytes.at(at + 8, 16)?;
                if format.len() < 16 {
                    return Ok(None);
                }
                let number =
                    |at: usize| u32::from_le_bytes([format[at], format[at + 1], format[at + 2], format[at + 3]]);
                rate_hz = number(4);
                let block = f64::from(u16::from_le_bytes([format[12], format[13]]));
                let is_pcm = matches!(u16::from_le_bytes([format[0], format[1]]), 1 | 3 | 6 | 7 | 0xfffe);
                // For plain samples the block is what decoders go by; the other number may be anything.
                bytes_per_s = if is_pcm { block * f64::from(rate_hz) } else { f64::from(number(8)) };
            }
            b"data" if found.is_none() => {
                let (data, size_at) = (at + 8, at + 4);
                found = Some(Wave { size_at, size, data, bytes_per_s, rate_hz, end, ends_well: false });
            }
            _ => {}
        }
        at = at.saturating_add(8 + u64::from(size) + u64::from(size & 1));
    }
    Ok(found)
}

/// Whether this could be the head of a chunk: four printable letters.
fn is_chunk(head: &[u8]) -> bool {
    head.len() == 8 && head[..4].iter().all(|byte| (0x20..0x7f).contains(byte)) && head[0].is_ascii_alphanumeric()
}

/// Where the next WAV begins; the file's end when none does.
fn next_wave(bytes: &mut Bytes<'_>, from: u64) -> io::Result<u64> {
    let end = bytes.end();
    let mut at = from;
    while let Some(found) = bytes.find(b"RIFF", at, end)? {
        if starts(bytes, found)? {
            return Ok(found);
        }
        at = found + 1;
    }
    Ok(end)
}
