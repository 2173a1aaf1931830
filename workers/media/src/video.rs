//! Film: frames out of a file, and frames with sound into an MP4.

use std::{
    path::Path,
    process::{ChildStdout, Stdio},
};

use crate::{
    MediaError, Problem,
    audio::url,
    error::name_of,
    ffmpeg::{Feed, Input, Limits, Running, command, probe::probe_input},
    sniff,
};

/// What a film may be at most.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoLimits {
    pub max_pixels: u64,
    pub max_seconds: f64,
}

impl Default for VideoLimits {
    fn default() -> Self {
        Self { max_pixels: 3840 * 2160, max_seconds: 3600.0 }
    }
}

/// How frames are wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FramesOptions {
    /// Frames a second as a fraction; none: the film's own.
    pub rate: Option<(u32, u32)>,
    /// Width and height; none: the film's own.
    pub size_px: Option<(u32, u32)>,
    pub limits: VideoLimits,
}

/// The frames of a film as packed RGB, decoded as they are asked for.
#[derive(Debug)]
pub struct Frames {
    pub width_px: u32,
    pub height_px: u32,
    /// Frames a second as a fraction.
    pub rate: (u32, u32),
    pub duration_s: Option<f64>,
    name: String,
    running: Running,
    stdout: ChildStdout,
    ended: bool,
    any: bool,
}

impl Frames {
    /// Opens a film with a guarded ffmpeg.
    ///
    /// # Errors
    /// When it is not film, is damaged, or is over a limit.
    pub fn open(path: &Path, options: &FramesOptions) -> Result<Self, MediaError> {
        let name = name_of(path);
        let mut file = std::fs::File::open(path).map_err(|error| MediaError::io(&name, error))?;
        let container = sniff::sniff(&mut file).map_err(|error| MediaError::io(&name, error))?;
        let Some(demuxer) = container.demuxer() else {
            return Err(MediaError::new(&name, Problem::Unsupported("not film: give MP4, MOV, WebM or MKV".into())));
        };
        let input = Input { path, container, demuxer, seekable: true };
        let probe = probe_input(input, &name)?;
        let video = probe.video.ok_or_else(|| MediaError::new(&name, Problem::Empty("picture")))?;
        let (width_px, height_px) = options.size_px.unwrap_or((video.width_px, video.height_px));
        let pixels = u64::from(video.width_px) * u64::from(video.height_px);
        if pixels == 0 || width_px == 0 || height_px == 0 {
            return Err(MediaError::undecodable(&name, "its pictures have no size"));
        }
        if pixels > options.limits.max_pixels {
            let what = format!("has {pixels} pixels a frame, more than the {} allowed", options.limits.max_pixels);
            return Err(MediaError::new(&name, Problem::TooLarge(what)));
        }
        if probe.duration_s.is_some_and(|seconds| seconds > options.limits.max_seconds) {
            let what = format!("is longer than the {} s allowed", options.limits.max_seconds);
            return Err(MediaError::new(&name, Problem::TooLarge(what)));
        }
        let rate = options.rate.unwrap_or(video.rate);
        let rate = if rate.0 == 0 || rate.1 == 0 { (25, 1) } else { rate };
        let limits = Limits::default();
        let mut ffmpeg = command("ffmpeg", &limits);
        ffmpeg
            .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"])
            .args(Input { seekable: false, ..input }.args())
            .args(["-map", "0:v:0", "-an", "-sn", "-dn", "-r", &format!("{}/{}", rate.0, rate.1)])
            .args(["-s", &format!("{width_px}x{height_px}"), "-sws_flags", "area+accurate_rnd+full_chroma_int"])
            .args(["-t", &options.limits.max_seconds.to_string()])
            .args(["-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"])
            .stdin(input.stdin().map_err(|error| MediaError::io(&name, error))?)
            .stdout(Stdio::piped());
        let mut running = Running::spawn(ffmpeg, "ffmpeg", &name, &limits)?;
        let stdout = running.child().take_stdout().expect("asked for a pipe");
        let duration_s = probe.duration_s;
        Ok(Self { width_px, height_px, rate, duration_s, name, running, stdout, ended: false, any: false })
    }

    /// Reads the next frame into `rgb` (3 × width × height bytes); false at the end.
    ///
    /// # Errors
    /// When nothing of the film can be decoded.
    pub fn next(&mut self, rgb: &mut Vec<u8>) -> Result<bool, MediaError> {
        rgb.resize(self.width_px as usize * self.height_px as usize * 3, 0);
        let mut filled = 0;
        while !self.ended && filled < rgb.len() {
            match self.running.read(&mut self.stdout, &mut rgb[filled..])? {
                0 => self.ended = true,
                n => filled += n,
            }
        }
        if filled == rgb.len() {
            self.any = true;
            return Ok(true);
        }
        let how = self.running.finish();
        if self.any { Ok(false) } else { how.and(Err(MediaError::new(&self.name, Problem::Empty("picture")))) }
    }
}

/// How a film is written.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderOptions {
    pub width_px: u32,
    pub height_px: u32,
    /// Frames a second as a fraction.
    pub rate: (u32, u32),
    /// Quality of H.264: 0 (lossless) to 51; 18 looks like the original.
    pub crf: u8,
    /// Part of what decides the bytes, so it is fixed and not the machine's.
    pub threads: u8,
}

/// Writes H.264 and AAC into an MP4 that starts playing before it is loaded. The same frames and sound give the same
/// bytes (for the same builds of ffmpeg and x264).
#[derive(Debug)]
pub struct Encoder {
    name: String,
    frame_bytes: usize,
    feed: Feed,
}

impl Encoder {
    /// Starts ffmpeg. `wav` is a file of our own; both sizes must be even.
    ///
    /// # Errors
    /// `tool_missing` without ffmpeg.
    pub fn create(path: &Path, wav: Option<&Path>, options: &EncoderOptions) -> Result<Self, MediaError> {
        let name = name_of(path);
        let EncoderOptions { width_px, height_px, rate, crf, threads } = *options;
        if width_px % 2 != 0 || height_px % 2 != 0 || width_px * height_px == 0 || rate.0 == 0 || rate.1 == 0 {
            let what = format!("{width_px} x {height_px} at {}/{} is not possible in H.264", rate.0, rate.1);
            return Err(MediaError::new(&name, Problem::Encode(what)));
        }
        let io = |error| MediaError::io(&name, error);
        let limits = Limits::default();
        let mut ffmpeg = command("ffmpeg", &limits);
        ffmpeg
            .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "pipe"])
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &format!("{width_px}x{height_px}")])
            .args(["-r", &format!("{}/{}", rate.0, rate.1), "-i", "pipe:0"]);
        if let Some(wav) = wav {
            ffmpeg.args(["-protocol_whitelist", "file", "-f", "wav", "-i"]);
            ffmpeg.arg(url(&std::path::absolute(wav).map_err(io)?));
            ffmpeg.args(["-map", "0:v:0", "-map", "1:a:0", "-c:a", "aac", "-b:a", "128k", "-flags:a", "+bitexact"]);
        }
        ffmpeg
            .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", &crf.to_string(), "-pix_fmt", "yuv420p"])
            // Said and meant: without it players guess the matrix by the size.
            .args(["-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"])
            .args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"])
            .args(["-threads", &threads.max(1).to_string(), "-flags:v", "+bitexact", "-fflags", "+bitexact"])
            .args(["-map_metadata", "-1", "-movflags", "+faststart", "-f", "mp4", "-y"])
            .arg(url(&std::path::absolute(path).map_err(io)?));
        let feed = Feed::start(ffmpeg, &name, &limits)?;
        Ok(Self { name, frame_bytes: width_px as usize * height_px as usize * 3, feed })
    }

    /// Adds a frame of packed RGB, 3 × width × height bytes.
    ///
    /// # Errors
    /// When the frame has another size or ffmpeg is stuck.
    pub fn frame(&mut self, rgb: &[u8]) -> Result<(), MediaError> {
        if rgb.len() != self.frame_bytes {
            let what = format!("a frame of {} bytes came where {} are due", rgb.len(), self.frame_bytes);
            return Err(MediaError::new(&self.name, Problem::Encode(what)));
        }
        self.feed.write(rgb)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When ffmpeg could not write it; the sentence says why.
    pub fn finish(self) -> Result<(), MediaError> {
        self.feed.finish()
    }
}
