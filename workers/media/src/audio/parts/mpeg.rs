//! MP3 and ADTS streams as runs of frames.

use std::io;

use super::{
    Bytes, MAX_PARTS, Part,
    frames::{Frame, Kind, Run, runs},
};
use crate::{audio::span::Span, sniff::mp3_frame};

/// Losses shorter than this are the rough edges of a cut.
const MIN_LOSS_S: f64 = 0.1;
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
    // What the last header promised that is still to come, and the part with which it began.
    let mut promise: Option<(f64, usize)> = None;
    for run in &runs {
        let (mut part, told_s) = mp3_part(bytes, run)?;
        let rate = rate_of(run, &part);
        lose_junk(&mut part, run, rate);
        if let Some(told_s) = told_s {
            missing(&mut parts, promise.take());
            promise = Some((told_s, parts.len()));
        }
        if let Some((left_s, _)) = &mut promise {
            *left_s -= part.seconds;
        }
        if part.seconds > 0.0 {
            parts.push(part);
        }
    }
    missing(&mut parts, promise);
    Ok(parts)
}

/// A header that counts more than there is up to the next one tells of frames that are cut off or damaged: those of
/// the bytes that are no frames, and others.
fn missing(parts: &mut [Part], promise: Option<(f64, usize)>) {
    let Some((left_s, first)) = promise else { return };
    let Some(parts) = parts.get_mut(first..) else { return };
    let junk_s: f64 = parts.iter().filter_map(|part| part.lost.as_ref()).map(|lost| lost.seconds).sum();
    if left_s - junk_s >= MIN_LOSS_S
        && let Some(last) = parts.last_mut()
    {
        let reason = if junk_s > 0.0 { JUNK } else { "it ends before its header says" };
        last.loses(left_s - junk_s, reason);
    }
}

/// A run as a part, and how many seconds its header promises, if it has one that can be believed.
fn mp3_part(bytes: &mut Bytes<'_>, run: &Run) -> io::Result<(Part, Option<f64>)> {
    let first = bytes.at(run.start, 4096.min(run.first.bytes as usize))?.to_vec();
    let seconds = |frames: u64| frames as f64 * f64::from(run.first.samples) / f64::from(run.first.rate_hz);
    let mut span = Span::new(run.start, run.end);
    let count = |frames: u64| u32::try_from(frames).unwrap_or(u32::MAX).to_be_bytes();
    let Some((at, is_vbri)) = info_at(&first) else {
        span.prefix = made_up(&first, count(run.frames));
        return Ok((Part { seconds: seconds(run.frames), ..Part::new(span) }, None));
    };
    let frames = run.frames.saturating_sub(1);
    let flags = first.get(at + 7).copied().unwrap_or(0);
    let mut part = Part { seconds: seconds(frames), ..Part::new(span) };
    if is_vbri || flags & 1 == 0 {
        part.span.start += u64::from(run.first.bytes);
        part.span.prefix = made_up(&first, count(frames));
        return Ok((part, Some(0.0)));
    }
    let told = first.get(at + 8..at + 12).map_or(0, |b| u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])));
    if told != frames {
        part.span.patches.push((run.start + at as u64 + 8, count(frames).to_vec()));
        // The checksum of the tag no longer holds; 0 says that there is none.
        let fields = [(1, 4), (2, 4), (4, 100), (8, 4)];
        let lame = at + 8 + fields.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, long)| long).sum::<usize>();
        if let Some(delay) = first.get(lame + 22).filter(|_| lame + 36 <= run.first.bytes as usize) {
            // What is to be cut off at the end (12 bits behind those of the delay) lies elsewhere, if anywhere.
            part.span.patches.push((run.start + lame as u64 + 22, vec![delay & 0xf0, 0]));
            part.span.patches.push((run.start + lame as u64 + 34, vec![0, 0]));
        }
    }
    let told_s = seconds(told);
    Ok((part, Some(if told_s < 86_400.0 { told_s } else { 0.0 })))
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
    if seconds >= MIN_LOSS_S {
        part.loses(seconds, JUNK);
    }
}
