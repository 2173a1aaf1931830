use std::{
    fs::File,
    io::{self, Seek},
    panic,
};

use symphonia::core::{
    audio::GenericAudioBufferRef,
    codecs::audio::{AudioDecoder, AudioDecoderOptions},
    common::Limit,
    errors::Error,
    formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
    units::{TimeBase, Timestamp},
};

use crate::{
    MediaError, Problem,
    audio::{AudioInfo, mp4, reader::Source},
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
    bad: usize,
    good: u64,
    samples: Vec<f32>,
}

impl Native {
    pub(crate) fn open(file: File, name: &str, container: Container) -> Result<Self, MediaError> {
        // symphonia is safe Rust; a panic in it is damage of the file, not of the process.
        panic::catch_unwind(|| Self::try_open(file, name, container))
            .unwrap_or_else(|_| Err(MediaError::undecodable(name, "its decoder gave up")))
    }

    fn try_open(mut file: File, name: &str, container: Container) -> Result<Self, MediaError> {
        let edit = if container == Container::Mp4 { mp4::sound_edit(&mut file) } else { mp4::Edit::default() };
        file.rewind().map_err(|error| MediaError::io(name, error))?;
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut hint = Hint::new();
        hint.with_extension(match container {
            Container::Wav => "wav",
            Container::Mp3 => "mp3",
            Container::Flac => "flac",
            Container::Ogg => "ogg",
            Container::Adts => "aac",
            _ => "mp4",
        });
        // Tags and cover pictures are not wanted, however large they claim to be.
        let meta = MetadataOptions::default()
            .limit_tag_bytes(Limit::Maximum(1 << 20))
            .limit_visual_bytes(Limit::Maximum(1 << 20));
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), meta)
            .map_err(|error| error_of(name, error))?;
        let track =
            format.default_track(TrackType::Audio).ok_or_else(|| MediaError::new(name, Problem::Empty("sound")))?;
        let (decoder, mut info) = open_track(name, container, track)?;
        let (id, time_base, start) = (track.id, track.time_base, track.start_ts);
        info.duration_s = edit.length_s.or(info.duration_s.map(|s| s - edit.skip_s)).map(|s| s + edit.delay_s);
        let mut native = Self {
            name: name.into(),
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
            Ok(None) => return self.end(),
            Err(Error::ResetRequired) => {
                self.restart()?;
                return Ok(true);
            }
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return self.end(),
            Err(Error::IoError(error)) => return Err(MediaError::io(&self.name, error)),
            Err(error) => return self.damaged(error),
        };
        if packet.track_id != self.track {
            return Ok(true);
        }
        let place = self.place(packet.pts.saturating_add(packet.trim_start));
        match self.decoder.decode(&packet) {
            Ok(decoded) => {
                let (frames, rate) = (decoded.frames(), decoded.spec().rate());
                let channels = decoded.spec().channels().count();
                mix(&decoded, channels, &mut self.samples);
                self.info.channels = channels;
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
            Err(Error::DecodeError(reason)) => self.damaged(Error::DecodeError(reason)),
            Err(Error::ResetRequired) => self.restart().map(|()| true),
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.damaged(Error::IoError(error))
            }
            Err(error) => Err(error_of(&self.name, error)),
        }
    }

    fn end(&self) -> Result<bool, MediaError> {
        if self.good == 0 && self.bad > 0 {
            return Err(MediaError::undecodable(&self.name, "none of its packets can be decoded"));
        }
        Ok(false)
    }

    fn damaged(&mut self, error: Error) -> Result<bool, MediaError> {
        self.bad += 1;
        self.resync = true;
        if self.bad > MAX_BAD_PACKETS {
            return Err(error_of(&self.name, error));
        }
        Ok(true)
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
        let mut samples = &self.samples[..];
        let rate = f64::from(self.info.rate_hz);
        if let Some(place) = place
            && (self.resync || (place - self.frame as i64) as f64 > MIN_GAP_S * rate)
        {
            let before_start = usize::try_from(-place).unwrap_or(0).min(samples.len());
            samples = &samples[before_start..];
            self.frame = u64::try_from(place).unwrap_or(0);
            self.resync = samples.is_empty();
        }
        let hole = self.frame.saturating_sub(self.emitted);
        if hole as f64 > MAX_GAP_S * rate {
            return Err(MediaError::undecodable(&self.name, "its time stamps jump by more than an hour"));
        }
        out.resize(out.len() + hole as usize, 0.0);
        self.emitted += hole;
        let len = samples.len() as u64;
        let known = (self.emitted - self.frame).min(len);
        let heard = self.end.map_or(len, |end| end.saturating_sub(self.frame).min(len)).max(known);
        out.extend_from_slice(&samples[known as usize..heard as usize]);
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

/// The mean of the channels.
fn mix(decoded: &GenericAudioBufferRef<'_>, channels: usize, mono: &mut Vec<f32>) {
    if channels <= 1 {
        decoded.copy_to_vec_interleaved(mono);
    } else {
        let mut all: Vec<f32> = Vec::new();
        decoded.copy_to_vec_interleaved(&mut all);
        let scale = 1.0 / channels as f32;
        mono.clear();
        mono.extend(all.chunks_exact(channels).map(|frame| frame.iter().copied().map(clean).sum::<f32>() * scale));
    }
    mono.iter_mut().for_each(|value| *value = clean(*value));
}

/// Files of floats may hold anything.
pub(crate) fn clean(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-8.0, 8.0) } else { 0.0 }
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
