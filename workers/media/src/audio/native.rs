//! What symphonia decodes, in this process.

use std::{io, panic};

use symphonia::core::{
    audio::GenericAudioBufferRef,
    codecs::audio::{AudioDecoder, AudioDecoderOptions},
    common::Limit,
    errors::Error,
    formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
    packet::Packet,
    units::{TimeBase, Timestamp},
};

use crate::{
    MediaError, Problem,
    audio::{
        AudioInfo, Undecoded,
        losses::{ENDS_EARLY, Losses},
        mp4::Edit,
        parts::Part,
        source::{Opening, Source, clean, is_credible},
        span::SpanReader,
    },
    sniff::Container,
};

/// Frames before a seek's target that are decoded and dropped: MP3's bit reservoir and the overlapping windows of MP3,
/// AAC and Vorbis reach back a few packets.
const PREROLL_S: f64 = 0.5;
/// A hole in a stream's time stamps up to this length is filled with silence; a larger one is damage.
const MAX_GAP_S: f64 = 3600.0;
/// Smaller differences are rounding of time stamps.
const MIN_GAP_S: f64 = 0.1;
/// Damaged packets in a row after which a file is given up.
const MAX_BAD_PACKETS: usize = 512;

/// A file that symphonia decodes.
pub(crate) struct Native {
    name: String,
    info: AudioInfo,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    time_base: Option<TimeBase>,
    /// The frame of the file's time line at which the next packet is expected.
    frame: u64,
    /// The frame that goes out next; decoded ones before it are dropped (after a seek).
    emitted: u64,
    /// The next packet's time is believed to the frame: after a seek, and behind damage.
    resync: bool,
    /// What is added to a packet's time, in frames.
    shift: i64,
    /// Frames from this one on are not heard.
    end: Option<u64>,
    /// A seek went beyond the end.
    past_end: bool,
    /// What the file sounds, if that is known for sure: silence stands for what is damaged at its end.
    expected: Option<u64>,
    /// What its header promises.
    promised: Option<u64>,
    losses: Losses,
    /// Something was heard since the start or the last seek.
    settled: bool,
    finished: bool,
    bad: usize,
    good: u64,
    /// Of a packet, interleaved.
    samples: Vec<f32>,
}

impl Native {
    /// Opens a part of a file; `edit` is what an MP4 says about its only sound track.
    pub(crate) fn open(opening: &Opening, part: &Part, edit: Edit) -> Result<Self, MediaError> {
        // symphonia is safe Rust; a panic in it is damage of the file, not of the process.
        panic::catch_unwind(panic::AssertUnwindSafe(|| Self::try_open(opening, part, edit)))
            .unwrap_or_else(|_| Err(MediaError::undecodable(&opening.name, "its decoder gave up")))
    }

    fn try_open(opening: &Opening, part: &Part, edit: Edit) -> Result<Self, MediaError> {
        let (name, container) = (&opening.name, opening.container);
        let format = probe(opening, part)?;
        let track =
            format.default_track(TrackType::Audio).ok_or_else(|| MediaError::new(name, Problem::Empty("sound")))?;
        let (decoder, mut info) = open_track(name, container, track)?;
        let (id, time_base, start) = (track.id, track.time_base, track.start_ts);
        let frames = track.num_frames.filter(|&frames| frames > 0);
        // A fragmented MP4 says 0: it does not know.
        let coded_s = info.duration_s.filter(|&seconds| seconds > 0.0).map(|seconds| seconds - edit.skip_s);
        info.duration_s = edit.length_s.or(coded_s).map(|seconds| seconds + edit.delay_s);
        info.duration_s = info.duration_s.filter(|&seconds| is_credible(seconds, part.span.bytes()));
        let mut native = Self {
            name: name.clone(),
            info,
            format,
            decoder,
            track: id,
            time_base,
            frame: 0,
            emitted: 0,
            // An MP4's first packet need not lie at the start of its time line.
            resync: container == Container::Mp4,
            shift: 0,
            end: None,
            past_end: false,
            // An MP3's header was put right when its frames were counted.
            expected: part.frames.or(frames.filter(|_| container == Container::Mp3 && part.seconds > 0.0)),
            promised: None,
            losses: Losses::default(),
            settled: false,
            finished: false,
            bad: 0,
            good: 0,
            samples: Vec::new(),
        };
        native.learn_format()?;
        let rate = f64::from(native.info.rate_hz);
        native.end = edit.length_s.map(|length| ((edit.delay_s + length) * rate).ceil() as u64);
        native.shift = ((edit.delay_s - edit.skip_s) * rate).round() as i64;
        if container != Container::Mp4 {
            // A recording of a running stream starts at any time; here that is 0.
            native.shift = -native.place(start).unwrap_or(0).max(0);
        }
        if matches!(container, Container::Mp4 | Container::Flac) {
            native.promised = native.info.duration_s.map(|seconds| (seconds * rate) as u64);
        }
        Ok(native)
    }

    /// Some containers name neither rate nor channels: the first packet does.
    fn learn_format(&mut self) -> Result<(), MediaError> {
        if self.info.rate_hz != 0 && self.info.channels != 0 {
            return Ok(());
        }
        let mut ignored = Vec::new();
        while self.info.rate_hz == 0 || self.info.channels == 0 {
            if !self.decode_next(&mut ignored)? {
                return Err(MediaError::new(&self.name, Problem::Empty("sound")));
            }
        }
        self.seek_packets(0).map(drop)
    }

    fn decode_next(&mut self, out: &mut Vec<f32>) -> Result<bool, MediaError> {
        let packet = match self.format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return self.end(out),
            Err(Error::ResetRequired) => {
                self.restart()?;
                return Ok(true);
            }
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return self.end(out),
            Err(Error::IoError(error)) => return Err(MediaError::io(&self.name, error)),
            Err(error) => return self.damaged(error, 0),
        };
        if packet.track_id != self.track {
            return Ok(true);
        }
        let place = self.place(packet.pts.saturating_add(packet.trim_start));
        let long = self.frames_of(&packet);
        match self.decoder.decode(&packet) {
            Ok(decoded) => {
                let (frames, rate) = (decoded.frames(), decoded.spec().rate());
                let channels = decoded.spec().channels().count();
                if self.info.channels == 0 {
                    self.info.channels = channels;
                }
                interleave(&decoded, channels, self.info.channels, &mut self.samples);
                if self.info.rate_hz == 0 {
                    self.info.rate_hz = rate;
                } else if rate != self.info.rate_hz && frames > 0 {
                    let reason = format!("its rate changes from {} to {rate} Hz within", self.info.rate_hz);
                    return Err(MediaError::undecodable(&self.name, reason));
                }
                self.bad = 0;
                self.good += frames as u64;
                self.emit(place, out)?;
                Ok(self.end.is_none_or(|end| self.frame < end))
            }
            // What a damaged packet would have held is silence: its place is known by the next packet's time.
            Err(Error::DecodeError(reason)) => self.damaged(Error::DecodeError(reason), long),
            Err(Error::ResetRequired) => self.restart().map(|()| true),
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.damaged(Error::IoError(error), long)
            }
            Err(error) => Err(error_of(&self.name, error)),
        }
    }

    /// The end of the packets: silence up to where the sound is known to end, and what is missing.
    fn end(&mut self, out: &mut Vec<f32>) -> Result<bool, MediaError> {
        if self.good == 0 && self.bad > 0 {
            return Err(MediaError::undecodable(&self.name, "none of its packets can be decoded"));
        }
        if self.finished {
            return Ok(false);
        }
        self.finished = true;
        let missing = |end: Option<u64>| end.map_or(0, |end| end.saturating_sub(self.emitted));
        let (silent, promised) = (missing(self.expected), missing(self.promised));
        if silent > 0 && self.good > 0 {
            out.resize(out.len() + silent as usize * self.info.channels, 0.0);
            self.emitted += silent;
        }
        self.losses.mend(silent);
        self.losses.add(promised, ENDS_EARLY);
        Ok(silent > 0)
    }

    fn damaged(&mut self, error: Error, frames: u64) -> Result<bool, MediaError> {
        self.bad += 1;
        self.resync = true;
        self.losses.suspect(frames);
        if self.bad > MAX_BAD_PACKETS {
            return Err(error_of(&self.name, error));
        }
        Ok(true)
    }

    /// How many frames a packet stands for.
    fn frames_of(&self, packet: &Packet) -> u64 {
        let seconds = self.time_base.and_then(|base| base.calc_duration(packet.dur));
        seconds.map_or(0, |time| (time.as_secs_f64() * f64::from(self.info.rate_hz)) as u64)
    }

    /// A chained stream: the same kind of track starts anew, and time goes on.
    fn restart(&mut self) -> Result<(), MediaError> {
        let track = self
            .format
            .default_track(TrackType::Audio)
            .ok_or_else(|| MediaError::undecodable(&self.name, "its sound ends and something else begins"))?;
        let (decoder, info) = open_track(&self.name, self.info.container, track)?;
        if info.rate_hz != self.info.rate_hz {
            return Err(MediaError::undecodable(&self.name, "its rate changes within"));
        }
        (self.track, self.decoder, self.time_base) = (track.id, decoder, None);
        Ok(())
    }

    /// The frame at which a packet belongs, if time stamps say.
    fn place(&self, time: Timestamp) -> Option<i64> {
        let base = self.time_base?;
        let (numer, denom) = (i128::from(base.numer.get()), i128::from(base.denom.get()));
        let frames = i128::from(time.get()) * numer * i128::from(self.info.rate_hz);
        i64::try_from((frames + denom / 2).div_euclid(denom)).ok()?.checked_add(self.shift)
    }

    /// Puts the decoded samples where they belong on the time line, with silence where the stream has a hole.
    fn emit(&mut self, place: Option<i64>, out: &mut Vec<f32>) -> Result<(), MediaError> {
        let channels = self.info.channels.max(1);
        let mut first = 0;
        let mut len = (self.samples.len() / channels) as u64;
        let rate = f64::from(self.info.rate_hz);
        if let Some(place) = place
            && (self.resync || (place - self.frame as i64) as f64 > MIN_GAP_S * rate)
        {
            let before_start = u64::try_from(-place).unwrap_or(0).min(len);
            (first, len) = (before_start, len - before_start);
            self.frame = u64::try_from(place).unwrap_or(0);
            self.resync = len == 0;
        }
        let hole = self.frame.saturating_sub(self.emitted);
        if hole as f64 > MAX_GAP_S * rate {
            return Err(MediaError::undecodable(&self.name, "its time stamps jump by more than an hour"));
        }
        if hole > 0 && self.settled && matches!(self.info.container, Container::Flac | Container::Ogg) {
            // Their frames follow each other without a hole: what is missing cannot have been found.
            self.losses.suspect(0);
        }
        self.settled = true;
        self.losses.mend(hole);
        out.resize(out.len() + hole as usize * channels, 0.0);
        self.emitted += hole;
        let known = (self.emitted - self.frame).min(len);
        let heard = self.end.map_or(len, |end| end.saturating_sub(self.frame).min(len)).max(known);
        let part = |frame: u64| (first + frame) as usize * channels;
        out.extend_from_slice(&self.samples[part(known)..part(heard)]);
        self.emitted += heard - known;
        self.frame += len;
        Ok(())
    }

    /// Goes to a packet well before `frame`; the first samples that come are those of `frame`.
    fn seek_packets(&mut self, frame: u64) -> Result<u64, MediaError> {
        let rate = f64::from(self.info.rate_hz.max(1));
        let target = ((frame as i64 - self.shift) as f64 / rate - PREROLL_S).max(0.0);
        let to = match self.time_base {
            Some(base) => {
                let ticks = target * f64::from(base.denom.get()) / f64::from(base.numer.get());
                SeekTo::Timestamp { ts: Timestamp::new(ticks as i64), track_id: self.track }
            }
            None => return Err(MediaError::new(&self.name, Problem::Unsupported("not seekable".into()))),
        };
        self.past_end = match self.format.seek(SeekMode::Accurate, to) {
            Ok(_) => false,
            Err(Error::SeekError(_)) => true,
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => true,
            Err(error) => return Err(error_of(&self.name, error)),
        };
        self.decoder.reset();
        (self.resync, self.emitted, self.bad) = (true, frame, 0);
        (self.losses, self.settled, self.finished) = (Losses::default(), false, false);
        Ok(frame)
    }
}

impl Source for Native {
    fn info(&self) -> &AudioInfo {
        &self.info
    }

    fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, MediaError> {
        let before = out.len();
        if self.past_end {
            return Ok(false);
        }
        loop {
            let name = self.name.clone();
            let more = panic::catch_unwind(panic::AssertUnwindSafe(|| self.decode_next(out)))
                .unwrap_or_else(|_| Err(MediaError::undecodable(&name, "its decoder gave up")))?;
            if !more || out.len() > before {
                return Ok(more);
            }
        }
    }

    fn seek(&mut self, frame: u64) -> Result<u64, MediaError> {
        self.seek_packets(frame)
    }

    fn length(&self) -> Option<u64> {
        self.expected
    }

    fn lost(&self) -> Option<Undecoded> {
        self.losses.told(self.info.rate_hz)
    }
}

fn probe(opening: &Opening, part: &Part) -> Result<Box<dyn FormatReader>, MediaError> {
    let source = SpanReader::new(opening.file.clone(), part.span.clone());
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let mut hint = Hint::new();
    hint.with_extension(match opening.container {
        Container::Wav => "wav",
        Container::Mp3 => "mp3",
        Container::Flac => "flac",
        Container::Ogg => "ogg",
        Container::Adts => "aac",
        _ => "mp4",
    });
    // Tags and cover pictures are not wanted, however large they claim to be.
    let meta =
        MetadataOptions::default().limit_tag_bytes(Limit::Maximum(1 << 20)).limit_visual_bytes(Limit::Maximum(1 << 20));
    symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), meta)
        .map_err(|error| error_of(&opening.name, error))
}

fn open_track(
    name: &str,
    container: Container,
    track: &Track,
) -> Result<(Box<dyn AudioDecoder>, AudioInfo), MediaError> {
    let params = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
        .ok_or_else(|| MediaError::new(name, Problem::Unsupported("sound of a codec that is not known".into())))?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|error| error_of(name, error))?;
    let rate_hz = params.sample_rate.unwrap_or(0);
    let seconds = match (track.num_frames, track.duration.zip(track.time_base)) {
        (Some(frames), _) if rate_hz > 0 => Some(frames as f64 / f64::from(rate_hz)),
        (_, Some((duration, base))) => base.calc_duration(duration).map(|time| time.as_secs_f64()),
        _ => None,
    };
    let channels = params.channels.as_ref().map_or(0, |channels| channels.count());
    Ok((decoder, AudioInfo { container, rate_hz, channels, duration_s: seconds, external: false }))
}

/// Samples of `have` channels as frames of `want`: a packet that has other channels than the file speaks for all.
fn interleave(decoded: &GenericAudioBufferRef<'_>, have: usize, want: usize, out: &mut Vec<f32>) {
    decoded.copy_to_vec_interleaved(out);
    out.iter_mut().for_each(|value| *value = clean(*value));
    if have != want && have > 0 {
        let frames = out.chunks_exact(have).map(|frame| frame.iter().sum::<f32>() / have as f32);
        *out = frames.flat_map(|value| std::iter::repeat_n(value, want)).collect();
    }
}

fn error_of(name: &str, error: Error) -> MediaError {
    match error {
        Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            MediaError::undecodable(name, "it ends too early").because(error)
        }
        Error::IoError(error) => MediaError::undecodable(name, &error).because(error),
        Error::Unsupported(what) => MediaError::new(name, Problem::Unsupported(format!("not decodable here ({what})"))),
        Error::LimitError(what) => {
            MediaError::new(name, Problem::TooLarge(format!("is over a decoder's limit ({what})")))
        }
        other => MediaError::undecodable(name, &other).because(other),
    }
}
