//! The sound of an input: 16 kHz, mono, from any second on.

use medley_media::audio::{Reader, ReaderOptions};
use medley_step::{LocalInput, StepContext, StepError};

use crate::{
    decode::Loaded,
    speech::{
        SAMPLE_RATE_HZ,
        windows::{Window, join, sample},
    },
};

/// Samples read at once: 8 s.
const BLOCK: usize = 8 * SAMPLE_RATE_HZ as usize;

/// Streams an input's sound.
pub(crate) struct Sound(Reader);

impl Sound {
    /// Opens an input at a time.
    ///
    /// # Errors
    /// Those of the media: `media_undecodable`, `media_empty`, …
    pub(crate) fn open(input: &LocalInput, from_s: f64) -> Result<Self, StepError> {
        let mut reader =
            Reader::open(&input.path, &ReaderOptions { rate_hz: SAMPLE_RATE_HZ, ..ReaderOptions::default() })?;
        if from_s > 0.0 {
            reader.seek(from_s)?;
        }
        Ok(Self(reader))
    }

    /// As the file has it, which may be wrong.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        self.0.info().duration_s
    }

    /// The next samples into `block`, which is emptied first; none at the end.
    pub(crate) fn read(&mut self, block: &mut Vec<f32>) -> Result<(), StepError> {
        block.clear();
        self.0.read(block, BLOCK)?;
        Ok(())
    }
}

/// Reads the audio of windows of the step's input, which lie in it in this order; what lies between them is not kept.
pub(crate) fn load(cx: &StepContext<'_>, windows: Vec<Window>) -> Result<Vec<Loaded>, StepError> {
    let start_s = windows.first().map_or(0.0, Window::start_s);
    let mut sound = Sound::open(cx.input(0)?, start_s)?;
    let mut at = sample(start_s);
    let mut loaded: Vec<Loaded> = windows.into_iter().map(|window| Loaded { window, audio: Vec::new() }).collect();
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
    Ok(loaded)
}
