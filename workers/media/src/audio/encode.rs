use std::{
    path::Path,
    process::{ChildStdin, Stdio},
};

use crate::{
    MediaError, Problem,
    error::name_of,
    ffmpeg::{Limits, Running, command, write_all},
};

/// A file format for speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFormat {
    /// 16-bit PCM.
    Wav,
    /// MP3, 128 kbit/s for mono.
    Mp3,
    /// Opus in Ogg, 48 kbit/s for mono.
    Opus,
    /// Vorbis in Ogg, quality 5.
    Ogg,
    /// FLAC, 16 bits.
    Flac,
    /// AAC-LC in MP4, 96 kbit/s for mono.
    M4a,
}

impl AudioFormat {
    /// By the extension of a file's name, in any case.
    pub fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "wav" => Self::Wav,
            "mp3" => Self::Mp3,
            "opus" => Self::Opus,
            "ogg" => Self::Ogg,
            "flac" => Self::Flac,
            "m4a" => Self::M4a,
            _ => return None,
        })
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Ogg => "ogg",
            Self::Flac => "flac",
            Self::M4a => "m4a",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Opus | Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::M4a => "audio/mp4",
        }
    }

    fn ffmpeg_args(self) -> &'static [&'static str] {
        match self {
            Self::Wav => &["-c:a", "pcm_s16le", "-f", "wav"],
            Self::Mp3 => &["-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"],
            Self::Opus => &["-c:a", "libopus", "-b:a", "48k", "-ar", "48000", "-f", "ogg"],
            Self::Ogg => &["-c:a", "libvorbis", "-q:a", "5", "-f", "ogg"],
            Self::Flac => &["-c:a", "flac", "-sample_fmt", "s16", "-f", "flac"],
            Self::M4a => &["-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart", "-f", "ipod"],
        }
    }
}

/// Writes mono samples in -1..1 as 16-bit PCM; louder ones are cut.
///
/// # Errors
/// When the file cannot be written.
pub fn write_wav(path: &Path, samples: &[f32], rate_hz: u32) -> Result<(), MediaError> {
    let failed = |error| MediaError::new(&name_of(path), Problem::Io).because(error);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).map_err(failed)?;
    let mut block = writer.get_i16_writer(u32::try_from(samples.len()).unwrap_or(u32::MAX));
    samples.iter().for_each(|&sample| block.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16));
    block.flush().map_err(failed)?;
    writer.finalize().map_err(failed)
}

/// Writes mono samples in a format; WAV in this process, the others by ffmpeg. The same samples give the same bytes
/// (for the same build of ffmpeg).
///
/// # Errors
/// `tool_missing` without ffmpeg; when the file cannot be written.
pub fn encode(path: &Path, samples: &[f32], rate_hz: u32, format: AudioFormat) -> Result<(), MediaError> {
    if format == AudioFormat::Wav {
        return write_wav(path, samples, rate_hz);
    }
    let name = name_of(path);
    let limits = Limits::default();
    let absolute = std::path::absolute(path).map_err(|error| MediaError::io(&name, error))?;
    let mut ffmpeg = command("ffmpeg", &limits);
    ffmpeg
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", "-protocol_whitelist", "pipe"])
        .args(["-f", "f32le", "-ac", "1", "-ar", &rate_hz.to_string(), "-i", "pipe:0", "-threads", "1"])
        .args(["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"])
        .args(format.ffmpeg_args())
        .arg("-y")
        .arg(url(&absolute))
        .stdin(Stdio::piped());
    let mut running = Running::spawn(ffmpeg, "ffmpeg", &name, &limits)?;
    let written = feed(&mut running, samples, &limits);
    running.finish().map_err(|error| MediaError::new(&name, Problem::Encode(error.to_string())).because(error))?;
    written
}

fn feed(running: &mut Running, samples: &[f32], limits: &Limits) -> Result<(), MediaError> {
    let mut stdin: ChildStdin = running.child().stdin.take().expect("asked for a pipe");
    let mut bytes = Vec::with_capacity(1 << 16);
    for block in samples.chunks(1 << 14) {
        bytes.clear();
        block.iter().for_each(|sample| bytes.extend_from_slice(&sample.to_le_bytes()));
        write_all(&mut stdin, &bytes, limits.stall).map_err(|error| running.stuck(error))?;
    }
    Ok(())
}

/// A path as ffmpeg takes it, whatever is in its name.
pub(crate) fn url(path: &Path) -> std::ffi::OsString {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    url
}
