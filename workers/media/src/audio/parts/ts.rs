//! MPEG transport streams by their clock (ISO/IEC 13818-1, 2.4.3): where it jumps, another recording begins.

use std::io;

use super::{Bytes, Part};
use crate::audio::span::Span;

const PACKET: u64 = 188;
const CLOCK_HZ: f64 = 90_000.0;
/// The clock has 33 bits.
const CLOCK_MASK: u64 = (1 << 33) - 1;
/// A clock that goes back by more than this, or ahead by more than that, is another one.
const MAX_BACK: i64 = 45_000;
const MAX_AHEAD: i64 = 900_000;

/// The recordings of a stream; none when there is but one.
pub(super) fn recordings(bytes: &mut Bytes<'_>) -> io::Result<Vec<Part>> {
    let end = bytes.end();
    // Where each begins, and how long it is by its clock.
    let mut starts: Vec<(u64, f64)> = vec![(0, 0.0)];
    let mut clock: Option<(u16, u64)> = None;
    let mut table = None;
    let mut at = 0;
    while at + PACKET <= end {
        let Some(&head) = bytes.at(at, 12)?.first_chunk::<12>() else { break };
        if head[0] != 0x47 {
            at = bytes.find(b"\x47", at + 1, end)?.unwrap_or(end);
            continue;
        }
        let pid = u16::from(head[1] & 0x1f) << 8 | u16::from(head[2]);
        if pid == 0 && head[1] & 0x40 != 0 && table.is_none() {
            table = Some(at);
        }
        if let Some(now) = reference(&head) {
            let passed = clock.filter(|&(owner, _)| owner == pid).map(|(_, before)| signed(now, before));
            match passed {
                Some(passed) if !(-MAX_BACK..=MAX_AHEAD).contains(&passed) => {
                    // It begins with the table that came since the clock was last seen.
                    starts.push((table.unwrap_or(at), 0.0));
                    clock = Some((pid, now));
                }
                Some(passed) => {
                    if let Some((_, seconds)) = starts.last_mut() {
                        *seconds += passed as f64 / CLOCK_HZ;
                    }
                    clock = Some((pid, now));
                }
                // Of several programmes the first one's clock is watched.
                None if clock.is_none() => clock = Some((pid, now)),
                None => {}
            }
            if clock.is_some_and(|(owner, _)| owner == pid) {
                table = None;
            }
        }
        at += PACKET;
    }
    let ends = starts.iter().skip(1).map(|start| start.0).chain([end]);
    let parts = starts.iter().zip(ends);
    let parts = parts.map(|(&(start, seconds), end)| Part { seconds, ..Part::new(Span::new(start, end)) });
    Ok(if starts.len() > 1 { parts.collect() } else { Vec::new() })
}

/// The clock in a packet's adaptation field, in 1/90,000 s.
fn reference(head: &[u8; 12]) -> Option<u64> {
    let has_clock = head[3] & 0x20 != 0 && head[4] >= 7 && head[5] & 0x10 != 0;
    has_clock.then(|| head[6..10].iter().fold(0, |n, &byte| n << 8 | u64::from(byte)) << 1 | u64::from(head[10] >> 7))
}

/// How far a clock went, over its wrap.
fn signed(now: u64, before: u64) -> i64 {
    let ahead = now.wrapping_sub(before) & CLOCK_MASK;
    if ahead > CLOCK_MASK / 2 { ahead.cast_signed() - (1 << 33) } else { ahead.cast_signed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packet(pid: u16, clock: Option<u64>) -> Vec<u8> {
        let mut bytes = vec![0x47, 0x40 | (pid >> 8) as u8, pid as u8, 0x10];
        if let Some(clock) = clock {
            bytes[3] = 0x30;
            bytes.extend([7, 0x10]);
            bytes.extend(((clock >> 1) as u32).to_be_bytes());
            bytes.extend([(clock as u8 & 1) << 7, 0]);
        }
        bytes.resize(188, 0xff);
        bytes
    }

    fn starts(stream: &[Vec<u8>]) -> Vec<u64> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&stream.concat()).unwrap();
        let end = file.metadata().unwrap().len();
        let parts = recordings(&mut Bytes::new(&file, end)).unwrap();
        parts.iter().map(|part| part.span.start / PACKET).collect()
    }

    #[test]
    fn a_jump_of_the_clock_begins_a_recording_and_its_wrap_does_not() {
        let second = 90_000;
        let run = |from: u64| {
            (0..4).flat_map(move |n| [packet(0, None), packet(256, Some(from + n * second)), packet(257, None)])
        };
        let twice: Vec<_> = run(100 * second).chain(run(10 * second)).collect();
        assert_eq!(starts(&twice), [0, 12]);
        let later: Vec<_> = run(0).chain(run(5_000 * second)).collect();
        assert_eq!(starts(&later), [0, 12]);
        let wrap: Vec<_> =
            (0..6).map(|n| packet(256, Some((CLOCK_MASK - 2 * second + n * second) & CLOCK_MASK))).collect();
        assert_eq!(starts(&wrap), [] as [u64; 0]);
    }
}
