//! Encodes film: parts that can be concatenated, and the finished file. ffmpeg runs under medley-media's guards: in an
//! empty environment, with limits of memory, time and file size, and is stopped when it no longer reads its input.

use std::{ffi::OsString, fs::File, io::Read, path::Path};

use medley_media::ffmpeg::{Feed, Limits, command};

use crate::{PortraitError, sound::FILM_RATE_HZ};

const BT709: [&str; 8] =
    ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];

/// An H.264 encoder that takes planar 4:2:0 frames and leaves a plain H.264 byte stream (ITU-T H.264, annex B): parts of
/// a film can be concatenated. It has no clock; with frames in the order in which they are shown, the number
/// of a frame is its time.
#[derive(Debug)]
pub(crate) struct FilmEncoder(Feed);

/// The format of a part of a film.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilmFormat {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: u32,
    pub(crate) crf: u32,
}

impl FilmEncoder {
    pub(crate) fn new(format: FilmFormat, path: &Path) -> Result<Self, PortraitError> {
        let limits = Limits::default();
        let mut ffmpeg = command("ffmpeg", &limits);
        ffmpeg
            .args(["-nostdin", "-v", "error", "-y", "-protocol_whitelist", "pipe"])
            .args(["-f", "rawvideo", "-pix_fmt", "yuv420p"])
            .args([
                "-video_size",
                &format!("{}x{}", format.width, format.height),
                "-framerate",
                &format.fps.to_string(),
            ])
            .args(BT709)
            .args(["-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast", "-crf", &format.crf.to_string()])
            // A whole part is a closed group of pictures without frames out of order; threads change the bytes, so their
            // number is fixed.
            .args(["-threads", "2", "-flags", "+cgop", "-bf", "0", "-g", &(format.fps * 2).to_string()])
            .args(BT709)
            .args(["-f", "h264"])
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

/// Makes the finished file from its parts.
#[derive(Debug)]
pub(crate) struct Muxer<'a> {
    /// The parts in order, all of one frame rate.
    pub(crate) films: &'a [&'a Path],
    pub(crate) fps: u32,
    /// 32-bit floats, mono, at [`crate::sound::FILM_RATE_HZ`].
    pub(crate) sound: &'a Path,
    /// SubRip.
    pub(crate) words: Option<&'a Path>,
    pub(crate) tags: &'a [(&'static str, String)],
}

impl Muxer<'_> {
    /// Concatenates the films, adds the sound and leaves an MP4 that plays while it loads. The pictures are not
    /// encoded again. The same parts give the same bytes.
    pub(crate) fn write(&self, out: &Path) -> Result<(), PortraitError> {
        let limits = Limits::default();
        let mut ffmpeg = command("ffmpeg", &limits);
        let fps = self.fps.to_string();
        ffmpeg
            .args(["-nostdin", "-v", "error", "-y", "-protocol_whitelist", "pipe", "-f", "h264"])
            .args(["-framerate", &fps, "-i", "pipe:0"])
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
            .args(["-bsf:v", &clocked(self.fps), "-video_track_timescale", &CLOCK_HZ.to_string()])
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

/// ffmpeg's clock for video without one; all frame rates divide it. The track uses the same clock, so that timestamps do not
/// change when ffmpeg converts between the two.
const CLOCK_HZ: u32 = 1_200_000;

/// The filter that shows the n-th frame at n / fps seconds, whatever the demuxer makes of a seam.
fn clocked(fps: u32) -> String {
    let ticks = CLOCK_HZ / fps.max(1);
    format!("setts=pts=N*{ticks}:dts=N*{ticks}:duration={ticks}")
}

/// A path as ffmpeg reads it without looking for a protocol in it; its folder is not ours.
fn url(path: &Path) -> Result<OsString, PortraitError> {
    let mut url = OsString::from("file:");
    url.push(std::path::absolute(path)?);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf, process::Command};

    use super::*;

    /// A part of grey frames, `frames` of them.
    fn part(folder: &Path, name: &str, fps: u32, frames: u8) -> PathBuf {
        let path = folder.join(name);
        let mut film = FilmEncoder::new(FilmFormat { width: 64, height: 64, fps, crf: 30 }, &path).unwrap();
        for n in 0..frames {
            film.frame(&[16 + 40 * n; 64 * 64 * 3 / 2]).unwrap();
        }
        film.close().unwrap();
        path
    }

    /// When each frame is shown, in ticks of the track's clock.
    fn shown(film: &Path) -> Vec<i64> {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-select_streams", "v", "-show_frames", "-of", "default=nk=1:nw=1"]);
        let output = ffprobe.args(["-show_entries", "frame=pts"]).arg(film).output().unwrap();
        // The encoder's note about itself, at the start of each part, is a line of its own.
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().filter(|line| !line.starts_with("H.26")).map(|time| time.parse().unwrap()).collect()
    }

    #[test]
    fn each_frame_has_its_own_time_however_many_parts_there_are() {
        let folder = tempfile::tempdir().unwrap();
        for (fps, parts) in [(25, 1), (25, 2), (25, 20), (25, 200), (24, 20), (30, 20), (60, 20)] {
            let made = [part(folder.path(), "even", fps, 4), part(folder.path(), "odd", fps, 5)];
            let films: Vec<&Path> = (0..parts).map(|n| made[n % 2].as_path()).collect();
            let frames: usize = (0..parts).map(|n| 4 + n % 2).sum();
            let sound = folder.path().join("sound.f32");
            // A little shorter than the frames, as a sound that ends within the last one.
            let samples = frames * FILM_RATE_HZ as usize / fps as usize - 100;
            fs::write(&sound, vec![0; 4 * samples]).unwrap();
            let out = folder.path().join("out.mp4");
            Muxer { films: &films, fps, sound: &sound, words: None, tags: &[] }.write(&out).unwrap();

            let times = shown(&out);
            let ticks = i64::from(CLOCK_HZ / fps);
            let wanted: Vec<i64> = (0..frames as i64).map(|n| n * ticks).collect();
            assert!(times == wanted, "{parts} parts at {fps} fps: {times:?}");
            let mut ffprobe = Command::new("ffprobe");
            ffprobe.args(["-v", "error", "-show_entries", "stream=duration,r_frame_rate,avg_frame_rate"]);
            let streams = ffprobe.args(["-of", "csv=p=0"]).arg(&out).output().unwrap();
            let streams = String::from_utf8(streams.stdout).unwrap();
            assert!(streams.starts_with(&format!("{fps}/1,{fps}/1,")), "{streams}");
            let lengths: Vec<f64> =
                streams.lines().map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
            assert!((lengths[0] - lengths[1]).abs() < 1.0 / f64::from(fps), "{streams}");
        }
    }
}
