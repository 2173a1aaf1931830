//! Film out: parts that can be laid end to end, and the finished file.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::{PortraitError, sound::FILM_RATE_HZ};

/// Waits for ffmpeg; what it complained of when it failed.
fn finish(mut child: Child) -> Result<Option<String>, PortraitError> {
    let mut said = String::new();
    if let Some(err) = child.stderr.take() {
        err.take(4096).read_to_string(&mut said)?;
    }
    let status = child.wait()?;
    Ok((!status.success()).then(|| said.trim().to_owned()))
}

/// An H.264 encoder that takes planar 4:2:0 frames and leaves an MPEG transport stream, in which parts of a film can
/// be laid end to end.
#[derive(Debug)]
pub(crate) struct Film {
    child: Child,
    frames: Option<ChildStdin>,
}

/// What a part of a film is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reel {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: u32,
    pub(crate) crf: u32,
    /// The number of its first frame in the film.
    pub(crate) first: usize,
}

impl Film {
    pub(crate) fn new(reel: Reel, path: &Path) -> Result<Self, PortraitError> {
        let start_s = format!("{:.6}", reel.first as f64 / f64::from(reel.fps));
        let mut child = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p"])
            .args(["-video_size", &format!("{}x{}", reel.width, reel.height), "-framerate", &reel.fps.to_string()])
            .args(["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"])
            .args(["-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast", "-crf", &reel.crf.to_string()])
            // A whole part is a closed group of pictures; threads change the bytes, so their number is fixed.
            .args(["-threads", "2", "-flags", "+cgop", "-g", &(reel.fps * 2).to_string()])
            .args(["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"])
            .args(["-output_ts_offset", &start_s, "-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts"])
            .arg(url(path))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(PortraitError::NoFfmpeg)?;
        let frames = child.stdin.take();
        Ok(Self { child, frames })
    }

    pub(crate) fn frame(&mut self, bytes: &[u8]) -> Result<(), PortraitError> {
        let written = self.frames.as_mut().expect("open until closed").write_all(bytes);
        if let Err(error) = written {
            self.frames = None;
            let mut said = String::new();
            if let Some(err) = self.child.stderr.take() {
                err.take(4096).read_to_string(&mut said)?;
            }
            self.child.wait()?;
            return Err(PortraitError::Ffmpeg { what: "encoding", said: format!("{error}; {}", said.trim()) });
        }
        Ok(())
    }

    pub(crate) fn close(mut self) -> Result<(), PortraitError> {
        self.frames = None;
        match finish(self.child)? {
            None => Ok(()),
            Some(said) => Err(PortraitError::Ffmpeg { what: "encoding", said }),
        }
    }
}

/// IPTC's word for a picture that a program composed, trained parts among them.
pub(crate) const SOURCE_TYPE: &str =
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";

/// What the finished file is made of.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) films: &'a [&'a Path],
    /// 32-bit floats, mono, at [`crate::sound::FILM_RATE_HZ`].
    pub(crate) sound: &'a Path,
    /// SubRip.
    pub(crate) words: Option<&'a Path>,
    pub(crate) tags: &'a [(&'static str, String)],
}

impl Ending<'_> {
    /// Lays the films end to end, adds the sound and leaves an MP4 that plays while it loads. The pictures are not
    /// encoded again. The same parts give the same bytes.
    pub(crate) fn write(&self, out: &Path) -> Result<(), PortraitError> {
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-y", "-protocol_whitelist", "pipe", "-f", "mpegts", "-i", "pipe:0"])
            .args(["-protocol_whitelist", "file", "-f", "f32le", "-ar"])
            .arg(FILM_RATE_HZ.to_string())
            .args(["-ac", "1", "-i"])
            .arg(url(self.sound));
        if let Some(words) = self.words {
            command.args(["-protocol_whitelist", "file", "-f", "srt", "-i"]).arg(url(words));
            command.args(["-map", "2:s:0", "-c:s", "mov_text"]);
        }
        command
            .args(["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", "aac", "-b:a", "160k"])
            // Film and sound are of one length to within a frame. `-shortest` would end the clip with the last subtitle.
            .args(["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]);
        for (key, value) in self.tags {
            command.arg("-metadata").arg(format!("{key}={value}"));
        }
        let mut child = command
            .args(["-movflags", "+faststart+use_metadata_tags", "-f", "mp4"])
            .arg(url(out))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(PortraitError::NoFfmpeg)?;
        let mut film = child.stdin.take().expect("asked for a pipe");
        for part in self.films {
            if std::io::copy(&mut std::fs::File::open(part)?, &mut film).is_err() {
                break; // ffmpeg has ended; its own words follow
            }
        }
        drop(film);
        match finish(child)? {
            None => Ok(()),
            Some(said) => Err(PortraitError::Ffmpeg { what: "joining the parts", said }),
        }
    }
}

/// A path as ffmpeg reads it without looking for a protocol in it.
fn url(path: &Path) -> std::ffi::OsString {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    url
}
