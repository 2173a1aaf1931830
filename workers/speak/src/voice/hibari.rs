use std::{collections::HashMap, fs};

use medley_models::{Models, Session, SessionOptions};
use ort::value::Tensor;

use super::{Prosody, Spoken, Symbol, Voice, shown, spans, vocoder};
use crate::SpeakError;

const MODEL: &str = "hibari";
/// The durations lag behind the sound by 55 ms: measured where stops are silent (decision 0053).
const LATE: usize = 1_320;

/// hibari: English, 24 kHz, distilled from Kokoro-82M. The network predicts a spectrum for each 12.5 ms, from which
/// [`vocoder`] makes the sound.
#[derive(Debug)]
pub(crate) struct Hibari {
    session: Session,
    ids: HashMap<char, i64>,
}

impl Hibari {
    pub(crate) const MODEL: &str = MODEL;

    pub(crate) fn open(models: &Models, options: SessionOptions) -> Result<Self, SpeakError> {
        let vocabulary = fs::read(models.file(MODEL, "vocab.json")?).map_err(SpeakError::Part)?;
        let ids: HashMap<String, i64> = serde_json::from_slice(&vocabulary)
            .map_err(|_| SpeakError::VoiceFile { voice: MODEL, what: "the alphabet" })?;
        let ids = ids.into_iter().filter_map(|(key, id)| Some((key.chars().next()?, id))).collect();
        Ok(Self { session: models.session(MODEL, "hibari.onnx", options)?, ids })
    }

    fn run(&self, ids: Vec<i64>, prosody: Prosody) -> ort::Result<(Vec<usize>, Vec<f32>)> {
        let length = ids.len();
        let ids = Tensor::from_array(([1, length], ids))?;
        let speed = Tensor::from_array(([1], vec![prosody.rate]))?;
        self.session.with(|session| {
            let out = session.run(ort::inputs!["ids" => ids, "speed" => speed])?;
            let tensor = |index: usize| out[index].try_extract_tensor::<f32>().map(|(_, values)| values);
            let durations = tensor(6)?.iter().map(|&units| units as usize * vocoder::HOP * 2).collect();
            let f0: Vec<f32> = tensor(5)?.iter().map(|f0| f0 * prosody.pitch).collect();
            let spectrum = vocoder::Spectrum {
                harmonic: tensor(0)?,
                rotation: tensor(1)?,
                noise: tensor(2)?,
                free: tensor(3)?,
                phase: tensor(4)?,
                f0: &f0,
            };
            Ok((durations, vocoder::synthesize(&spectrum)))
        })
    }
}

impl Voice for Hibari {
    /// The longest phrases that it was trained on.
    const MAX_SYMBOLS: usize = 400;

    fn speak(&self, phrase: &[Symbol], prosody: Prosody) -> Result<Spoken, SpeakError> {
        let known: Vec<Option<i64>> = phrase.iter().map(|symbol| self.ids.get(&first(symbol)).copied()).collect();
        let mut ids = vec![0];
        ids.extend(known.iter().flatten());
        ids.push(0);
        let (durations, pcm) =
            self.run(ids, prosody).map_err(|source| SpeakError::Voice { voice: MODEL, text: shown(phrase), source })?;
        let mut known_durations = durations.iter().skip(1);
        let each = known.iter().map(|id| id.and_then(|_| known_durations.next()).copied().unwrap_or(0));
        let spans = spans(durations.first().copied().unwrap_or(0).saturating_sub(LATE), each);
        Ok(Spoken { pcm, rate_hz: vocoder::RATE_HZ, spans })
    }
}

fn first(symbol: &Symbol) -> char {
    symbol.text.chars().next().unwrap_or('\0')
}
