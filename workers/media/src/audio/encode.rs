use std::{
    fs::File,
    io::BufWriter,
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
    /// The same as a bare stream (ADTS), which can be played from wherever it is cut.
    Aac,
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
            "aac" => Self::Aac,
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
            Self::Aac => "aac",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Opus | Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::M4a => "audio/mp4",
            Self::Aac => "audio/aac",
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
            Self::Aac => &["-c:a", "aac", "-b:a", "96k", "-f", "adts"],
        }
    }
}

/// Writes mono samples in -1..1 as 16-bit PCM; louder ones are cut.
///
/// # Errors
/// When the file cannot be written.
pub fn write_wav(path: &Path, samples: &[f32], rate_hz: u32) -> Result<(), MediaError> {
    encode(path, samples, rate_hz, AudioFormat::Wav)
}

/// Writes mono samples in a format.
///
/// # Errors
/// As [`Encoder`].
pub fn encode(path: &Path, samples: &[f32], rate_hz: u32, format: AudioFormat) -> Result<(), MediaError> {
    let mut encoder = Encoder::create(path, rate_hz, format)?;
    encoder.write(samples)?;
    encoder.finish()
}

/// A sound file that is written as its samples come: WAV in this process, the others by ffmpeg. The same samples give
/// the same bytes (for the same build of ffmpeg). A file that was not finished is not complete.
///
/// # Errors
/// `tool_missing` without ffmpeg; when the file cannot be written.
#[derive(Debug)]
pub struct Encoder {
    name: String,
    to: To,
}

enum To {
    Wav(hound::WavWriter<BufWriter<File>>),
    Ffmpeg { running: Running, stdin: ChildStdin, limits: Limits },
}

impl std::fmt::Debug for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wav(_) => "Wav",
            Self::Ffmpeg { .. } => "Ffmpeg",
        })
    }
}

impl Encoder {
    pub fn create(path: &Path, rate_hz: u32, format: AudioFormat) -> Result<Self, MediaError> {
        let name = name_of(path);
        let to =
            if format == AudioFormat::Wav { wav(path, rate_hz, &name)? } else { ffmpeg(path, rate_hz, format, &name)? };
        Ok(Self { name, to })
    }

    /// Mono samples in -1..1; louder ones are cut.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        match &mut self.to {
            To::Wav(writer) => {
                let mut block = writer.get_i16_writer(u32::try_from(samples.len()).unwrap_or(u32::MAX));
                for &sample in samples {
                    block.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16);
                }
                block.flush().map_err(|error| MediaError::new(&self.name, Problem::Io).because(error))
            }
            To::Ffmpeg { running, stdin, limits } => {
                let mut bytes = Vec::with_capacity(1 << 16);
                for block in samples.chunks(1 << 14) {
                    bytes.clear();
                    block.iter().for_each(|sample| bytes.extend_from_slice(&sample.to_le_bytes()));
                    write_all(stdin, &bytes, limits.stall).map_err(|error| running.stuck(error))?;
                }
                Ok(())
            }
        }
    }

    pub fn finish(self) -> Result<(), MediaError> {
        match self.to {
            To::Wav(writer) => {
                writer.finalize().map_err(|error| MediaError::new(&self.name, Problem::Io).because(error))
            }
            To::Ffmpeg { mut running, stdin, .. } => {
                drop(stdin);
                let failed =
                    |error: MediaError| MediaError::new(&self.name, Problem::Encode(error.to_string())).because(error);
                running.finish().map(drop).map_err(failed)
            }
        }
    }
}

fn wav(path: &Path, rate_hz: u32, name: &str) -> Result<To, MediaError> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let failed = |error| MediaError::new(name, Problem::Io).because(error);
    hound::WavWriter::create(path, spec).map(To::Wav).map_err(failed)
}

fn ffmpeg(path: &Path, rate_hz: u32, format: AudioFormat, name: &str) -> Result<To, MediaError> {
    let limits = Limits::default();
    let absolute = std::path::absolute(path).map_err(|error| MediaError::io(name, error))?;
    let mut ffmpeg = command("ffmpeg", &limits);
    ffmpeg
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", "-protocol_whitelist", "pipe"])
        .args(["-f", "f32le", "-ac", "1", "-ar", &rate_hz.to_string(), "-i", "pipe:0", "-threads", "1"])
        .args(["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"])
        .args(format.ffmpeg_args())
        .arg("-y")
        .arg(url(&absolute))
        .stdin(Stdio::piped());
    let mut running = Running::spawn(ffmpeg, "ffmpeg", name, &limits)?;
    let stdin = running.child().take_stdin().expect("asked for a pipe");
    Ok(To::Ffmpeg { running, stdin, limits })
}

/// A path as ffmpeg takes it, whatever is in its name.
pub(crate) fn url(path: &Path) -> std::ffi::OsString {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    url
}
