//! What a file is, by its first bytes. Names and declared types are not believed: they choose nothing.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// Containers of sound and film, and other things that people give by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Wav,
    Wave64,
    Mp3,
    Flac,
    Ogg,
    /// MP4, M4A, MOV, 3GP.
    Mp4,
    Adts,
    Matroska,
    Avi,
    Flv,
    Asf,
    Aiff,
    Caf,
    Au,
    Amr,
    Ac3,
    WavPack,
    MpegTs,
    MpegPs,
    Picture,
    Playlist,
    Text,
    Pdf,
    Archive,
    Empty,
    Unknown,
}

impl Container {
    /// The name of ffmpeg's demuxer, for containers that are handed to ffmpeg at all.
    pub(crate) fn demuxer(self) -> Option<&'static str> {
        Some(match self {
            Self::Wav => "wav",
            Self::Wave64 => "w64",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Mp4 => "mov",
            Self::Adts => "aac",
            Self::Matroska => "matroska",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::Asf => "asf",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
            Self::Au => "au",
            Self::Amr => "amr",
            Self::Ac3 => "ac3",
            Self::WavPack => "wv",
            Self::MpegTs => "mpegts",
            Self::MpegPs => "mpeg",
            Self::Picture | Self::Playlist | Self::Text | Self::Pdf | Self::Archive | Self::Empty | Self::Unknown => {
                return None;
            }
        })
    }

    /// Whether symphonia reads it; what it cannot decode in it goes to ffmpeg.
    pub(crate) fn is_native(self) -> bool {
        matches!(self, Self::Wav | Self::Mp3 | Self::Flac | Self::Ogg | Self::Mp4 | Self::Adts)
    }

    /// Whether ffmpeg must be able to seek in it: its index may be at the end.
    pub(crate) fn needs_seeking(self) -> bool {
        matches!(self, Self::Mp4 | Self::Avi | Self::Caf)
    }

    /// For a sentence about something that is not sound.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Self::Picture => "a picture: give a sound or film file",
            Self::Playlist => "a playlist, which is never followed: give the file it names",
            Self::Text => "text: give a sound or film file",
            Self::Pdf => "a PDF: give a sound or film file",
            Self::Archive => "an archive: unpack it first",
            _ => "of a type that is not known: give WAV, MP3, FLAC, OGG, M4A, MP4 or WebM",
        }
    }
}

/// How far an MP3 frame is looked for behind a damaged beginning.
const SEARCH_BYTES: usize = 64 << 10;

/// Reads the beginning of a file and puts it back to its start.
///
/// # Errors
/// When the file cannot be read.
pub fn sniff(file: &mut File) -> io::Result<Container> {
    let mut head = Vec::with_capacity(SEARCH_BYTES);
    file.take(SEARCH_BYTES as u64).read_to_end(&mut head)?;
    let mut found = of_bytes(&head);
    if found == Container::Mp3 && head.starts_with(b"ID3") {
        // A tag may come before FLAC or AAC as well.
        let size = head[6..10.min(head.len())].iter().fold(0_u64, |n, &byte| n << 7 | u64::from(byte & 127));
        let mut behind = Vec::new();
        file.seek(SeekFrom::Start(size + 10))?;
        file.take(16).read_to_end(&mut behind)?;
        found = match of_bytes(&behind) {
            other @ (Container::Flac | Container::Adts) => other,
            _ => Container::Mp3,
        };
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(found)
}

fn of_bytes(head: &[u8]) -> Container {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let starts = |magics: &[&[u8]]| magics.iter().any(|magic| head.starts_with(magic));
    if head.is_empty() {
        return Container::Empty;
    }
    if at(8, b"WAVE") && starts(&[b"RIFF", b"RF64", b"BW64"]) {
        return Container::Wav;
    }
    let known: &[(usize, &[u8], Container)] = &[
        (0, b"riff\x2e\x91\xcf\x11", Container::Wave64),
        (0, b"fLaC", Container::Flac),
        (0, b"OggS", Container::Ogg),
        (4, b"ftyp", Container::Mp4),
        (4, b"moov", Container::Mp4),
        (4, b"mdat", Container::Mp4),
        (4, b"wide", Container::Mp4),
        (4, b"free", Container::Mp4),
        (0, b"\x1a\x45\xdf\xa3", Container::Matroska),
        (0, b"FLV\x01", Container::Flv),
        (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container::Asf),
        (0, b"caff", Container::Caf),
        (0, b".snd", Container::Au),
        (0, b"#!AMR", Container::Amr),
        (0, b"\x0b\x77", Container::Ac3),
        (0, b"wvpk", Container::WavPack),
        (0, b"\0\0\x01\xba", Container::MpegPs),
        (0, b"ID3", Container::Mp3),
        (0, b"\x89PNG", Container::Picture),
        (0, b"\xff\xd8\xff", Container::Picture),
        (0, b"GIF8", Container::Picture),
        (0, b"BM", Container::Picture),
        (0, b"II*\0", Container::Picture),
        (0, b"MM\0*", Container::Picture),
        (8, b"WEBP", Container::Picture),
        (0, b"%PDF", Container::Pdf),
        (0, b"PK\x03\x04", Container::Archive),
        (0, b"\x1f\x8b", Container::Archive),
        (0, b"7z\xbc\xaf", Container::Archive),
        (0, b"Rar!", Container::Archive),
    ];
    if let Some((.., container)) = known.iter().find(|(offset, magic, _)| at(*offset, magic)) {
        return *container;
    }
    if at(0, b"RIFF") && at(8, b"AVI ") {
        return Container::Avi;
    }
    if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) {
        return Container::Aiff;
    }
    if head[0] == 0x47 && at(188, b"\x47") && (head.len() < 377 || at(376, b"\x47")) {
        return Container::MpegTs;
    }
    if head.len() > 1 && head[0] == 0xff && head[1] & 0xf6 == 0xf0 {
        return Container::Adts;
    }
    if is_text(head) {
        return if is_playlist(head) { Container::Playlist } else { Container::Text };
    }
    if mp3_starts(head) { Container::Mp3 } else { Container::Unknown }
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() + 4 > head.len() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

fn is_playlist(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&head[..head.len().min(512)]).trim_start_matches('\u{feff}').to_lowercase();
    ["#extm3u", "[playlist]", "ffconcat", "<asx", "<smil", "<mpd", "[reference]"].iter().any(|m| start.contains(m))
}

/// Whether two MPEG audio frames follow each other somewhere in these bytes.
fn mp3_starts(head: &[u8]) -> bool {
    let frame = |at: usize| {
        head.get(at..at + 4)
            .and_then(|bytes| mp3_frame([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .map(|frame| frame.bytes)
    };
    (0..head.len())
        .any(|at| frame(at).and_then(|len| frame(at + len).and_then(|next| frame(at + len + next))).is_some())
}

/// A frame of MPEG audio layer III.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mp3Frame {
    pub(crate) bytes: usize,
    pub(crate) samples: u32,
    pub(crate) rate_hz: u32,
}

/// The layer III frame with this header (ISO/IEC 11172-3, 2.4.2.3).
pub(crate) fn mp3_frame(header: [u8; 4]) -> Option<Mp3Frame> {
    let [a, b, c, _] = header;
    let (version, layer) = (b >> 3 & 3, b >> 1 & 3);
    if a != 0xff || b & 0xe0 != 0xe0 || version == 1 || layer != 1 {
        return None;
    }
    let kbps: [usize; 15] = if version == 3 {
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    } else {
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    };
    let hz = [44_100_usize, 48_000, 32_000].get(usize::from(c >> 2 & 3)).copied()?
        >> match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
    let kbps = kbps.get(usize::from(c >> 4)).copied().filter(|&kbps| kbps > 0)?;
    let samples_by_8 = if version == 3 { 144 } else { 72 };
    let bytes = samples_by_8 * 1000 * kbps / hz + usize::from(c >> 1 & 1);
    Some(Mp3Frame { bytes, samples: 8 * samples_by_8 as u32, rate_hz: hz as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_what_a_file_is() {
        let cases: &[(&[u8], Container)] = &[
            (b"RIFF\0\0\0\0WAVEfmt ", Container::Wav),
            (b"RIFF\0\0\0\0AVI LIST", Container::Avi),
            (b"RIFF\0\0\0\0WEBPVP8 ", Container::Picture),
            (b"\0\0\0\x20ftypisom", Container::Mp4),
            (b"\xff\xf1\x50\x80", Container::Adts),
            (b"#EXTM3U\nhttp://example.org/a.ts\n", Container::Playlist),
            (b"ffconcat version 1.0\nfile /etc/passwd\n", Container::Playlist),
            ("你好，世界".as_bytes(), Container::Text),
            (b"\x01\x02\x03\x04", Container::Unknown),
            (b"", Container::Empty),
        ];
        for (bytes, container) in cases {
            assert_eq!(of_bytes(bytes), *container, "{bytes:?}");
        }
    }

    #[test]
    fn an_mp3_is_found_behind_a_damaged_beginning() {
        let mut bytes = vec![0; 2000];
        assert_eq!(of_bytes(&bytes), Container::Unknown);
        for _ in 0..4 {
            bytes.extend([0xff, 0xfb, 0x90, 0x00]); // 128 kbit/s, 44.1 kHz: 417 bytes
            bytes.resize(bytes.len() + 413, 0);
        }
        assert_eq!(of_bytes(&bytes), Container::Mp3);
    }
}
