//! What an ffmpeg child decodes.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::PathBuf,
    process::{ChildStdout, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    MediaError, Problem,
    audio::{
        AudioInfo, Undecoded, asf, avi,
        losses::{DAMAGED, ENDS_EARLY},
        source::{Opening, Source, clean, is_credible},
        span::{Span, SpanReader},
    },
    ffmpeg::{
        AudioStream, Input, Limits, Running, Search, command,
        probe::{probe_far, probe_input},
    },
    sniff::Container,
};

/// A part of a file that must be copied for ffmpeg, at most.
const MAX_COPY_BYTES: u64 = 4 << 30;
/// A sound that begins so much later than the picture is damage of its clock.
const MAX_LEAD_S: f64 = 86_400.0;
/// A track may end so much before its header says: containers round, and count the last packet or do not.
const MIN_MISSING_S: f64 = 0.5;

/// Silence where the container's times leave holes. Times that go back by more than half a second (a clock that was set
/// anew) go on from where they were: `aresample` would throw that sound away. What comes before the first sound is
/// added here and not by ffmpeg, which counts from the first packet of the file or of the track, as the container and
/// its own version have it; but for ASF, whose tracks begin with a packet that gives no sound.
///
/// Variable 0 is what is added to a time, 1 where the next frame is expected, 2 the time of this one.
fn times(container: Container) -> String {
    let time = if container == Container::Asf { "PTS" } else { "PTS-STARTPTS" };
    format!(
        "asetpts='st(2,{time}+ld(0));if(lt(ld(2),ld(1)-SR/2),st(0,ld(0)+ld(1)-ld(2));st(2,ld(1)));\
         st(1,ld(2)+NB_SAMPLES);ld(2)',aresample=async=1:first_pts=0"
    )
}

/// A part of a file as ffmpeg can be given it.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    path: PathBuf,
    /// A copy of the part, without a name on the disk; `path` leads to it.
    copy: Option<Arc<File>>,
    pub(super) bytes: u64,
}

impl Piece {
    /// The file in which its bytes lie, from 0 on.
    fn file<'a>(&'a self, opening: &'a Opening) -> &'a File {
        self.copy.as_deref().unwrap_or(&opening.file)
    }

    pub(super) fn of(opening: &Opening, span: &Span) -> Result<Self, MediaError> {
        if span.is_whole(opening.bytes) {
            return Ok(Self { path: opening.path.clone(), copy: None, bytes: opening.bytes });
        }
        if span.bytes() > MAX_COPY_BYTES {
            let what = format!("has a part of more than {} GiB that must be copied", MAX_COPY_BYTES >> 30);
            return Err(MediaError::new(&opening.name, Problem::TooLarge(what)));
        }
        let copied = nameless().and_then(|mut copy| {
            io::copy(&mut SpanReader::new(opening.file.clone(), span.clone()), &mut copy)?;
            Ok(copy)
        });
        let copy = copied.map_err(|error| MediaError::io(&opening.name, error))?;
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd()).into();
        Ok(Self { path, copy: Some(Arc::new(copy)), bytes: span.bytes() })
    }

    /// Its sound tracks.
    pub(super) fn sounds(&self, opening: &Opening) -> Result<Vec<AudioStream>, MediaError> {
        let mut probe = probe_input(self.input(opening, true), &opening.name)?;
        // These announce no stream before its first packet.
        if probe.sounds.is_empty() && matches!(opening.container, Container::MpegPs | Container::Flv) {
            probe = probe_far(self.input(opening, true), &opening.name, Search::Far)?;
        }
        if probe.sounds.is_empty() {
            return Err(MediaError::new(&opening.name, Problem::Empty("sound")));
        }
        Ok(probe.sounds)
    }

    pub(super) fn input<'a>(&'a self, opening: &'a Opening, seekable: bool) -> Input<'a> {
        Input { path: &self.path, container: opening.container, demuxer: opening.demuxer, seekable }
    }
}

/// A file that loses its name at once: it is gone when it is closed, also by a kill.
fn nameless() -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("medley-part-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// A sound track that an ffmpeg child decodes.
pub(super) struct External {
    opening: Arc<Opening>,
    piece: Piece,
    /// From 0.
    track: usize,
    search: Search,
    info: AudioInfo,
    limits: Limits,
    child: Option<(Running, ChildStdout)>,
    /// Bytes of a frame that came in two parts.
    rest: Vec<u8>,
    /// Silence before the sound, in frames.
    lead: u64,
    /// The frame that the child gives next.
    frame: u64,
    /// Frames before this one are not wanted (after a seek).
    from: u64,
    /// How many frames its header promises.
    promised: Option<u64>,
    any: bool,
    ended: bool,
    lost: Option<Undecoded>,
}

impl External {
    /// Opens a track (from 0) of a piece; `sounds` are the piece's.
    pub(super) fn open(
        opening: &Arc<Opening>,
        piece: Piece,
        sounds: &[AudioStream],
        track: usize,
    ) -> Result<Self, MediaError> {
        let name = &opening.name;
        let audio =
            sounds.get(track).or(sounds.first()).ok_or_else(|| MediaError::new(name, Problem::Empty("sound")))?;
        if audio.rate_hz == 0 || audio.channels == 0 {
            return Err(MediaError::undecodable(name, "its sound has no rate or no channels"));
        }
        let lead_s = match opening.container {
            Container::Asf => 0.0,
            Container::Avi => avi::delay_s(piece.file(opening), piece.bytes, track),
            _ => audio.lead_s,
        };
        let lead_s = if (0.0..MAX_LEAD_S).contains(&lead_s) { lead_s } else { 0.0 };
        let lead = (lead_s * f64::from(audio.rate_hz)).round() as u64;
        let credible = |seconds: Option<f64>| seconds.filter(|&seconds| is_credible(seconds, piece.bytes));
        // That of an AVI counts its delay.
        let before_s = if opening.container == Container::Avi { 0.0 } else { lead_s };
        let own_s = credible(audio.duration_s).map(|seconds| seconds + before_s);
        let is_cut = opening.container == Container::Asf && asf::is_cut(piece.file(opening), piece.bytes);
        let promised_s = own_s.or(credible(audio.file_s).filter(|_| is_cut));
        let duration_s = own_s.or(credible(audio.file_s));
        let info = AudioInfo {
            container: opening.container,
            rate_hz: audio.rate_hz,
            channels: audio.channels,
            duration_s,
            external: true,
        };
        Ok(Self {
            opening: opening.clone(),
            piece,
            track: if sounds.len() > track { track } else { 0 },
            search: audio.search,
            promised: promised_s.map(|seconds| (seconds * f64::from(audio.rate_hz)) as u64),
            info,
            limits: Limits::default(),
            child: None,
            rest: Vec::new(),
            lead,
            frame: 0,
            from: 0,
            any: false,
            ended: false,
            lost: None,
        })
    }

    /// Gives frames of another rate and with other channels than the track's own.
    pub(super) fn convert_to(&mut self, rate_hz: u32, channels: usize) {
        let scale = f64::from(rate_hz) / f64::from(self.info.rate_hz.max(1));
        let scaled = |frames: u64| (frames as f64 * scale).round() as u64;
        (self.lead, self.promised) = (scaled(self.lead), self.promised.map(scaled));
        (self.info.rate_hz, self.info.channels) = (rate_hz, channels);
    }

    fn start(&self) -> Result<(Running, ChildStdout), MediaError> {
        let name = &self.opening.name;
        let input = self.piece.input(&self.opening, false);
        let mut ffmpeg = command("ffmpeg", &self.limits);
        ffmpeg
            .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"])
            // Of a transport stream whose clock jumps the recordings are apart already; elsewhere a long hole in its
            // times would be taken for such a jump, and closed.
            .args(if self.info.container == Container::MpegTs { &["-dts_delta_threshold", "86400"][..] } else { &[] })
            .args(self.search.args())
            .args(input.args())
            .args(["-map", &format!("0:a:{}", self.track), "-vn", "-sn", "-dn"])
            .args(["-af", &times(self.info.container)])
            .args(["-ac", &self.info.channels.to_string(), "-ar", &self.info.rate_hz.to_string()])
            .args(["-f", "f32le", "pipe:1"])
            .stdin(input.stdin().map_err(|error| MediaError::io(name, error))?)
            .stdout(Stdio::piped());
        let mut running = Running::spawn(ffmpeg, "ffmpeg", name, &self.limits)?;
        let stdout = running.child().take_stdout().expect("asked for a pipe");
        Ok((running, stdout))
    }

    /// Frames of `bytes` bytes each from what came; those before `from` are dropped.
    fn take(&mut self, out: &mut Vec<f32>) -> bool {
        let frame_bytes = 4 * self.info.channels;
        let whole = self.rest.len() / frame_bytes;
        let dropped = self.from.saturating_sub(self.frame).min(whole as u64) as usize;
        let kept = &self.rest[dropped * frame_bytes..whole * frame_bytes];
        out.extend(kept.as_chunks::<4>().0.iter().map(|&bytes| clean(f32::from_le_bytes(bytes))));
        let any = !kept.is_empty();
        self.rest.drain(..whole * frame_bytes);
        self.frame += whole as u64;
        any
    }

    fn end(&mut self, how: Result<String, MediaError>) -> Result<bool, MediaError> {
        self.ended = true;
        let rate = f64::from(self.info.rate_hz);
        let missing_s = self.promised.map_or(0.0, |frames| frames.saturating_sub(self.frame) as f64 / rate);
        let (failed, said) = match how {
            Ok(said) => (None, said),
            // Sound up to the damage is worth having; a file that gave none is not.
            Err(error) if self.any => (Some(error), String::new()),
            Err(error) => return Err(error),
        };
        // Packets are about 1,024 samples long.
        let damaged = said.lines().filter(|line| is_complaint(line)).count() as f64 * 1024.0 / rate;
        self.lost = match failed {
            Some(error) => {
                let reason = match error.problem() {
                    Problem::Undecodable(reason) | Problem::Stuck(reason) => reason.clone(),
                    _ => DAMAGED.into(),
                };
                Some(Undecoded { seconds: missing_s.max(damaged).max(1.0), reason })
            }
            None if missing_s >= MIN_MISSING_S => {
                Some(Undecoded { seconds: missing_s.max(damaged), reason: ENDS_EARLY.into() })
            }
            None if damaged >= 0.1 => Some(Undecoded { seconds: damaged, reason: DAMAGED.into() }),
            None => None,
        };
        Ok(false)
    }
}

/// A line in which ffmpeg says that it could not decode a packet.
fn is_complaint(line: &str) -> bool {
    line.contains("Error while decoding stream") || line.contains("Error submitting packet to decoder")
}

impl Source for External {
    fn info(&self) -> &AudioInfo {
        &self.info
    }

    fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, MediaError> {
        const SILENCE: u64 = 16_384;
        if self.ended {
            return Ok(false);
        }
        let mut block = [0; 1 << 16];
        loop {
            if self.child.is_none() {
                self.child = Some(self.start()?);
                // Of the silence only what is wanted is made.
                self.frame = self.from.min(self.lead);
            }
            if self.frame < self.lead {
                let silent = (self.lead - self.frame).min(SILENCE);
                out.resize(out.len() + silent as usize * self.info.channels, 0.0);
                self.frame += silent;
                return Ok(true);
            }
            let Some((running, stdout)) = &mut self.child else { return Ok(false) };
            let n = running.read(stdout, &mut block)?;
            if n == 0 {
                let how = running.finish();
                return self.end(how);
            }
            self.any = true;
            self.rest.extend_from_slice(&block[..n]);
            if self.take(out) {
                return Ok(true);
            }
        }
    }

    fn seek(&mut self, frame: u64) -> Result<u64, MediaError> {
        self.child = None;
        self.rest.clear();
        (self.from, self.frame, self.ended, self.lost) = (frame, 0, false, None);
        Ok(frame)
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn lost(&self) -> Option<Undecoded> {
        self.lost.clone()
    }
}
