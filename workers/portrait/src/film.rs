//! Film out: parts that can be laid end to end, and the finished file. ffmpeg runs under medley-media's guards: in an
//! empty environment, with limits of memory, time and file size, and given up when it takes nothing any more.

use std::{ffi::OsString, fs::File, io::Read, path::Path};

use medley_media::ffmpeg::{Feed, Limits, command};

use crate::{PortraitError, sound::FILM_RATE_HZ};

const BT709: [&str; 8] =
    ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];

/// An H.264 encoder that takes planar 4:2:0 frames and leaves an MPEG transport stream, in which parts of a film can
/// be laid end to end.
#[derive(Debug)]
pub(crate) struct Film(Feed);

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
        let limits = Limits::default();
        let start_s = format!("{:.6}", reel.first as f64 / f64::from(reel.fps));
        let mut ffmpeg = command("ffmpeg", &limits);
        ffmpeg
            .args(["-nostdin", "-v", "error", "-y", "-protocol_whitelist", "pipe"])
            .args(["-f", "rawvideo", "-pix_fmt", "yuv420p"])
            .args(["-video_size", &format!("{}x{}", reel.width, reel.height), "-framerate", &reel.fps.to_string()])
            .args(BT709)
            .args(["-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast", "-crf", &reel.crf.to_string()])
            // A whole part is a closed group of pictures; threads change the bytes, so their number is fixed.
            .args(["-threads", "2", "-flags", "+cgop", "-g", &(reel.fps * 2).to_string()])
            .args(BT709)
            .args(["-output_ts_offset", &start_s, "-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts"])
            .arg(url(path)?);
        Ok(Self(Feed::start(ffmpeg, "the film", &limits)?))
    }

    pub(crate) fn frame(&mut self, bytes: &[u8]) -> Result<(), PortraitError> {
        Ok(self.0.write(bytes)?)
    }

    pub(crate) fn close(self) -> Result<(), PortraitError> {
        Ok(self.0.finish()?)
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
        let limits = Limits::default();
        let mut ffmpeg = command("ffmpeg", &limits);
        ffmpeg
            .args(["-nostdin", "-v", "error", "-y", "-protocol_whitelist", "pipe", "-f", "mpegts", "-i", "pipe:0"])
            .args(["-protocol_whitelist", "file", "-f", "f32le", "-ar"])
            .arg(FILM_RATE_HZ.to_string())
            .args(["-ac", "1", "-i"])
            .arg(url(self.sound)?);
        if let Some(words) = self.words {
            ffmpeg.args(["-protocol_whitelist", "file", "-f", "srt", "-i"]).arg(url(words)?);
            ffmpeg.args(["-map", "2:s:0", "-c:s", "mov_text"]);
        }
        ffmpeg
            .args(["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", "aac", "-b:a", "160k"])
            // Film and sound are of one length to within a frame. `-shortest` would end the clip with the last subtitle.
            .args(["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]);
        for (key, value) in self.tags {
            ffmpeg.arg("-metadata").arg(format!("{key}={value}"));
        }
        ffmpeg.args(["-movflags", "+faststart+use_metadata_tags", "-f", "mp4"]).arg(url(out)?);
        let mut feed = Feed::start(ffmpeg, "the clip", &limits)?;
        let mut block = vec![0; 1 << 16];
        for part in self.films {
            let mut part = File::open(part)?;
            loop {
                match part.read(&mut block)? {
                    0 => break,
                    n => feed.write(&block[..n])?,
                }
            }
        }
        Ok(feed.finish()?)
    }
}

/// A path as ffmpeg reads it without looking for a protocol in it; its folder is not ours.
fn url(path: &Path) -> Result<OsString, PortraitError> {
    let mut url = OsString::from("file:");
    url.push(std::path::absolute(path)?);
    Ok(url)
}
