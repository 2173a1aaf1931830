use std::{collections::HashMap, fs};

use medley_models::{Models, Session, SessionOptions};
use ort::value::{Tensor, TensorRef};
use serde::Deserialize;

use super::{Prosody, Spoken, Symbol, Voice, shown, spans};
use crate::SpeakError;

const MODEL: &str = "fastspeech2-baker";
/// The durations lag behind the sound by 10 ms: measured where stops are silent (decision 0053).
const LATE: usize = 240;
/// Samples of one mel frame.
const FRAME: usize = 300;
const RATE_HZ: u32 = 24_000;
const MEL_BINS: usize = 80;
/// The label for the end of an intonation phrase.
const PAUSE: &str = "#3";

/// Mandarin: FastSpeech2 (Ren et al. 2020) and multi-band MelGAN (Yang et al. 2020), trained on Baker's recordings.
#[derive(Debug)]
pub(crate) struct Baker {
    acoustic: Session,
    vocoder: Session,
    mapper: Mapper,
}

#[derive(Debug, Deserialize)]
struct Mapper {
    symbol_to_id: HashMap<String, i32>,
}

impl Baker {
    pub(crate) const MODEL: &str = MODEL;

    pub(crate) fn open(models: &Models, options: SessionOptions) -> Result<Self, SpeakError> {
        let mapper = fs::read(models.file(MODEL, "mapper.json")?).map_err(SpeakError::Part)?;
        let mapper = serde_json::from_slice(&mapper)
            .map_err(|_| SpeakError::VoiceFile { voice: MODEL, what: "the alphabet" })?;
        Ok(Self {
            acoustic: models.session(MODEL, "fastspeech2.onnx", options)?,
            vocoder: models.session(MODEL, "melgan.onnx", options)?,
            mapper,
        })
    }

    fn run(&self, ids: Vec<i32>, prosody: Prosody) -> ort::Result<(Vec<f32>, Vec<usize>)> {
        let length = ids.len();
        let ids = Tensor::from_array(([1, length], ids))?;
        let speaker = Tensor::from_array(([1], vec![0_i32]))?;
        let ratio = |value: f32| Tensor::from_array(([1], vec![value]));
        let (speed, pitch, energy) = (ratio(1.0 / prosody.rate)?, ratio(prosody.pitch)?, ratio(1.0)?);
        let (mel, durations) = self.acoustic.with(|session| -> ort::Result<_> {
            let out = session.run(ort::inputs![
                "input_ids" => ids, "speaker_ids" => speaker,
                "speed_ratios" => speed, "f0_ratios" => pitch, "energy_ratios" => energy
            ])?;
            let (_, mel) = out["Identity_1"].try_extract_tensor::<f32>()?;
            let durations: Vec<usize> = match out["Identity_2"].try_extract_tensor::<f32>() {
                Ok((_, frames)) => frames.iter().map(|&frames| frames as usize * FRAME).collect(),
                Err(_) => {
                    let (_, frames) = out["Identity_2"].try_extract_tensor::<i64>()?;
                    frames.iter().map(|&frames| usize::try_from(frames).unwrap_or(0) * FRAME).collect()
                }
            };
            Ok((mel.to_vec(), durations))
        })?;
        let mel = TensorRef::from_array_view(([1, mel.len() / MEL_BINS, MEL_BINS], &*mel))?;
        let pcm = self.vocoder.with(|session| -> ort::Result<_> {
            let out = session.run(ort::inputs!["mels" => mel])?;
            Ok(out[0].try_extract_tensor::<f32>()?.1.to_vec())
        })?;
        Ok((pcm, durations))
    }
}

impl Voice for Baker {
    /// About eighty syllables: its longest training sentences.
    const MAX_SYMBOLS: usize = 240;

    fn speak(&self, phrase: &[Symbol], prosody: Prosody) -> Result<Spoken, SpeakError> {
        let id = |text: &str| self.mapper.symbol_to_id.get(text).copied();
        let is_pause = |symbol: &Symbol| symbol.word.is_none() && !symbol.is_seam();
        let known = |symbol: &Symbol| id(if is_pause(symbol) { PAUSE } else { &symbol.text });
        let known: Vec<Option<i32>> = phrase.iter().map(known).collect();
        let mut ids: Vec<i32> = id("sil").into_iter().collect();
        ids.extend(known.iter().flatten());
        ids.extend(id("sil").into_iter().chain(id("eos")));
        let (pcm, durations) =
            self.run(ids, prosody).map_err(|source| SpeakError::Voice { voice: MODEL, text: shown(phrase), source })?;
        let mut rest = durations.iter().skip(1);
        let each = known.iter().map(|id| id.and_then(|_| rest.next()).copied().unwrap_or(0));
        Ok(Spoken {
            spans: spans(durations.first().copied().unwrap_or(0).saturating_sub(LATE), each),
            pcm,
            rate_hz: RATE_HZ,
        })
    }
}
