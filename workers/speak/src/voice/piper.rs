use std::{collections::HashMap, fs};

use medley_models::{Models, Session, SessionOptions};
use ort::value::Tensor;
use serde::Deserialize;

use super::{Prosody, Spoken, Symbol, Voice, shown, spans};
use crate::SpeakError;

const MODEL: &str = "piper-joe";
/// The durations lag behind the sound by 30 ms: measured where stops are silent (decision 0053).
const LATE: usize = 660;
/// Samples of one unit of the duration predictor.
const UNIT: usize = 256;

/// Piper's VITS voice "joe": English, 22.05 kHz. It speaks without its two noises, so that the same text always
/// sounds the same.
#[derive(Debug)]
pub(crate) struct Piper {
    session: Session,
    ids: HashMap<char, Vec<i64>>,
    rate_hz: u32,
}

#[derive(Deserialize)]
struct Config {
    audio: Audio,
    phoneme_id_map: HashMap<String, Vec<i64>>,
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

impl Piper {
    pub(crate) const MODEL: &str = MODEL;

    pub(crate) fn open(models: &Models, options: SessionOptions) -> Result<Self, SpeakError> {
        let config = fs::read(models.file(MODEL, "voice.json")?).map_err(SpeakError::Part)?;
        let config: Config = serde_json::from_slice(&config)
            .map_err(|_| SpeakError::VoiceFile { voice: MODEL, what: "the configuration" })?;
        let ids = config.phoneme_id_map.into_iter().filter_map(|(key, ids)| Some((key.chars().next()?, ids))).collect();
        Ok(Self { session: models.session(MODEL, "voice.onnx", options)?, ids, rate_hz: config.audio.sample_rate })
    }

    /// Samples, and the durations of the ids in samples.
    fn run(&self, ids: Vec<i64>, rate: f32) -> ort::Result<(Vec<f32>, Vec<usize>)> {
        let length = ids.len();
        let input = Tensor::from_array(([1, length], ids))?;
        let lengths = Tensor::from_array(([1], vec![i64::try_from(length).unwrap_or(i64::MAX)]))?;
        let scales = Tensor::from_array(([3], vec![0.0_f32, 1.0 / rate, 0.0]))?;
        self.session.with(|session| {
            let inputs = ort::inputs!["input" => input, "input_lengths" => lengths, "scales" => scales];
            let out = session.run(inputs)?;
            let (_, pcm) = out[0].try_extract_tensor::<f32>()?;
            let (_, durations) = out[1].try_extract_tensor::<f32>()?;
            Ok((pcm.to_vec(), durations.iter().map(|&units| units as usize * UNIT).collect()))
        })
    }
}

impl Voice for Piper {
    const MAX_SYMBOLS: usize = 400;

    fn speak(&self, phrase: &[Symbol], prosody: Prosody) -> Result<Spoken, SpeakError> {
        let mut ids = vec![1, 0];
        let mut taken = Vec::with_capacity(phrase.len());
        for symbol in phrase {
            let known = symbol.text.chars().next().and_then(|c| self.ids.get(&c));
            let before = ids.len();
            ids.extend(known.into_iter().flatten().flat_map(|&id| [id, 0]));
            taken.push(ids.len() - before);
        }
        ids.push(2);
        let (pcm, durations) = self.run(ids, prosody.rate / prosody.pitch).map_err(|source| SpeakError::Voice {
            voice: MODEL,
            text: shown(phrase),
            source,
        })?;
        let lead = durations.iter().take(2).sum::<usize>().saturating_sub(LATE);
        let mut rest = durations.iter().skip(2);
        let each = taken.into_iter().map(|count| rest.by_ref().take(count).sum());
        // The network has no pitch: it speaks slower and its samples are played faster.
        let rate_hz = (self.rate_hz as f32 * prosody.pitch).round() as u32;
        Ok(Spoken { spans: spans(lead, each), pcm, rate_hz })
    }
}
