//! The styles of Kokoro's voices, read from their files when a voice is first asked for.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    sync::{Arc, Mutex, PoisonError},
};

use medley_models::Models;

use crate::{
    SpeakError,
    voices::{Blend, Listed, Mix},
};

/// Numbers of a style: the first half is timbre, the second prosody.
const STYLE: usize = 256;
const HALF: usize = STYLE / 2;
/// Styles of a voice, by the number of phonemes.
const ROWS: usize = 510;
/// The names at the beginning of a file (`convert/kokoro_voices.py`).
const HEADER_BYTES: usize = 4_096;
const FILE: &str = "styles.bin";

pub(super) struct Styles {
    models: Models,
    voices: Mutex<HashMap<&'static str, Arc<[f32]>>>,
}

impl std::fmt::Debug for Styles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Styles").finish_non_exhaustive()
    }
}

impl Styles {
    pub(super) fn new(models: Models) -> Self {
        Self { models, voices: Mutex::default() }
    }

    /// The style of a mix for so many phonemes.
    pub(super) fn of(&self, mix: &Mix, phonemes: usize) -> Result<Vec<f32>, SpeakError> {
        let row = phonemes.saturating_sub(1).min(ROWS - 1) * STYLE;
        let mut style = self.half(&mix.timbre, row)?;
        style.extend(self.half(&mix.prosody, row + HALF)?);
        Ok(style)
    }

    fn half(&self, blend: &Blend, at: usize) -> Result<Vec<f32>, SpeakError> {
        let mut half = vec![0.0; HALF];
        for (listed, share) in blend.shares() {
            let voice = self.voice(listed)?;
            for (mixed, own) in half.iter_mut().zip(&voice[at..at + HALF]) {
                *mixed += own * share;
            }
        }
        Ok(half)
    }

    fn voice(&self, listed: &'static Listed) -> Result<Arc<[f32]>, SpeakError> {
        let mut voices = self.voices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(voice) = voices.get(listed.name) {
            return Ok(Arc::clone(voice));
        }
        let file = File::open(self.models.file(listed.model, FILE)?).map_err(SpeakError::Part)?;
        let wrong = SpeakError::VoiceFile { voice: listed.model, what: "the list of voices" };
        let voice: Arc<[f32]> = read(file, listed.name).map_err(SpeakError::Part)?.ok_or(wrong)?.into();
        Ok(Arc::clone(voices.entry(listed.name).or_insert(voice)))
    }
}

/// The styles of one voice; none when the file does not have it.
fn read(mut file: File, name: &str) -> std::io::Result<Option<Vec<f32>>> {
    let mut header = vec![0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    let names = String::from_utf8_lossy(&header);
    let Some(place) = names.split_whitespace().position(|known| known == name) else { return Ok(None) };
    let mut bytes = vec![0; ROWS * STYLE * 4];
    file.seek(SeekFrom::Start((HEADER_BYTES + place * bytes.len()) as u64))?;
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()))
}
