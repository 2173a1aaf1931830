//! The edit list of an MP4's sound: which part of the coded sound is heard, and from when. AAC begins with 1,024 to
//! 2,112 samples of priming that only the edit list tells; symphonia does not read it.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// Where a track's sound lies on the film's time line, in seconds (ISO/IEC 14496-12, 8.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Edit {
    /// Silence before the sound.
    pub(super) delay_s: f64,
    /// Coded sound that is skipped.
    pub(super) skip_s: f64,
    /// How long the sound is heard, if it is said.
    pub(super) length_s: Option<f64>,
}

/// A box: its type and where its content lies.
struct Part {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

/// More boxes than this at one level are not looked at, nor deeper ones: files lie.
const MAX_PARTS: usize = 4096;

/// The edit of the first sound track; the default (all of it, from the start) when there is none or it makes no sense.
pub(super) fn sound_edit(file: &mut File) -> Edit {
    let edit = read_edit(file).ok().flatten().unwrap_or_default();
    let sane = |value: f64| value.is_finite() && (0.0..=86_400.0).contains(&value);
    if sane(edit.delay_s) && sane(edit.skip_s) { edit } else { Edit::default() }
}

fn read_edit(file: &mut File) -> io::Result<Option<Edit>> {
    let end = file.metadata()?.len();
    let Some(moov) = parts(file, 0, end)?.into_iter().find(|part| part.kind == *b"moov") else { return Ok(None) };
    let inside = parts(file, moov.start, moov.end)?;
    let Some(movie) = inside.iter().find(|part| part.kind == *b"mvhd") else { return Ok(None) };
    let movie_hz = timescale(file, movie)?;
    for track in inside.iter().filter(|part| part.kind == *b"trak") {
        let track = parts(file, track.start, track.end)?;
        let Some(media) = track.iter().find(|part| part.kind == *b"mdia") else { continue };
        let media = parts(file, media.start, media.end)?;
        let handler = media.iter().find(|part| part.kind == *b"hdlr");
        let is_sound = match handler {
            Some(handler) => content(file, handler, 12)?.get(8..12) == Some(b"soun"),
            None => false,
        };
        if !is_sound {
            continue;
        }
        let Some(header) = media.iter().find(|part| part.kind == *b"mdhd") else { return Ok(None) };
        let media_hz = timescale(file, header)?;
        let Some(edits) = track.iter().find(|part| part.kind == *b"edts") else { return Ok(None) };
        let edits = parts(file, edits.start, edits.end)?;
        let Some(list) = edits.iter().find(|part| part.kind == *b"elst") else { return Ok(None) };
        return Ok(parse(&content(file, list, 4096)?, movie_hz, media_hz));
    }
    Ok(None)
}

fn parse(list: &[u8], movie_hz: f64, media_hz: f64) -> Option<Edit> {
    let wide = *list.first()? == 1;
    let size = if wide { 20 } else { 12 };
    let mut edit = Edit::default();
    let mut entries = list.get(8..)?.chunks_exact(size).take(u32_at(list, 4)? as usize).peekable();
    while let Some(entry) = entries.next() {
        let (length, start) = if wide {
            (u64_at(entry, 0)?, u64_at(entry, 8)?.cast_signed())
        } else {
            (u64::from(u32_at(entry, 0)?), i64::from(u32_at(entry, 4)?.cast_signed()))
        };
        let length_s = length as f64 / movie_hz;
        if start < 0 {
            edit.delay_s += length_s;
            continue;
        }
        edit.skip_s = start as f64 / media_hz;
        // Several edits would be a cut film; its sound is then taken as it is coded. 0 is what fragmented files say.
        edit.length_s = (length > 0 && entries.peek().is_none()).then_some(length_s);
        return Some(edit);
    }
    None
}

fn timescale(file: &mut File, header: &Part) -> io::Result<f64> {
    let bytes = content(file, header, 24)?;
    let at = if bytes.first() == Some(&1) { 20 } else { 12 };
    Ok(f64::from(u32_at(&bytes, at).unwrap_or(0)))
}

fn parts(file: &mut File, start: u64, end: u64) -> io::Result<Vec<Part>> {
    let mut found = Vec::new();
    let mut at = start;
    while at + 8 <= end && found.len() < MAX_PARTS {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8])?;
        let kind = [head[4], head[5], head[6], head[7]];
        let (head_bytes, size) = match u32_at(&head, 0) {
            Some(0) => (8, end - at),
            Some(1) => {
                file.read_exact(&mut head[8..])?;
                (16, u64_at(&head, 8).unwrap_or(0))
            }
            size => (8, u64::from(size.unwrap_or(0))),
        };
        if size < head_bytes {
            break;
        }
        let next = at.saturating_add(size).min(end);
        found.push(Part { kind, start: at + head_bytes, end: next });
        at = next;
    }
    Ok(found)
}

fn content(file: &mut File, part: &Part, max: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(part.start))?;
    let mut bytes = Vec::new();
    file.take(max.min(part.end.saturating_sub(part.start))).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..at + 4)?.as_array()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..at + 8)?.as_array()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u32, i32)]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend((entries.len() as u32).to_be_bytes());
        for (length, start) in entries {
            bytes.extend(length.to_be_bytes());
            bytes.extend(start.to_be_bytes());
            bytes.extend([0, 1, 0, 0]);
        }
        bytes
    }

    #[test]
    fn edits_tell_delay_priming_and_length() {
        let edit = parse(&list(&[(500, -1), (9_000, 2112)]), 1000.0, 44_100.0).unwrap();
        assert_eq!(edit, Edit { delay_s: 0.5, skip_s: 2112.0 / 44_100.0, length_s: Some(9.0) });
        assert_eq!(parse(&list(&[(0, 1024)]), 1000.0, 16_000.0).unwrap().length_s, None);
        assert_eq!(parse(&list(&[]), 1000.0, 16_000.0), None);
        assert_eq!(parse(&[0, 0], 1000.0, 16_000.0), None);
    }
}
