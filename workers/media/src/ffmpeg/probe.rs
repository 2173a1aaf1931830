use serde::Deserialize;

use crate::{
    MediaError, Problem,
    ffmpeg::{Input, Limits, command, run_to_end},
};
use std::path::Path;

use crate::{error::name_of, sniff};

/// What a film or sound file holds, by its headers.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    pub duration_s: Option<f64>,
    /// The first of each.
    pub audio: Option<AudioStream>,
    pub video: Option<VideoStream>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioStream {
    pub codec: String,
    pub rate_hz: u32,
    pub channels: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VideoStream {
    pub codec: String,
    /// As shown: rotation applied.
    pub width_px: u32,
    pub height_px: u32,
    /// Frames a second as a fraction, the average.
    pub rate: (u32, u32),
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    duration: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    sample_rate: Option<String>,
    channels: Option<usize>,
    width: Option<u32>,
    height: Option<u32>,
    avg_frame_rate: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<i32>,
}

/// Reads a file's headers with a guarded ffprobe.
///
/// # Errors
/// When the file is not sound or film, is damaged, or ffmpeg is not installed.
pub fn probe(path: &Path) -> Result<Probe, MediaError> {
    let name = name_of(path);
    let mut file = std::fs::File::open(path).map_err(|error| MediaError::io(&name, error))?;
    let container = sniff::sniff(&mut file).map_err(|error| MediaError::io(&name, error))?;
    let Some(demuxer) = container.demuxer() else {
        return Err(MediaError::new(&name, Problem::Unsupported(container.described().into())));
    };
    probe_input(Input { path, container, demuxer, seekable: true }, &name)
}

pub(crate) fn probe_input(input: Input<'_>, name: &str) -> Result<Probe, MediaError> {
    let limits = Limits { cpu_s: 60, stall: std::time::Duration::from_secs(60), ..Limits::default() };
    let mut ffprobe = command("ffprobe", &limits);
    ffprobe.args(["-hide_banner", "-loglevel", "error", "-show_streams", "-show_format", "-of", "json"]);
    ffprobe.args(input.args()).stdin(input.stdin().map_err(|error| MediaError::io(name, error))?);
    let json = run_to_end(ffprobe, "ffprobe", name, &limits, 4 << 20)?;
    let report: Report = serde_json::from_slice(&json)
        .map_err(|error| MediaError::undecodable(name, "ffprobe does not understand it").because(error))?;
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
    let of = |kind: &str| {
        let wanted = |s: &&Stream| s.codec_type.as_deref() == Some(kind) && s.disposition.attached_pic == 0;
        report.streams.iter().find(wanted)
    };
    let duration = report.format.as_ref().and_then(|format| number(&format.duration));
    let longest = report.streams.iter().filter_map(|stream| number(&stream.duration)).reduce(f64::max);
    Ok(Probe {
        duration_s: duration.or(longest).filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
        audio: of("audio").map(|stream| AudioStream {
            codec: stream.codec_name.clone().unwrap_or_default(),
            rate_hz: number(&stream.sample_rate).unwrap_or(0.0) as u32,
            channels: stream.channels.unwrap_or(0),
        }),
        video: of("video").map(video_stream),
    })
}

fn video_stream(stream: &Stream) -> VideoStream {
    let turned = stream.side_data_list.iter().any(|data| data.rotation.is_some_and(|r| r.rem_euclid(180) == 90));
    let (width, height) = (stream.width.unwrap_or(0), stream.height.unwrap_or(0));
    let rate = stream.avg_frame_rate.as_deref().and_then(|text| text.split_once('/'));
    let rate = rate.and_then(|(n, d)| Some((n.parse().ok()?, d.parse().ok()?))).filter(|&(_, d): &(u32, u32)| d > 0);
    VideoStream {
        codec: stream.codec_name.clone().unwrap_or_default(),
        width_px: if turned { height } else { width },
        height_px: if turned { width } else { height },
        rate: rate.unwrap_or((0, 1)),
    }
}
