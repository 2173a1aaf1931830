use serde::Deserialize;

use crate::{
    MediaError, Problem,
    ffmpeg::{Input, Limits, command, run_to_end},
};
use std::path::Path;

use crate::{
    error::name_of,
    sniff::{self, Container},
};

/// What a film or sound file holds, by its headers.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    pub duration_s: Option<f64>,
    /// The first of each.
    pub audio: Option<AudioStream>,
    pub video: Option<VideoStream>,
    /// All sound streams, in the file's order.
    pub sounds: Vec<AudioStream>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AudioStream {
    pub codec: String,
    pub rate_hz: u32,
    pub channels: usize,
    pub language: Option<String>,
    pub title: Option<String>,
    /// Whether the file flags it as the one to play.
    pub is_default: bool,
    /// How much later it starts than the first of picture and sound.
    pub lead_s: f64,
    /// Its own, where the file tells it: not that of a longer picture.
    pub duration_s: Option<f64>,
    /// Of the whole file.
    pub file_s: Option<f64>,
    /// How the sound was found: a decoder must search the file as far.
    pub search: Search,
}

/// How far ffmpeg reads into a file to find out what its streams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Search {
    /// As ffmpeg does by itself: 5 MB, and 5 s (7 s of a transport stream).
    #[default]
    Usual,
    /// For streams that begin late. ffmpeg keeps in memory what it reads meanwhile, so that this has an end too.
    Far,
}

impl Search {
    /// The options that go before `-i`.
    pub(crate) fn args(self) -> &'static [&'static str] {
        match self {
            Self::Usual => &[],
            Self::Far => &["-analyzeduration", "600000000", "-probesize", "268435456"],
        }
    }
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
    #[serde(default)]
    index: usize,
    codec_type: Option<String>,
    codec_name: Option<String>,
    sample_rate: Option<String>,
    channels: Option<usize>,
    width: Option<u32>,
    height: Option<u32>,
    avg_frame_rate: Option<String>,
    duration: Option<String>,
    start_time: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
    #[serde(default)]
    default: u8,
}

impl Stream {
    fn is(&self, kind: &str) -> bool {
        self.codec_type.as_deref() == Some(kind) && self.disposition.attached_pic == 0
    }

    fn is_shown(&self) -> bool {
        self.is("audio") || self.is("video")
    }

    /// A tag, whatever the case of its name.
    fn tag(&self, name: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

fn number(text: &Option<String>) -> Option<f64> {
    text.as_deref().and_then(|text| text.parse().ok()).filter(|value: &f64| value.is_finite())
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

/// Reads a file's headers; where they tell of a sound but not of its kind, as those of a program or transport stream
/// do whose sound begins late, a second time and further.
pub(crate) fn probe_input(input: Input<'_>, name: &str) -> Result<Probe, MediaError> {
    let probe = probe_far(input, name, Search::Usual)?;
    let is_unknown = |sound: &AudioStream| sound.rate_hz == 0 || sound.channels == 0;
    if probe.sounds.iter().any(is_unknown) {
        // Where that does not work out, the first answer is the better one.
        return Ok(probe_far(input, name, Search::Far).unwrap_or(probe));
    }
    Ok(probe)
}

/// Reads a file's headers, searching so far.
pub(crate) fn probe_far(input: Input<'_>, name: &str, search: Search) -> Result<Probe, MediaError> {
    let mut report: Report = ask(input, name, search, &["-show_streams", "-show_format"])?;
    find_starts(&mut report, input, name, search);
    let duration = report.format.as_ref().and_then(|format| number(&format.duration));
    let longest = report.streams.iter().filter_map(|stream| number(&stream.duration)).reduce(f64::max);
    let duration_s = duration.or(longest).filter(|seconds| *seconds >= 0.0);
    let shown = || report.streams.iter().filter(|stream| stream.is_shown());
    let first_s = shown().filter_map(|stream| number(&stream.start_time)).reduce(f64::min).unwrap_or(0.0);
    let alone = shown().count() == 1;
    let sounds: Vec<AudioStream> = report
        .streams
        .iter()
        .filter(|stream| stream.is("audio"))
        .map(|stream| AudioStream {
            // An ASF tells how long the film is, and ffmpeg says the same of each of its streams.
            duration_s: own_duration(stream)
                .filter(|_| input.container != Container::Asf)
                .or(duration_s.filter(|_| alone)),
            file_s: duration_s,
            lead_s: number(&stream.start_time).map_or(0.0, |start| start - first_s),
            search,
            ..audio_stream(stream)
        })
        .collect();
    let video = report.streams.iter().find(|stream| stream.is("video")).map(video_stream);
    Ok(Probe { duration_s, audio: sounds.first().cloned(), video, sounds })
}

fn ask<T: serde::de::DeserializeOwned>(
    input: Input<'_>,
    name: &str,
    search: Search,
    entries: &[&str],
) -> Result<T, MediaError> {
    let limits = Limits { cpu_s: 60, stall: std::time::Duration::from_secs(60), ..Limits::default() };
    let mut ffprobe = command("ffprobe", &limits);
    ffprobe.args(["-hide_banner", "-loglevel", "error", "-of", "json"]).args(entries).args(search.args());
    ffprobe.args(input.args()).stdin(input.stdin().map_err(|error| MediaError::io(name, error))?);
    let json = run_to_end(ffprobe, "ffprobe", name, &limits, 4 << 20)?;
    serde_json::from_slice(&json)
        .map_err(|error| MediaError::undecodable(name, "ffprobe does not understand it").because(error))
}

/// Looks for the first packet of each sound that ffmpeg met none of in its search. It says of such a stream that it
/// begins when the file does and is as long, which is not so.
fn find_starts(report: &mut Report, input: Input<'_>, name: &str, search: Search) {
    // The index of these tells it.
    if input.container.needs_seeking() {
        return;
    }
    let Some(length) = report.format.as_ref().and_then(|format| number(&format.duration)) else { return };
    let shown = || report.streams.iter().filter(|stream| stream.is_shown());
    let Some(first_s) = shown().filter_map(|stream| number(&stream.start_time)).reduce(f64::min) else { return };
    if shown().count() < 2 {
        return;
    }
    let is = |told: &Option<String>, value: f64| number(told).is_some_and(|told| (told - value).abs() < 1e-5);
    for stream in report.streams.iter_mut().filter(|stream| stream.is("audio")).take(MAX_LOOKED_FOR) {
        if !is(&stream.start_time, first_s) || !is(&stream.duration, length) {
            continue;
        }
        let index = stream.index.to_string();
        let entries = ["-select_streams", &index, "-show_entries", "packet=pts_time", "-read_intervals", "%+#1"];
        let found: Option<Packets> = ask(input, name, search, &entries).ok();
        let start = found.and_then(|found| found.packets.into_iter().next()).and_then(|packet| packet.pts_time);
        if number(&start).is_some_and(|start| start > first_s) {
            (stream.start_time, stream.duration) = (start, None);
        }
    }
}

/// Of so many sounds the starts are looked for: of one without a packet that takes as long as reading the file.
const MAX_LOOKED_FOR: usize = 8;

#[derive(Deserialize)]
struct Packets {
    #[serde(default)]
    packets: Vec<Packet>,
}

#[derive(Deserialize)]
struct Packet {
    pts_time: Option<String>,
}

fn audio_stream(stream: &Stream) -> AudioStream {
    // MP4 calls every sound track the same; such names say nothing.
    let title = stream.tag("title").or(stream.tag("handler_name"));
    AudioStream {
        codec: stream.codec_name.clone().unwrap_or_default(),
        rate_hz: number(&stream.sample_rate).unwrap_or(0.0) as u32,
        channels: stream.channels.unwrap_or(0),
        language: stream.tag("language").filter(|language| *language != "und").map(Into::into),
        title: title.filter(|title| !matches!(*title, "SoundHandler" | "Core Media Audio")).map(Into::into),
        is_default: stream.disposition.default != 0,
        lead_s: 0.0,
        duration_s: None,
        file_s: None,
        search: Search::Usual,
    }
}

/// Matroska writes it as a tag, "00:01:02.500000000", and means the time of the track's end.
fn own_duration(stream: &Stream) -> Option<f64> {
    let of_tag = || {
        let mut parts = stream.tag("duration")?.split(':').map(|part| part.parse::<f64>().ok());
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        Some(hours * 3600.0 + minutes * 60.0 + seconds - number(&stream.start_time).unwrap_or(0.0).max(0.0))
    };
    number(&stream.duration).or_else(of_tag).filter(|seconds| *seconds > 0.0)
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
