//! The sound of an input: 16 kHz, mono, from any second on.

use medley_proto::ErrorCode;
use medley_step::{LocalInput, StepError};

use crate::{
    decode::Loaded,
    speech::{SAMPLE_RATE_HZ, windows::{Window, sample}},
};

/// Samples read at once: 8 s.
const BLOCK: usize = 8 * SAMPLE_RATE_HZ as usize;

/// Streams an input's sound.
pub(crate) struct Sound {
    reader: hound::WavReader<std::io::BufReader<std::fs::File>>,
    left: u32,
}

impl Sound {
    pub(crate) fn open(input: &LocalInput, from_s: f64) -> Result<Self, StepError> {
        let bad = |e: hound::Error| StepError::bad_input(ErrorCode::MEDIA_UNDECODABLE, input, "not a wav file").because(e);
        let mut reader = hound::WavReader::open(&input.path).map_err(bad)?;
        assert_eq!((reader.spec().sample_rate, reader.spec().channels, reader.spec().bits_per_sample), (16000, 1, 16));
        let at = (sample(from_s) as u32).min(reader.duration());
        reader.seek(at)?;
        let left = reader.duration() - at;
        Ok(Self { reader, left })
    }

    pub(crate) fn duration_s(&self) -> Option<f64> {
        Some(f64::from(self.reader.duration()) / 16000.0)
    }

    /// The next samples into `block`, which is emptied first; nothing at the end.
    pub(crate) fn read(&mut self, block: &mut Vec<f32>) -> Result<(), StepError> {
        block.clear();
        let n = (self.left as usize).min(BLOCK);
        for s in self.reader.samples::<i16>().take(n) {
            block.push(f32::from(s.map_err(|e| StepError::internal(e.to_string()))?) / 32768.0);
        }
        self.left -= n as u32;
        Ok(())
    }
}

/// Reads the audio of windows that lie in the file in this order; what lies between them is not kept.
pub(crate) fn load(input: &LocalInput, windows: Vec<Window>) -> Result<Vec<Loaded>, StepError> {
    let start_s = windows.first().map_or(0.0, Window::start_s);
    let mut sound = Sound::open(input, start_s)?;
    let mut at = sample(start_s);
    let mut loaded: Vec<Loaded> = windows.into_iter().map(|window| Loaded { window, audio: Vec::new() }).collect();
    let mut block = Vec::new();
    let mut first = 0;
    while first < loaded.len() {
        sound.read(&mut block)?;
        if block.is_empty() {
            break;
        }
        for one in &mut loaded[first..] {
            if sample(one.window.start_s()) >= at + block.len() {
                break;
            }
            one.audio.extend(crate::speech::windows::join(&one.window, &block, at));
        }
        at += block.len();
        while first < loaded.len() && sample(loaded[first].window.end_s()) <= at {
            first += 1;
        }
    }
    Ok(loaded)
}
