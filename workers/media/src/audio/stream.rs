//! A part of a file as mono samples at the wanted rate.

use std::sync::Arc;

use super::{
    AudioInfo, Undecoded, choose,
    external::{External, Piece},
    losses::ENDS_EARLY,
    mix::Mixer,
    mp4,
    native::Native,
    parts::Part,
    resample::Resampler,
    source::{Opening, Source},
    tracks::SoundTracks,
};
use crate::{MediaError, Problem, sniff::Container};

/// Samples that are handled at a time.
pub(super) const BLOCK: usize = 16_384;

/// A decoder with its mixer and resampler. Samples and frames count from the start of the part.
pub(super) struct Stream {
    opening: Arc<Opening>,
    part: Part,
    source: Box<dyn Source>,
    mixer: Mixer,
    resampler: Resampler,
    /// Decoded frames that are not mixed yet.
    raw: Vec<f32>,
    /// Mono frames from frame `base` on.
    window: Vec<f32>,
    base: u64,
    ended: bool,
    /// The next sample that goes out.
    next: u64,
    /// ffmpeg took over, or could not.
    fell_back: bool,
    /// What is lost because the decoder gave up.
    given_up: Option<Undecoded>,
}

/// A decoder for a part, and which track of it that decodes. `track` is the number of the one to take; without it one
/// is chosen.
pub(super) fn open_source(
    opening: &Arc<Opening>,
    part: &Part,
    track: Option<u32>,
) -> Result<(Box<dyn Source>, SoundTracks), MediaError> {
    let mut refused = None;
    if opening.container.is_native() {
        let sounds = match opening.container {
            Container::Mp4 => mp4::sounds(&opening.file, part.span.start, part.span.end),
            _ => Vec::new(),
        };
        let is_simple = sounds.len() <= 1 && sounds.iter().all(|sound| !sound.is_complex);
        if is_simple {
            match Native::open(opening, part, sounds.first().map(|sound| sound.edit).unwrap_or_default()) {
                Ok(native) => {
                    track.map_or(Ok(()), |asked| choose::check_asked(&opening.name, asked, 1))?;
                    return Ok((Box::new(native), SoundTracks::one()));
                }
                Err(error) => refused = Some(error),
            }
        }
    }
    let external = || {
        let piece = Piece::of(opening, &part.span)?;
        let sounds = piece.sounds(opening)?;
        let tracks = choose::choose(opening, &piece, &sounds, track)?;
        let external = External::open(opening, piece, &sounds, tracks.taken as usize - 1)?;
        Ok((Box::new(external) as Box<dyn Source>, tracks))
    };
    // Without ffmpeg, or with one that fails too, the first reason is the better one, if it is about the file.
    external().map_err(|error: MediaError| match (error.problem(), refused) {
        (Problem::ToolMissing(_), Some(first)) if !matches!(first.problem(), Problem::Unsupported(_)) => first,
        _ => error,
    })
}

impl Stream {
    pub(super) fn new(
        opening: Arc<Opening>,
        part: Part,
        source: Box<dyn Source>,
        rate_hz: u32,
        channel: Option<usize>,
    ) -> Self {
        let info = source.info();
        Self {
            resampler: Resampler::new(info.rate_hz, rate_hz),
            mixer: Mixer::new(info.channels).only(channel),
            opening,
            part,
            source,
            raw: Vec::new(),
            window: Vec::new(),
            base: 0,
            ended: false,
            next: 0,
            fell_back: false,
            given_up: None,
        }
    }

    pub(super) fn info(&self) -> &AudioInfo {
        self.source.info()
    }

    /// Frames decoded up to now, from the part's start.
    pub(super) fn decoded(&self) -> u64 {
        self.base + self.window.len() as u64
    }

    /// Nothing is decoded where reading stands.
    pub(super) fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many samples the part gives, as far as that is known.
    pub(super) fn outputs(&self) -> Option<u64> {
        let frames = if self.ended { Some(self.decoded()) } else { self.source.length() };
        frames.map(|frames| self.resampler.outputs(frames))
    }

    /// What could not be decoded since the start or the last seek; complete at the end.
    pub(super) fn lost(&self) -> Option<Undecoded> {
        match (self.source.lost(), &self.given_up) {
            (Some(mut lost), Some(given_up)) => {
                lost.seconds += given_up.seconds;
                Some(lost)
            }
            (lost, given_up) => lost.or_else(|| given_up.clone()),
        }
    }

    /// Decodes until `wanted` samples can be made or the part ends, and appends them; how many there were.
    pub(super) fn read(&mut self, out: &mut Vec<f32>, wanted: u64) -> Result<u64, MediaError> {
        while !self.ended && self.ready() < wanted {
            self.forget();
            self.decode()?;
        }
        let n = self.ready().min(wanted);
        if n > 0 {
            self.emit(out, n);
        }
        Ok(n)
    }

    /// Goes to sample `n` of the part.
    pub(super) fn seek(&mut self, n: u64) -> Result<(), MediaError> {
        let first = if self.resampler.is_identity() { n as i64 } else { self.resampler.first_needed(n) };
        let first = u64::try_from(first).unwrap_or(0);
        let behind = self.decoded();
        if first < self.base || first > behind + u64::from(self.info().rate_hz) {
            let from = self.mixer.seek(first);
            self.source.seek(from)?;
            self.base = first;
            self.window.clear();
            self.raw.clear();
            self.ended = false;
            self.given_up = None;
        }
        self.next = n;
        Ok(())
    }

    fn decode(&mut self) -> Result<(), MediaError> {
        let more = match self.source.next(&mut self.raw) {
            Ok(more) => more,
            Err(error) => self.fall_back(error)?,
        };
        self.mixer.mix(&mut self.raw, !more, &mut self.window);
        self.ended = !more;
        Ok(())
    }

    /// The decoder gave up: ffmpeg goes on from there, or what is left is told. An error is one only when nothing of
    /// the part was heard.
    fn fall_back(&mut self, error: MediaError) -> Result<bool, MediaError> {
        let about_the_file =
            matches!(error.problem(), Problem::Undecodable(_) | Problem::Unsupported(_) | Problem::Stuck(_));
        if !about_the_file {
            return Err(error);
        }
        if !self.fell_back {
            self.fell_back = true;
            if !self.info().external && self.take_over().is_ok() {
                return Ok(true);
            }
        }
        if self.decoded() == 0 {
            return Err(error);
        }
        let seconds = self.info().duration_s.unwrap_or(self.part.seconds);
        let left_s = seconds - self.decoded() as f64 / f64::from(self.info().rate_hz);
        let reason = match error.problem() {
            Problem::Undecodable(reason) | Problem::Stuck(reason) => reason.clone(),
            _ => ENDS_EARLY.into(),
        };
        self.given_up = Some(Undecoded { seconds: left_s.max(1.0), reason });
        Ok(false)
    }

    /// Hands over to ffmpeg at the place that was reached.
    fn take_over(&mut self) -> Result<(), MediaError> {
        let piece = Piece::of(&self.opening, &self.part.span)?;
        let sounds = piece.sounds(&self.opening)?;
        let mut external = External::open(&self.opening, piece, &sounds, 0)?;
        let (old, new) = (self.info(), external.info());
        if (new.rate_hz, new.channels) != (old.rate_hz, old.channels) {
            external.convert_to(old.rate_hz, old.channels);
        }
        let reached = self.decoded();
        let from = self.mixer.seek(reached);
        external.seek(from)?;
        self.raw.clear();
        self.source = Box::new(external);
        Ok(())
    }

    /// How many samples can be made from what is decoded.
    fn ready(&self) -> u64 {
        let have = self.decoded();
        let end = if self.ended {
            self.resampler.outputs(have)
        } else if self.resampler.is_identity() {
            have
        } else {
            // Output n looks half a span ahead of its centre.
            let reach = have.saturating_sub(self.resampler.span() as u64 / 2 + 1);
            self.resampler.outputs(reach)
        };
        end.saturating_sub(self.next)
    }

    fn emit(&mut self, out: &mut Vec<f32>, count: u64) {
        if self.resampler.is_identity() {
            let start = (self.next - self.base) as usize;
            out.extend_from_slice(&self.window[start..start + count as usize]);
        } else {
            let mut padded = vec![0.0; self.resampler.span()];
            for n in self.next..self.next + count {
                let first = self.resampler.first_needed(n) - self.base as i64;
                let inside = usize::try_from(first).ok().and_then(|at| self.window.get(at..at + self.resampler.span()));
                let sample = match inside {
                    Some(input) => self.resampler.sample(n, input),
                    None => {
                        for (at, value) in (first..).zip(&mut padded) {
                            let found = usize::try_from(at).ok().and_then(|at| self.window.get(at));
                            *value = found.copied().unwrap_or(0.0);
                        }
                        self.resampler.sample(n, &padded)
                    }
                };
                out.push(sample);
            }
        }
        self.next += count;
    }

    /// Drops samples that no output needs any more.
    fn forget(&mut self) {
        let first =
            if self.resampler.is_identity() { self.next as i64 } else { self.resampler.first_needed(self.next) };
        let old = (first - self.base as i64).clamp(0, self.window.len() as i64) as usize;
        if old > BLOCK {
            self.window.drain(..old);
            self.base += old as u64;
        }
    }
}
