//! The edit list of an MP4's sound: which part of the coded sound is heard, and from when. AAC begins with 1,024 to
//! 2,112 samples of priming that only the edit list tells; symphonia does not read it.

use std::{fs::File, io, os::unix::fs::FileExt};

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

/// A sound track.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sound {
    pub(super) edit: Edit,
    /// It is cut together of several edits, or its coding changes within: nothing that is read here.
    pub(super) is_complex: bool,
}

/// The sound tracks of the MP4 in these bytes of a file; none when it makes no sense.
pub(super) fn sounds(file: &File, start: u64, end: u64) -> Vec<Sound> {
    read_sounds(&mut Boxes { file, end }, start).ok().flatten().unwrap_or_default()
}

fn read_sounds(file: &mut Boxes<'_>, start: u64) -> io::Result<Option<Vec<Sound>>> {
    let end = file.end;
    let Some(moov) = parts(file, start, end)?.into_iter().find(|part| part.kind == *b"moov") else { return Ok(None) };
    let inside = parts(file, moov.start, moov.end)?;
    let Some(movie) = inside.iter().find(|part| part.kind == *b"mvhd") else { return Ok(None) };
    let movie_hz = timescale(file, movie)?;
    let mut sounds = Vec::new();
    for track in inside.iter().filter(|part| part.kind == *b"trak") {
        let track = parts(file, track.start, track.end)?;
        let Some(media) = find(&track, b"mdia") else { continue };
        let media = parts(file, media.start, media.end)?;
        let is_sound = match find(&media, b"hdlr") {
            Some(handler) => content(file, handler, 12)?.get(8..12) == Some(b"soun"),
            None => false,
        };
        if is_sound {
            sounds.push(read_sound(file, &track, &media, movie_hz)?);
        }
    }
    Ok(Some(sounds))
}

fn read_sound(file: &mut Boxes<'_>, track: &[Part], media: &[Part], movie_hz: f64) -> io::Result<Sound> {
    let mut sound = Sound { is_complex: has_several_codings(file, media)?, edit: Edit::default() };
    let (Some(header), Some(edits)) = (find(media, b"mdhd"), find(track, b"edts")) else { return Ok(sound) };
    let media_hz = timescale(file, header)?;
    let edits = parts(file, edits.start, edits.end)?;
    let Some(list) = find(&edits, b"elst") else { return Ok(sound) };
    let Some((edit, is_cut)) = parse(&content(file, list, 4096)?, movie_hz, media_hz) else { return Ok(sound) };
    sound.is_complex |= is_cut;
    let sane = |value: f64| value.is_finite() && (0.0..=86_400.0).contains(&value);
    if sane(edit.delay_s) && sane(edit.skip_s) {
        sound.edit = edit;
    }
    Ok(sound)
}

/// Whether the track has more than one sample description.
fn has_several_codings(file: &mut Boxes<'_>, media: &[Part]) -> io::Result<bool> {
    let Some(information) = find(media, b"minf") else { return Ok(false) };
    let information = parts(file, information.start, information.end)?;
    let Some(table) = find(&information, b"stbl") else { return Ok(false) };
    let table = parts(file, table.start, table.end)?;
    let Some(descriptions) = find(&table, b"stsd") else { return Ok(false) };
    Ok(u32_at(&content(file, descriptions, 8)?, 4).unwrap_or(1) > 1)
}

fn find<'a>(parts: &'a [Part], kind: &[u8; 4]) -> Option<&'a Part> {
    parts.iter().find(|part| part.kind == *kind)
}

/// The first edit, and whether others follow.
fn parse(list: &[u8], movie_hz: f64, media_hz: f64) -> Option<(Edit, bool)> {
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
        let is_cut = entries.peek().is_some();
        // 0 is what fragmented files say.
        edit.length_s = (length > 0 && !is_cut).then_some(length_s);
        return Some((edit, is_cut));
    }
    None
}

fn timescale(file: &mut Boxes<'_>, header: &Part) -> io::Result<f64> {
    let bytes = content(file, header, 24)?;
    let at = if bytes.first() == Some(&1) { 20 } else { 12 };
    Ok(f64::from(u32_at(&bytes, at).unwrap_or(0)))
}

fn parts(file: &mut Boxes<'_>, start: u64, end: u64) -> io::Result<Vec<Part>> {
    let mut found = Vec::new();
    let mut at = start;
    while at + 8 <= end && found.len() < MAX_PARTS {
        let head = file.read(at, 16)?;
        let Some(kind) = head.get(4..8).and_then(<[u8]>::as_array) else { break };
        let (head_bytes, size) = match u32_at(&head, 0) {
            Some(0) => (8, end - at),
            Some(1) => (16, u64_at(&head, 8).unwrap_or(0)),
            size => (8, u64::from(size.unwrap_or(0))),
        };
        if size < head_bytes {
            break;
        }
        let next = at.saturating_add(size).min(end);
        found.push(Part { kind: *kind, start: at + head_bytes, end: next });
        at = next;
    }
    Ok(found)
}

fn content(file: &mut Boxes<'_>, part: &Part, max: u64) -> io::Result<Vec<u8>> {
    file.read(part.start, max.min(part.end.saturating_sub(part.start)))
}

/// Bytes up to an end.
struct Boxes<'a> {
    file: &'a File,
    end: u64,
}

impl Boxes<'_> {
    fn read(&self, at: u64, len: u64) -> io::Result<Vec<u8>> {
        let wanted = usize::try_from(len.min(self.end.saturating_sub(at))).unwrap_or(0);
        let (mut bytes, mut filled) = (vec![0; wanted], 0);
        while filled < wanted {
            match self.file.read_at(&mut bytes[filled..], at + filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
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
        assert_eq!(edit, (Edit { delay_s: 0.5, skip_s: 2112.0 / 44_100.0, length_s: Some(9.0) }, false));
        assert_eq!(parse(&list(&[(0, 1024)]), 1000.0, 16_000.0).unwrap().0.length_s, None);
        assert!(parse(&list(&[(500, 0), (500, 9_000)]), 1000.0, 16_000.0).unwrap().1, "a cut film");
        assert_eq!(parse(&list(&[]), 1000.0, 16_000.0), None);
        assert_eq!(parse(&[0, 0], 1000.0, 16_000.0), None);
    }
}
