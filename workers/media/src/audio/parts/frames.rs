//! Walks over a stream of frames that have a header each: MPEG audio, ADTS.

use std::io;

use super::Bytes;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Frames of one run agree in it: version, rate, channels.
    pub(super) key: u32,
    pub(super) bytes: u32,
    pub(super) samples: u32,
    pub(super) rate_hz: u32,
}

/// Frames that follow each other without a gap and are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) first: Frame,
    pub(super) frames: u64,
    /// Bytes behind it that are neither frames nor tags.
    pub(super) junk: u64,
}

/// A kind of stream.
pub(super) trait Kind {
    fn parse(head: &[u8]) -> Option<Frame>;
    /// Whether a new part begins with this frame (whose first bytes are given), though it is of the same kind.
    fn begins(frame: &Frame, head: &[u8]) -> bool;
}

/// So many bytes of a frame are looked at by [`Kind::begins`].
const HEAD: usize = 48;
/// A last frame that is cut off is shorter than this.
const LONGEST_FRAME: u64 = 2048;
/// Zeros up to this length fill up a block of a disk or a tape, and stand for no sound.
const MAX_PADDING: u64 = 64 << 10;
/// Frames in a row that make one believed behind junk.
const CHAIN: usize = 3;

/// All runs of a stream, in order.
pub(super) fn runs<K: Kind>(bytes: &mut Bytes<'_>, most: usize) -> io::Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut at = 0;
    let mut open = false;
    let mut last_start = 0;
    while at < bytes.end() {
        let frame = frame_at::<K>(bytes, at)?;
        let continued = runs.last().filter(|_| open).map(|run| run.first.key);
        match frame {
            Some((frame, begins)) if continued == Some(frame.key) && !begins => {
                if let Some(run) = runs.last_mut() {
                    (run.end, run.frames) = (at + u64::from(frame.bytes), run.frames + 1);
                }
                last_start = at;
                at += u64::from(frame.bytes);
                continue;
            }
            Some((frame, begins)) if (begins && continued == Some(frame.key)) || chain::<K>(bytes, at, frame.key)? => {
                if runs.len() >= most {
                    return Ok(runs);
                }
                let end = at + u64::from(frame.bytes);
                runs.push(Run { start: at, end, first: frame, frames: 1, junk: 0 });
                (open, last_start) = (true, at);
                at = end;
                continue;
            }
            _ => {}
        }
        if let Some(behind) = tag(bytes, at)? {
            (open, at) = (false, behind);
            continue;
        }
        // The last frame may have been cut off by what was joined to it: the search starts within it.
        let from = if open { last_start + 1 } else { at };
        let found = resync::<K>(bytes, from)?;
        if let Some(run) = runs.last_mut() {
            let frame_start = if open { last_start } else { run.end };
            if open && found < run.end && found > frame_start {
                (run.end, run.frames) = (frame_start, run.frames.saturating_sub(1));
            }
            let from = at.max(run.end);
            if !is_padding(bytes, from, found)? {
                run.junk += found.saturating_sub(from);
            }
        }
        open = false;
        at = found.max(from);
    }
    runs.retain(|run| run.frames > 0);
    Ok(runs)
}

/// The whole frame at a place: its header, and whether a part begins with it.
fn frame_at<K: Kind>(bytes: &mut Bytes<'_>, at: u64) -> io::Result<Option<(Frame, bool)>> {
    let end = bytes.end();
    let head = bytes.at(at, HEAD)?;
    let frame = K::parse(head).filter(|frame| at + u64::from(frame.bytes) <= end);
    Ok(frame.map(|frame| (frame, K::begins(&frame, head))))
}

/// Whether frames of a kind follow each other from here on, or end with the file or a tag.
fn chain<K: Kind>(bytes: &mut Bytes<'_>, start: u64, key: u32) -> io::Result<bool> {
    let mut at = start;
    for n in 0..CHAIN {
        match frame_at::<K>(bytes, at)? {
            Some((frame, _)) if frame.key == key => at += u64::from(frame.bytes),
            _ => return Ok(n > 1 && (at + LONGEST_FRAME >= bytes.end() || tag(bytes, at)?.is_some())),
        }
    }
    Ok(true)
}

/// The next place at which frames follow each other or a tag stands; the file's end when there is none.
fn resync<K: Kind>(bytes: &mut Bytes<'_>, from: u64) -> io::Result<u64> {
    let mut at = from;
    while at < bytes.end() {
        let block = bytes.at(at, 4096)?;
        let Some(next) = block.iter().position(|&byte| matches!(byte, 0xff | b'I' | b'T' | b'A' | b'L')) else {
            at += block.len().max(1) as u64;
            continue;
        };
        at += next as u64;
        if let Some((frame, _)) = frame_at::<K>(bytes, at)?
            && chain::<K>(bytes, at, frame.key)?
        {
            return Ok(at);
        }
        if tag(bytes, at)?.is_some() {
            return Ok(at);
        }
        at += 1;
    }
    Ok(bytes.end())
}

fn is_padding(bytes: &mut Bytes<'_>, from: u64, to: u64) -> io::Result<bool> {
    let long = to.saturating_sub(from);
    Ok(long <= MAX_PADDING && bytes.at(from, long as usize)?.iter().all(|&byte| byte == 0))
}

/// Where the tag that begins at a place ends.
fn tag(bytes: &mut Bytes<'_>, at: u64) -> io::Result<Option<u64>> {
    let end = bytes.end();
    let head = bytes.at(at, 32)?.to_vec();
    let long = if head.starts_with(b"ID3")
        && head.len() >= 10
        && head[3] < 0xff
        && head[6..10].iter().all(|b| b & 0x80 == 0)
    {
        let size = head[6..10].iter().fold(0_u64, |n, &byte| n << 7 | u64::from(byte));
        let footer = if head[5] & 0x10 == 0 { 0 } else { 10 };
        Some(size + 10 + footer)
    } else if head.starts_with(b"APETAGEX") && head.len() == 32 {
        let size = u64::from(u32::from_le_bytes([head[12], head[13], head[14], head[15]]));
        // A tag's size counts its footer and not its header.
        Some(if head[23] & 0x20 == 0 { 32 } else { size + 32 })
    } else if head.starts_with(b"TAG") && (at + 128 == end || bytes_follow(bytes, at + 128)?) {
        Some(128)
    } else if head.starts_with(b"LYRICSBEGIN") {
        let found = bytes.find(b"LYRICS200", at, (at + (1 << 20)).min(end))?;
        found.map(|found| found + 9 - at)
    } else {
        None
    };
    // A size that leads out of the file is a damaged one: only the tag's head is passed over.
    Ok(long.map(|long| if at.saturating_add(long) > end { (at + 10).min(end) } else { at + long }))
}

/// Whether something that a joined file would go on with stands here.
fn bytes_follow(bytes: &mut Bytes<'_>, at: u64) -> io::Result<bool> {
    let head = bytes.at(at, 3)?;
    Ok(head.first() == Some(&0xff) || head == b"ID3")
}
