//! Reads the sound of an input: 16 kHz, mono, from any second on.

use medley_media::{
    audio::{ListeningGain, Reader, ReaderOptions, SoundTracks, TrackChoice},
    sniff::Container,
};
use medley_step::{LocalInput, StepContext, StepError};

use crate::{
    speech::{
        SAMPLE_RATE_HZ,
        span::{Span, milliseconds},
        windows::{Window, join, sample},
    },
    step::SoundFacts,
};

/// Samples read at once: 8 s.
const BLOCK: usize = 8 * SAMPLE_RATE_HZ as usize;

/// Streams an input's sound.
pub(crate) struct Sound(Reader);

impl Sound {
    /// Opens a track of an input at a time; without a track, the reader chooses one.
    ///
    /// # Errors
    /// Those of the media: `media_undecodable`, `media_empty`, …
    pub(crate) fn open(input: &LocalInput, track: Option<u32>, from_s: f64) -> Result<Self, StepError> {
        Self::open_channel(input, track, None, from_s)
    }

    /// The same for one channel alone, counted from 0.
    ///
    /// # Errors
    /// As [`Sound::open`].
    pub(crate) fn open_channel(
        input: &LocalInput,
        track: Option<u32>,
        channel: Option<usize>,
        from_s: f64,
    ) -> Result<Self, StepError> {
        let options = ReaderOptions { rate_hz: SAMPLE_RATE_HZ, track, channel, ..ReaderOptions::default() };
        let mut reader = Reader::open(&input.path, &options)?;
        if from_s > 0.0 {
            reader.seek(from_s)?;
        }
        Ok(Self(reader))
    }

    /// How many channels the track has.
    pub(crate) fn channels(&self) -> usize {
        self.0.info().channels
    }

    /// By the file's header, which may be wrong.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        self.0.info().duration_s
    }

    /// What could be read of the file and what could not. Call it at the end of the file.
    pub(crate) fn facts(&self) -> SoundFacts {
        let tracks = self.0.tracks();
        let mut warnings: Vec<String> = track_warning(tracks).into_iter().collect();
        if let Some(undecoded) = self.0.undecoded() {
            warnings.push(format!(
                "about {:.1} s of its sound could not be decoded: {}; what was said there is missing",
                undecoded.seconds, undecoded.reason
            ));
        }
        SoundFacts {
            track: tracks.taken,
            tracks: u32::try_from(tracks.count()).unwrap_or(u32::MAX),
            undecoded_s: milliseconds(self.0.undecoded_s()),
            film: matches!(
                self.0.info().container,
                Container::Mp4
                    | Container::Matroska
                    | Container::Avi
                    | Container::Flv
                    | Container::Asf
                    | Container::MpegTs
                    | Container::MpegPs
            ),
            warnings,
        }
    }

    /// The next samples into `block`, which is emptied first; none at the end.
    pub(crate) fn read(&mut self, block: &mut Vec<f32>) -> Result<(), StepError> {
        block.clear();
        self.0.read(block, BLOCK)?;
        Ok(())
    }
}

/// Which of several tracks was read, when the user did not ask for one.
fn track_warning(tracks: &SoundTracks) -> Option<String> {
    let why = match tracks.why {
        TrackChoice::Only | TrackChoice::Asked => return None,
        TrackChoice::Default if tracks.taken().is_some_and(|track| track.is_default) => "which it flags as default",
        TrackChoice::Default => "the first",
        TrackChoice::Heard => "since the one before it is silent",
    };
    let label = tracks.taken().and_then(|track| track.title.clone().or_else(|| track.language.clone()));
    let label = label.map(|label| format!(" ({label})")).unwrap_or_default();
    let (taken, count) = (tracks.taken, tracks.count());
    Some(format!("it has {count} sound tracks and track {taken}{label} was read, {why}; use --track N for another"))
}

/// Where the audio of a window, or of a part of one, comes from.
pub(crate) trait WindowAudio {
    fn audio(&self, window: &Window) -> Vec<f32>;
}

/// A window with its audio.
pub(crate) struct LoadedWindow {
    pub(crate) window: Window,
    pub(crate) audio: Vec<f32>,
}

impl WindowAudio for LoadedWindow {
    fn audio(&self, window: &Window) -> Vec<f32> {
        if *window == self.window {
            return self.audio.clone();
        }
        // A part of the window: its pieces lie inside the window's pieces.
        let mut audio = Vec::new();
        let mut before = 0;
        for piece in &self.window.pieces {
            let own = sample(piece.end_s) - sample(piece.start_s);
            let end = (before + own).min(self.audio.len());
            audio.extend(join(
                &window_in(window, piece.start_s, piece.end_s),
                &self.audio[before.min(end)..end],
                sample(piece.start_s),
            ));
            before += own;
        }
        audio
    }
}

/// The part of a window between two times, as far as its audio goes.
fn window_in(window: &Window, start_s: f64, end_s: f64) -> Window {
    let inside = |piece: &Span| {
        let cut = Span::new(piece.start_s.max(start_s), piece.end_s.min(end_s));
        (cut.len_s() > 0.0).then_some(cut)
    };
    Window { pieces: window.pieces.iter().filter_map(inside).collect(), speech: Vec::new() }
}

/// Reads the audio of windows of the step's input, which are in the order of the file, and skips the rest. Very quiet windows
/// are raised to the level that the models expect.
pub(crate) fn load(
    cx: &StepContext<'_>,
    track: Option<u32>,
    windows: Vec<Window>,
) -> Result<Vec<LoadedWindow>, StepError> {
    let start_s = windows.first().map_or(0.0, Window::start_s);
    let mut sound = Sound::open(cx.input(0)?, track, start_s)?;
    let mut at = sample(start_s);
    let mut loaded: Vec<LoadedWindow> =
        windows.into_iter().map(|window| LoadedWindow { window, audio: Vec::new() }).collect();
    let mut block = Vec::new();
    let mut first = 0;
    while first < loaded.len() {
        cx.checkpoint()?;
        sound.read(&mut block)?;
        if block.is_empty() {
            break;
        }
        for one in &mut loaded[first..] {
            if sample(one.window.start_s()) >= at + block.len() {
                break;
            }
            one.audio.extend(join(&one.window, &block, at));
        }
        at += block.len();
        while first < loaded.len() && sample(loaded[first].window.end_s()) <= at {
            first += 1;
        }
    }
    for one in &mut loaded {
        // One gain for the whole window.
        ListeningGain::new(SAMPLE_RATE_HZ).apply(&mut one.audio);
    }
    Ok(loaded)
}
