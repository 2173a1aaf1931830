use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::{
    MediaError, Problem,
    audio::{SoundTracks, external, native, resample::Resampler},
    error::name_of,
    sniff::{self, Container},
};

/// What a sound file may be at most.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioLimits {
    pub max_hours: f64,
    pub max_channels: usize,
    /// Below it nobody's sound is recorded: a header that says less is damaged, or made to be long.
    pub min_rate_hz: u32,
    pub max_rate_hz: u32,
    /// Of the file.
    pub max_bytes: u64,
    /// Of samples of all channels as 32-bit floats, over the whole file; what a small file may grow to.
    pub max_decoded_bytes: u64,
}

impl Default for AudioLimits {
    fn default() -> Self {
        Self {
            max_hours: 24.0,
            max_channels: 32,
            min_rate_hz: 1_000,
            max_rate_hz: 768_000,
            max_bytes: 64 << 30,
            max_decoded_bytes: 128 << 30,
        }
    }
}

/// How a file is read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReaderOptions {
    /// Of the samples that come out.
    pub rate_hz: u32,
    pub limits: AudioLimits,
    /// The sound track to read, from 1 in the file's order. None: the one the file flags as default (else the first),
    /// and where that one is silent, the first that is not.
    pub track: Option<u32>,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { rate_hz: 16_000, limits: AudioLimits::default(), track: None }
    }
}

/// What is known of a file before it is decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioInfo {
    pub container: Container,
    /// Of the file's own samples.
    pub rate_hz: u32,
    pub channels: usize,
    /// When the file says so. It may lie by a little; the samples that come do not.
    pub duration_s: Option<f64>,
    /// Whether an ffmpeg child decodes it.
    pub external: bool,
}

/// Sound that a file holds, or promises, and that could not be decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Undecoded {
    /// An estimate: lost packets by their length, bytes by the bit rate around them, a promised end by the header.
    pub seconds: f64,
    /// Why, as a part of a sentence: "it ends before its header says", "some of its packets are damaged".
    pub reason: String,
}

/// Sound at its own rate, mixed to mono. `frame` counts from the start of the file's time line.
pub(crate) trait Source: Send {
    fn info(&self) -> &AudioInfo;
    /// Appends samples; false at the end. They follow those that came before without a gap.
    fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, MediaError>;
    /// Goes to a frame at or before this one and says to which.
    fn seek(&mut self, frame: u64) -> Result<u64, MediaError>;
}

/// A sound file as mono samples in -1..1 at one rate, decoded as it is read: memory does not grow with its length.
///
/// WAV, MP3, FLAC, Ogg Vorbis, M4A and AAC are decoded in this process by symphonia, everything else by a guarded
/// ffmpeg (see [`crate::ffmpeg`]). Channels are averaged. Sample `n` is what
/// sounds at `n / rate` seconds of the file's time line. Values that are not finite become 0, and others are cut to
/// -8..8.
pub struct Reader {
    name: String,
    path: PathBuf,
    options: ReaderOptions,
    source: Box<dyn Source>,
    resampler: Resampler,
    /// Decoded samples from frame `base` on.
    window: Vec<f32>,
    base: u64,
    ended: bool,
    /// The next sample that goes out.
    next: u64,
    tracks: SoundTracks,
    undecoded: Option<Undecoded>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a file at its start.
    ///
    /// # Errors
    /// When it is not sound, is damaged from the start, or is over a limit.
    pub fn open(path: &Path, options: &ReaderOptions) -> Result<Self, MediaError> {
        let name = name_of(path);
        let source = open_source(path, &name, &options.limits)?;
        let info = source.info();
        check(&name, info, &options.limits)?;
        let resampler = Resampler::new(info.rate_hz, options.rate_hz.max(1));
        Ok(Self {
            name,
            path: path.into(),
            options: options.clone(),
            source,
            resampler,
            window: Vec::new(),
            base: 0,
            ended: false,
            next: 0,
            tracks: SoundTracks::one(),
            undecoded: None,
        })
    }

    pub fn info(&self) -> &AudioInfo {
        self.source.info()
    }

    /// The file's sound tracks, and which of them is read and why. A file of one track has one.
    pub fn tracks(&self) -> &SoundTracks {
        &self.tracks
    }

    /// What could not be decoded of what was read up to now; none when all was. After the end (a [`Reader::read`] that
    /// gave 0) it speaks of everything from where reading began: from the start, or from the last [`Reader::seek`].
    /// Losses shorter than 0.1 s are not told.
    pub fn undecoded(&self) -> Option<&Undecoded> {
        self.undecoded.as_ref()
    }

    /// The seconds of [`Reader::undecoded`]; 0 when all was decoded.
    pub fn undecoded_s(&self) -> f64 {
        self.undecoded.as_ref().map_or(0.0, |undecoded| undecoded.seconds)
    }

    /// Of the samples that come out.
    pub fn rate_hz(&self) -> u32 {
        self.options.rate_hz.max(1)
    }

    /// When the next sample sounds.
    pub fn position_s(&self) -> f64 {
        self.next as f64 / f64::from(self.rate_hz())
    }

    /// Appends up to `max` samples and returns how many; 0 means the end.
    ///
    /// # Errors
    /// When the file turns out damaged beyond what can be skipped, or over a limit.
    pub fn read(&mut self, out: &mut Vec<f32>, max: usize) -> Result<usize, MediaError> {
        let before = out.len();
        while out.len() - before < max {
            let wanted = (max - (out.len() - before)).min(BLOCK) as u64;
            self.fill(wanted)?;
            let n = self.ready().min(wanted);
            if n == 0 {
                break;
            }
            self.emit(out, n);
        }
        Ok(out.len() - before)
    }

    /// All that is left.
    ///
    /// # Errors
    /// As [`Reader::read`]; `media_too_large` when more than `max_s` seconds come.
    pub fn read_to_end(&mut self, max_s: f64) -> Result<Vec<f32>, MediaError> {
        let max = (max_s * f64::from(self.rate_hz())) as usize;
        let mut out = Vec::new();
        while self.read(&mut out, BLOCK)? > 0 {
            if out.len() > max {
                let what = format!("is longer than {max_s} s");
                return Err(MediaError::new(&self.name, Problem::TooLarge(what)));
            }
        }
        Ok(out)
    }

    /// Goes to the sample nearest to `start_s`. The samples from there on are bit for bit those that reading from the
    /// start gives there, with one exception: AAC streams that use noise substitution get other (equally loud) noise.
    ///
    /// WAV, FLAC, Ogg Vorbis, M4A and MP3 are found by their index or by walking over frame headers; what ffmpeg decodes
    /// is decoded from the start and skipped, because its containers' times are not exact to a sample.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn seek(&mut self, start_s: f64) -> Result<(), MediaError> {
        let n = (start_s.max(0.0) * f64::from(self.rate_hz())).round() as u64;
        let first = if self.resampler.is_identity() { n as i64 } else { self.resampler.first_needed(n) };
        let first = u64::try_from(first).unwrap_or(0);
        let behind = self.base + self.window.len() as u64;
        if first < self.base || first > behind + u64::from(self.info().rate_hz) {
            self.base = self.source.seek(first)?;
            self.window.clear();
            self.ended = false;
        }
        self.next = n;
        Ok(())
    }

    /// Decodes until `wanted` samples can be made or the file ends.
    fn fill(&mut self, wanted: u64) -> Result<(), MediaError> {
        while !self.ended && self.ready() < wanted {
            self.forget();
            if !self.source.next(&mut self.window)? {
                self.ended = true;
            }
            self.check_length()?;
        }
        if self.ended && self.base == 0 && self.window.is_empty() {
            return Err(MediaError::new(&self.name, Problem::Empty("sound")));
        }
        Ok(())
    }

    /// How many samples can be made from what is decoded.
    fn ready(&self) -> u64 {
        let have = self.base + self.window.len() as u64;
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

    fn check_length(&self) -> Result<(), MediaError> {
        if self.window.is_empty() {
            return Ok(()); // a seek may go anywhere; nothing was decoded there
        }
        let (info, limits) = (self.source.info(), &self.options.limits);
        let frames = self.base + self.window.len() as u64;
        check_duration(&self.name, frames as f64 / f64::from(info.rate_hz), limits)?;
        if frames.saturating_mul(4 * info.channels as u64) > limits.max_decoded_bytes {
            let what = format!("decodes to more than {} GiB", limits.max_decoded_bytes >> 30);
            return Err(MediaError::new(&self.name, Problem::TooLarge(what)));
        }
        Ok(())
    }
}

/// Samples that are handled at a time.
const BLOCK: usize = 16_384;

fn open_source(path: &Path, name: &str, limits: &AudioLimits) -> Result<Box<dyn Source>, MediaError> {
    let io = |error| MediaError::io(name, error);
    let mut file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err(MediaError::new(name, Problem::NotAFile));
    }
    if meta.len() > limits.max_bytes {
        let what = format!("has {} bytes, more than the {} allowed", meta.len(), limits.max_bytes);
        return Err(MediaError::new(name, Problem::TooLarge(what)));
    }
    let container = sniff::sniff(&mut file).map_err(io)?;
    if container == Container::Empty {
        return Err(MediaError::new(name, Problem::Empty("sound")));
    }
    let Some(demuxer) = container.demuxer() else {
        return Err(MediaError::new(name, Problem::Unsupported(container.described().into())));
    };
    let mut refused = None;
    if container.is_native() {
        match native::Native::open(file, name, container) {
            Ok(native) => return Ok(Box::new(native)),
            Err(error) => refused = Some(error),
        }
    }
    match external::External::open(path, name, container, demuxer) {
        Ok(external) => Ok(Box::new(external)),
        // Without ffmpeg, or with one that fails too, the first reason is the better one, if it is about the file.
        Err(error) => Err(match (error.problem(), refused) {
            (Problem::ToolMissing(_), Some(first)) if !matches!(first.problem(), Problem::Unsupported(_)) => first,
            _ => error,
        }),
    }
}

fn check(name: &str, info: &AudioInfo, limits: &AudioLimits) -> Result<(), MediaError> {
    if info.rate_hz == 0 {
        return Err(MediaError::undecodable(name, "its header says 0 samples a second"));
    }
    let too_large = |what| Err(MediaError::new(name, Problem::TooLarge(what)));
    if info.rate_hz < limits.min_rate_hz {
        let reason = format!("its header says {} samples a second, less than any sound has", info.rate_hz);
        return Err(MediaError::undecodable(name, reason));
    }
    if info.rate_hz > limits.max_rate_hz {
        return too_large(format!(
            "has {} samples a second, more than the {} allowed",
            info.rate_hz, limits.max_rate_hz
        ));
    }
    if info.channels > limits.max_channels {
        return too_large(format!("has {} channels, more than the {} allowed", info.channels, limits.max_channels));
    }
    // A header may claim any length; what it holds is checked again as it is decoded.
    info.duration_s.map_or(Ok(()), |seconds| check_duration(name, seconds, limits))
}

fn check_duration(name: &str, seconds: f64, limits: &AudioLimits) -> Result<(), MediaError> {
    if seconds <= limits.max_hours * 3600.0 {
        return Ok(());
    }
    let what = format!("is longer than the {} hours allowed", limits.max_hours);
    Err(MediaError::new(name, Problem::TooLarge(what)))
}
