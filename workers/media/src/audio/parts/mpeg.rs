//! MP3 and ADTS streams as runs of frames.

use std::io;

use super::{
    Bytes, MAX_PARTS, Part,
    frames::{Frame, Kind, Run, runs},
};
use crate::{audio::span::Span, sniff::mp3_frame};

/// Losses shorter than this are the rough edges of a cut.
const LEAST_LOSS_S: f64 = 0.1;
const JUNK: &str = "bytes between its frames are no sound";

enum Mp3 {}

impl Kind for Mp3 {
    fn parse(head: &[u8]) -> Option<Frame> {
        let head = [*head.first()?, *head.get(1)?, *head.get(2)?, *head.get(3)?];
        let frame = mp3_frame(head)?;
        // Version, rate, and whether there is one channel; the kind of stereo may change from frame to frame.
        let mono = u32::from(head[3] >> 6 == 3);
        let key = u32::from(head[1] & 0x1e) << 8 | u32::from(head[2] & 0x0c) << 1 | mono;
        Some(Frame { key, bytes: frame.bytes as u32, samples: frame.samples, rate_hz: frame.rate_hz })
    }

    fn begins(_: &Frame, head: &[u8]) -> bool {
        info_at(head).is_some()
    }
}

/// The frame that tells about the stream: where its tag stands (Xing, Info or VBRI) and whether it is VBRI.
fn info_at(head: &[u8]) -> Option<(usize, bool)> {
    let (version, mono) = (head.get(1)? >> 3 & 3, head.get(3)? >> 6 == 3);
    let side = match (version == 3, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let at = 4 + side;
    let found = head.get(at..at + 4);
    if found == Some(b"Xing") || found == Some(b"Info") {
        return Some((at, false));
    }
    (head.get(36..40) == Some(b"VBRI")).then_some((36, true))
}

/// The parts of an MP3 file. Each begins with a header that tells the true number of its frames: the one it has with
/// that number put right, or one that is made up. Decoders that go by a wrong one, or by an estimate, end too early.
pub(super) fn mp3(bytes: &mut Bytes<'_>) -> io::Result<Vec<Part>> {
    let runs = runs::<Mp3>(bytes, MAX_PARTS + 1)?;
    let mut parts: Vec<Part> = Vec::with_capacity(runs.len());
    for run in &runs {
        let mut part = mp3_part(bytes, run)?;
        let rate = rate_of(run, &part);
        lose_junk(&mut part, run, rate);
        if run.frames > 1 || runs.len() == 1 {
            parts.push(part);
        } else if let Some(before) = parts.last_mut() {
            // A header of which no frames followed.
            before.loses(part.lost.map_or(0.0, |lost| lost.seconds), JUNK);
        }
    }
    Ok(parts)
}

fn mp3_part(bytes: &mut Bytes<'_>, run: &Run) -> io::Result<Part> {
    let first = bytes.at(run.start, 4096.min(run.first.bytes as usize))?.to_vec();
    let sounding = |info: bool| run.frames - u64::from(info);
    let seconds = |frames: u64| frames as f64 * f64::from(run.first.samples) / f64::from(run.first.rate_hz);
    let mut span = Span::new(run.start, run.end);
    let count = |frames: u64| u32::try_from(frames).unwrap_or(u32::MAX).to_be_bytes();
    let Some((at, is_vbri)) = info_at(&first) else {
        span.prefix = made_up(&first, count(run.frames));
        return Ok(Part { seconds: seconds(run.frames), ..Part::new(span) });
    };
    let frames = sounding(true);
    let flags = first.get(at + 7).copied().unwrap_or(0);
    let mut part = Part { seconds: seconds(frames), ..Part::new(span) };
    if is_vbri || flags & 1 == 0 {
        part.span.start += u64::from(run.first.bytes);
        part.span.prefix = made_up(&first, count(frames));
        return Ok(part);
    }
    let told = first.get(at + 8..at + 12).map_or(0, |b| u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])));
    if told == frames {
        return Ok(part);
    }
    part.span.patches.push((run.start + at as u64 + 8, count(frames).to_vec()));
    // The checksum of the tag no longer holds; 0 says that there is none.
    let lame = at
        + 8
        + 4 * (flags & 1) as usize
        + 2 * (flags & 2) as usize
        + 25 * (flags & 4) as usize
        + (flags & 8) as usize / 2;
    if lame + 36 <= run.first.bytes as usize {
        part.span.patches.push((run.start + lame as u64 + 34, vec![0, 0]));
    }
    // A header that counts more than there is tells of a file that was cut off, if what it tells can be: some hours.
    let missing_s = seconds(told.saturating_sub(frames));
    if missing_s >= LEAST_LOSS_S && seconds(told) < 86_400.0 {
        part.loses(missing_s, "it ends before its header says");
    }
    Ok(part)
}

/// A frame of silence that tells how many frames follow it ("Xing" as the LAME project's notes describe it).
fn made_up(first: &[u8], frames: [u8; 4]) -> Vec<u8> {
    let Some(first) = first.first_chunk::<4>() else { return Vec::new() };
    // No checksum, the highest bit rate (so that the tag has room), no padding.
    let head = [first[0], first[1] | 1, first[2] & 0x0c | 0xe0, first[3]];
    let mut frame = vec![0; mp3_frame(head).map_or(0, |frame| frame.bytes)];
    let (version, mono) = (head[1] >> 3 & 3, head[3] >> 6 == 3);
    let side = match (version == 3, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    if let Some(start) = frame.get_mut(..4 + side + 12) {
        start[..4].copy_from_slice(&head);
        start[4 + side..8 + side].copy_from_slice(b"Xing");
        start[11 + side] = 1;
        start[12 + side..].copy_from_slice(&frames);
    }
    frame
}

enum Adts {}

impl Kind for Adts {
    /// ISO/IEC 13818-7, 6.2.
    fn parse(head: &[u8]) -> Option<Frame> {
        let head = head.get(..7)?;
        if head[0] != 0xff || head[1] & 0xf6 != 0xf0 {
            return None;
        }
        const RATES_HZ: [u32; 13] =
            [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
        let rate_hz = *RATES_HZ.get(usize::from(head[2] >> 2 & 15))?;
        let bytes = u32::from(head[3] & 3) << 11 | u32::from(head[4]) << 3 | u32::from(head[5] >> 5);
        let blocks = u32::from(head[6] & 3) + 1;
        // Profile, rate and channels.
        let key = u32::from(head[2] & 0xfd) << 2 | u32::from(head[3] >> 6);
        (bytes > 7).then_some(Frame { key, bytes, samples: 1024 * blocks, rate_hz })
    }

    fn begins(_: &Frame, _: &[u8]) -> bool {
        false
    }
}

/// The parts of an ADTS stream (AAC).
pub(super) fn adts(bytes: &mut Bytes<'_>) -> io::Result<Vec<Part>> {
    let runs = runs::<Adts>(bytes, MAX_PARTS + 1)?;
    let parts = runs.iter().map(|run| {
        let frames = run.frames * u64::from(run.first.samples);
        let seconds = frames as f64 / f64::from(run.first.rate_hz);
        // Frames of several blocks are not counted here: which ones are is not looked at.
        let known = (run.first.samples == 1024).then_some(frames);
        let mut part = Part { seconds, frames: known, ..Part::new(Span::new(run.start, run.end)) };
        let rate = rate_of(run, &part);
        lose_junk(&mut part, run, rate);
        part
    });
    Ok(parts.collect())
}

/// Bytes a second.
fn rate_of(run: &Run, part: &Part) -> f64 {
    (run.end - run.start) as f64 / part.seconds.max(1e-3)
}

fn lose_junk(part: &mut Part, run: &Run, bytes_per_s: f64) {
    let seconds = run.junk as f64 / bytes_per_s.max(1.0);
    // What is missing by the header's count may be these very bytes.
    if seconds >= LEAST_LOSS_S && part.lost.as_ref().is_none_or(|lost| lost.seconds < seconds) {
        part.lost = None;
        part.loses(seconds, JUNK);
    }
}
