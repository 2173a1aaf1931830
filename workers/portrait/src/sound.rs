//! Sound in and film out, by ffmpeg.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::PortraitError;

/// Rate at which speech is listened to.
pub(crate) const RATE_HZ: u32 = 16_000;

/// Mono sound at [`RATE_HZ`], at most `most_s` seconds.
pub(crate) fn listen(path: &Path, name: &str, most_s: f64) -> Result<Vec<f32>, PortraitError> {
    let limit = (most_s * f64::from(RATE_HZ)) as usize * 4;
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-vn", "-ac", "1", "-ar", "16000", "-f", "f32le", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(PortraitError::NoFfmpeg)?;
    let mut bytes = Vec::new();
    let out = child.stdout.take().expect("piped");
    out.take(limit as u64 + 4).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        child.kill()?;
        child.wait()?;
        return Err(PortraitError::TooLong { name: name.into(), most_s });
    }
    let said = finish(child)?;
    if bytes.len() < 4 {
        return Err(PortraitError::Sound { name: name.into(), reason: said.unwrap_or_default() });
    }
    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

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
            .arg(path)
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

/// Lays the parts of a film end to end, adds the sound and leaves an MP4 that plays while it loads.
pub(crate) fn mux(parts: &[&Path], sound: &Path, tags: &[(String, String)], out: &Path) -> Result<(), PortraitError> {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-y", "-f", "mpegts", "-i", "pipe:0", "-i"])
        .arg(sound)
        .args(["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", "aac", "-b:a", "160k"])
        .args(["-af", "apad", "-shortest"])
        .args(["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]);
    for (key, value) in tags {
        command.arg("-metadata").arg(format!("{key}={value}"));
    }
    let mut child = command
        .args(["-movflags", "+faststart+use_metadata_tags", "-f", "mp4"])
        .arg(out)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(PortraitError::NoFfmpeg)?;
    let mut film = child.stdin.take().expect("piped");
    for part in parts {
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
