use std::{fs::File, path::Path, sync::Arc};

use crate::{
    MediaError, Problem,
    audio::{
        SoundTracks,
        parts::{self, Part},
        source::Opening,
        stream::{self, Stream},
    },
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
    /// One channel alone, counted from 0, and not the mix of all.
    pub channel: Option<usize>,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { rate_hz: 16_000, limits: AudioLimits::default(), track: None, channel: None }
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

/// A sound file as mono samples in -1..1 at one rate, decoded as it is read: memory does not grow with its length.
///
/// WAV, MP3, FLAC, Ogg Vorbis, M4A and AAC are decoded in this process by symphonia, everything else by a guarded
/// ffmpeg (see [`crate::ffmpeg`]), which also takes over where symphonia gives up. A file that was put together of
/// several (joined MP3s, spliced ads, chained Ogg) is read part by part, each at its own rate, on one time line; what of
/// it cannot be decoded is told by [`Reader::undecoded`]. Channels are averaged; where they cancel each other in that,
/// they are turned to one polarity first. Sample `n` is what sounds at `n / rate` seconds of the file's time line, which
/// begins with the first of picture and sound. Values that are not finite become 0, and others are cut to -8..8.
pub struct Reader {
    options: ReaderOptions,
    opening: Arc<Opening>,
    info: AudioInfo,
    tracks: SoundTracks,
    parts: Vec<Part>,
    /// The sample with which each part begins, as far as that is known; that of the first is 0.
    starts: Vec<u64>,
    /// The part that is read.
    at: usize,
    stream: Stream,
    ended: bool,
    /// Of parts that are behind.
    passed: Vec<Undecoded>,
    /// Of parts that cannot be decoded at all, and why the first of them cannot.
    dead: Vec<Undecoded>,
    refused: Option<MediaError>,
    undecoded: Option<Undecoded>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.opening.path).field("next", &self.next()).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a file at its start.
    ///
    /// # Errors
    /// When it is not sound, is damaged from the start, or is over a limit; `params_invalid` when it does not have the
    /// track that is asked for.
    pub fn open(path: &Path, options: &ReaderOptions) -> Result<Self, MediaError> {
        let opening = Arc::new(open_file(path, &options.limits)?);
        let mut parts = parts::find(&opening.file, opening.container).map_err(|e| MediaError::io(&opening.name, e))?;
        let (mut dead, mut refused) = (Vec::new(), None);
        let (source, tracks) = loop {
            match stream::open_source(&opening, &parts[0], options.track) {
                Ok(opened) => break opened,
                Err(error) if parts.len() > 1 && is_of_the_part(&error) => {
                    dead.push(gone(&parts.remove(0), &error));
                    refused.get_or_insert(error);
                }
                Err(error) => return Err(refused.unwrap_or(error)),
            }
        };
        let mut info = source.info().clone();
        if parts.len() > 1 {
            let seconds: Vec<f64> = parts.iter().map(|part| part.seconds).collect();
            info.duration_s = seconds.iter().all(|&seconds| seconds > 0.0).then(|| seconds.iter().sum());
        }
        check(&opening.name, &info, &options.limits)?;
        let stream = Stream::new(opening.clone(), parts[0].clone(), source, options.rate_hz.max(1), options.channel);
        Ok(Self {
            options: options.clone(),
            opening,
            info,
            tracks,
            parts,
            starts: vec![0],
            at: 0,
            stream,
            ended: false,
            passed: Vec::new(),
            dead,
            refused,
            undecoded: None,
        })
    }

    pub fn info(&self) -> &AudioInfo {
        &self.info
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
        self.next() as f64 / f64::from(self.rate_hz())
    }

    /// Appends up to `max` samples and returns how many; 0 means the end.
    ///
    /// # Errors
    /// When the file turns out damaged from its start on, or over a limit.
    pub fn read(&mut self, out: &mut Vec<f32>, max: usize) -> Result<usize, MediaError> {
        let before = out.len();
        while out.len() - before < max {
            let wanted = (max - (out.len() - before)).min(stream::BLOCK) as u64;
            let n = self.stream.read(out, wanted)?;
            self.check_length()?;
            if n == 0 && !self.next_part()? {
                break;
            }
        }
        self.tell();
        Ok(out.len() - before)
    }

    /// All that is left.
    ///
    /// # Errors
    /// As [`Reader::read`]; `media_too_large` when more than `max_s` seconds come.
    pub fn read_to_end(&mut self, max_s: f64) -> Result<Vec<f32>, MediaError> {
        let max = (max_s * f64::from(self.rate_hz())) as usize;
        let mut out = Vec::new();
        while self.read(&mut out, stream::BLOCK)? > 0 {
            if out.len() > max {
                let what = format!("is longer than {max_s} s");
                return Err(MediaError::new(&self.opening.name, Problem::TooLarge(what)));
            }
        }
        Ok(out)
    }

    /// Goes to the sample nearest to `start_s`. The samples from there on are bit for bit those that reading from the
    /// start gives there, with one exception: AAC streams that use noise substitution get other (equally loud) noise.
    ///
    /// WAV, FLAC, Ogg Vorbis, M4A and MP3 are found by their index or by walking over frame headers; what ffmpeg decodes
    /// is decoded from the start and skipped, because its containers' times are not exact to a sample. So are the parts
    /// of a joined file whose length no header tells.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn seek(&mut self, start_s: f64) -> Result<(), MediaError> {
        let n = (start_s.max(0.0) * f64::from(self.rate_hz())).round() as u64;
        let mut part = 0;
        while part + 1 < self.parts.len() {
            if self.starts.len() == part + 1 {
                let Some(length) = self.length_of(part)? else { continue };
                self.starts.push(self.starts[part] + length);
            }
            if self.starts[part + 1] > n {
                break;
            }
            part += 1;
        }
        if part != self.at && !self.open_part(part)? {
            return self.seek(start_s);
        }
        self.stream.seek(n - self.starts[part].min(n))?;
        self.passed.clear();
        self.ended = false;
        self.tell();
        Ok(())
    }

    fn next(&self) -> u64 {
        self.starts[self.at] + self.stream.next()
    }

    /// How many samples a part gives; none when it turns out to be no part.
    fn length_of(&mut self, part: usize) -> Result<Option<u64>, MediaError> {
        if part != self.at && !self.open_part(part)? {
            return Ok(None);
        }
        let mut ignored = Vec::new();
        while self.stream.outputs().is_none() {
            self.stream.read(&mut ignored, stream::BLOCK as u64)?;
            self.check_length()?;
            ignored.clear();
        }
        Ok(self.stream.outputs())
    }

    /// Goes on with the part behind this one; false at the end of the file.
    fn next_part(&mut self) -> Result<bool, MediaError> {
        if self.ended {
            return Ok(false);
        }
        let length = self.stream.outputs().unwrap_or_else(|| self.stream.next());
        self.starts.truncate(self.at + 1);
        self.starts.push(self.starts[self.at] + length);
        self.passed.extend(self.stream.lost());
        self.passed.extend(self.parts[self.at].lost.clone());
        while self.at + 1 < self.parts.len() {
            if self.open_part(self.at + 1)? {
                return Ok(true);
            }
        }
        self.ended = true;
        if self.starts[self.at] + length == 0 {
            let empty = MediaError::new(&self.opening.name, Problem::Empty("sound"));
            return Err(self.refused.take().unwrap_or(empty));
        }
        Ok(false)
    }

    /// Opens a part at its start; one that cannot be decoded is taken out of the list, and false.
    fn open_part(&mut self, part: usize) -> Result<bool, MediaError> {
        let opened = stream::open_source(&self.opening, &self.parts[part], self.track_of_parts());
        let (source, _) = match opened {
            Ok(opened) => opened,
            Err(error) if is_of_the_part(&error) => {
                self.dead.push(gone(&self.parts.remove(part), &error));
                self.refused.get_or_insert(error);
                self.at -= usize::from(self.at > part);
                self.starts.truncate(part + 1);
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        check(&self.opening.name, &AudioInfo { duration_s: None, ..source.info().clone() }, &self.options.limits)?;
        self.stream =
            Stream::new(self.opening.clone(), self.parts[part].clone(), source, self.rate_hz(), self.options.channel);
        self.at = part;
        Ok(true)
    }

    /// The other parts of a file with several tracks are read as the first.
    fn track_of_parts(&self) -> Option<u32> {
        (self.tracks.count() > 1).then_some(self.tracks.taken)
    }

    /// Sums up what was lost.
    fn tell(&mut self) {
        let current = if self.ended { None } else { self.stream.lost() };
        let dead = if self.ended { &self.dead[..] } else { &[] };
        let all: Vec<&Undecoded> = self.passed.iter().chain(dead).chain(current.as_ref()).collect();
        let worst = all.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let seconds = all.iter().map(|lost| lost.seconds).sum();
        self.undecoded = worst.map(|worst| Undecoded { seconds, reason: worst.reason.clone() });
    }

    fn check_length(&self) -> Result<(), MediaError> {
        let (info, limits) = (self.stream.info(), &self.options.limits);
        let rate = f64::from(info.rate_hz);
        let before_s = self.starts[self.at] as f64 / f64::from(self.rate_hz());
        let seconds = before_s + self.stream.decoded() as f64 / rate;
        if self.stream.is_empty() {
            return Ok(()); // a seek may go anywhere; nothing was decoded there
        }
        check_duration(&self.opening.name, seconds, limits)?;
        if (seconds * rate) as u64 > limits.max_decoded_bytes / (4 * info.channels.max(1) as u64) {
            let what = format!("decodes to more than {} GiB", limits.max_decoded_bytes >> 30);
            return Err(MediaError::new(&self.opening.name, Problem::TooLarge(what)));
        }
        Ok(())
    }
}

/// Whether an error is about one part, so that others may be read all the same.
fn is_of_the_part(error: &MediaError) -> bool {
    use Problem::{Empty, Stuck, Undecodable, Unsupported};
    matches!(error.problem(), Undecodable(_) | Unsupported(_) | Empty(_) | Stuck(_))
}

/// A part that cannot be decoded at all.
fn gone(part: &Part, error: &MediaError) -> Undecoded {
    let reason = match error.problem() {
        Problem::Undecodable(reason) | Problem::Stuck(reason) => reason.clone(),
        _ => "a part of it is of a kind that is not read".into(),
    };
    let lost_s = part.lost.as_ref().map_or(0.0, |lost| lost.seconds);
    Undecoded { seconds: part.seconds.max(1.0) + lost_s, reason }
}

fn open_file(path: &Path, limits: &AudioLimits) -> Result<Opening, MediaError> {
    let name = name_of(path);
    let io = |error| MediaError::io(&name, error);
    let mut file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err(MediaError::new(&name, Problem::NotAFile));
    }
    if meta.len() > limits.max_bytes {
        let what = format!("has {} bytes, more than the {} allowed", meta.len(), limits.max_bytes);
        return Err(MediaError::new(&name, Problem::TooLarge(what)));
    }
    let container = sniff::sniff(&mut file).map_err(io)?;
    if container == Container::Empty {
        return Err(MediaError::new(&name, Problem::Empty("sound")));
    }
    let Some(demuxer) = container.demuxer() else {
        return Err(MediaError::new(&name, Problem::Unsupported(container.described().into())));
    };
    Ok(Opening { file: Arc::new(file), path: path.into(), name, container, demuxer, bytes: meta.len() })
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
